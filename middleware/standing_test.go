package middleware

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
)

const browser = "Mozilla/5.0 (X11; Linux x86_64) Firefox/147.0"

// fetches returns a request of the script of a page of the site, with fields such as
// Cookie: a=b.
func fetches(client, agent string, fields ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://example.com/save", strings.NewReader("text=1"))
	r.RemoteAddr = client
	for _, f := range append([]string{"User-Agent: " + agent, "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Sec-Fetch-Site: same-origin"}, fields...) {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Set(name, value)
	}
	return r
}

// A rule that is not certain stops neither programs from an address where somebody has
// logged in, nor browsers that show that they have. Attackers claim to be a browser, share
// addresses, and make the browsers of others send requests.
func TestWhoPassesWhereARuleIsNotCertain(t *testing.T) {
	const known, other = "192.0.2.7:1", "192.0.2.8:1"
	likely, certain, ban := finds(lookup.Captcha, true), finds(lookup.Captcha, false), finds(lookup.Ban, false)
	for _, row := range []struct {
		name string
		r    *http.Request
		say  inspect.Verdict
		want int
	}{
		{"a program where somebody has logged in", fetches(known, "curl/8"), likely, 200},
		{"a program elsewhere", fetches(other, "curl/8"), likely, 403},
		{"a program that sends the session of somebody else", fetches(other, "curl/8", "Cookie: session=known"), likely, 403},
		{"a browser that has logged in", fetches(known, browser, "Cookie: session=known"), likely, 200},
		{"a browser with another session", fetches(known, browser, "Cookie: session=guessed"), likely, 403},
		{"a browser where somebody has logged in", fetches(known, browser), likely, 403},
		{"a browser with the session of somebody else", fetches(other, browser, "Cookie: session=known"), likely, 403},
		{"a browser that has logged in, and a rule that is certain", fetches(known, browser, "Cookie: session=known"), certain, 403},
		{"a browser that has logged in, and a rule that bans", fetches(known, browser, "Cookie: session=known"), ban, 403},
		{"a session that the operator names", fetches(other, browser, "Cookie: logged_in=1"), likely, 200},
		{"a session that the operator names, for a page of another site", fetches(other, browser, "Cookie: logged_in=1", "Sec-Fetch-Site: cross-site"), likely, 403},
		{"a session that the site has not begun", fetches(other, browser, "Cookie: logged_in=2"), likely, 403},
		{"a session that the operator names, and a rule that is certain", fetches(other, browser, "Cookie: logged_in=1"), certain, 403},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := &finderWitness{witness: newWitness()}
			sessions, err := NewSessions(SessionsConfig{Names: []string{"logged_in"}})
			if err != nil {
				t.Fatal(err)
			}
			begin := httptest.NewRequest(http.MethodPost, "http://example.com/login", nil)
			sessions.Note(begin, http.Header{"Set-Cookie": {"logged_in=1"}}, RemoteAddr(fetches(other, browser)))
			m := mustNew(t, Config{Lookup: nothing, Observe: o, Sessions: sessions, Inspectors: []Inspector{&judge{say: row.say}}, Challenge: newGate(t, challenge.Config{})})
			w := httptest.NewRecorder()
			m.Handler(http.HandlerFunc(seen)).ServeHTTP(w, row.r)
			if w.Code != row.want || len(o.found) != 1 {
				t.Fatalf("status %d, told %d times", w.Code, len(o.found))
			}
			if first := o.found[0].Findings[0]; first.Stopped != (row.want == 403) || first.Alert != (row.want == 403) {
				t.Errorf("%+v", first)
			}
		})
	}
}
