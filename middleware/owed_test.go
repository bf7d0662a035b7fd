package middleware

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
)

// An editor whose script gets a challenge opens a page of the site in another tab, which
// shows the challenge once. Then the script's request passes.
func TestAnEditorComesOutOfAChallenge(t *testing.T) {
	rule := &judge{}
	m := mustNew(t, Config{Lookup: nothing, Inspectors: []Inspector{rule}, Challenge: newGate(t, challenge.Config{})})
	v := &visitor{t: t, h: m.Handler(http.HandlerFunc(seen)), client: "192.0.2.1:1"}
	send := func(r *http.Request) *httptest.ResponseRecorder {
		r.Header.Set("User-Agent", browser)
		return v.send(r)
	}
	page := func() *httptest.ResponseRecorder {
		rule.say = inspect.Verdict{}
		return send(httptest.NewRequest(http.MethodGet, "http://example.com/page?q=1", nil))
	}
	save := func() int {
		rule.say = finds(lookup.Captcha, true)
		return send(fetches(v.client, browser)).Code
	}
	if w := page(); w.Code != 200 {
		t.Fatalf("a page: status %d", w.Code)
	}
	if status := save(); status != 403 {
		t.Fatalf("the request of a script: status %d", status)
	}
	shown := page()
	if shown.Code != 403 || shown.Header().Get("X-Tocsin") != "challenge" {
		t.Fatalf("the next page: status %d, %v", shown.Code, shown.Header())
	}
	if w := page(); w.Code != 200 {
		t.Errorf("the page after it, without a solution: status %d", w.Code)
	}
	rule.say = inspect.Verdict{}
	v.agent = browser
	if status := v.answer(shown.Body.String()); status != 204 {
		t.Fatalf("the solution: status %d", status)
	}
	if status := save(); status != 200 {
		t.Errorf("the request of the script afterwards: status %d", status)
	}
}

// The page of another site can make a browser send requests that get a challenge, but not
// make it owe one.
func TestPagesOfOtherSitesCauseNoChallenges(t *testing.T) {
	rule := &judge{say: finds(lookup.Captcha, true)}
	for _, row := range []struct {
		name string
		r    *http.Request
		want int // the next page
	}{
		{"a script of the site", fetches("192.0.2.1:1", browser), 403},
		{"a script of another site", fetches("192.0.2.1:1", browser, "Sec-Fetch-Site: cross-site"), 200},
		{"a picture in a page of the site", fetches("192.0.2.1:1", browser, "Sec-Fetch-Dest: image"), 200},
		{"a program, which shows no page", fetches("192.0.2.1:1", "curl/8"), 200},
	} {
		m := mustNew(t, Config{Lookup: nothing, Inspectors: []Inspector{rule}, Challenge: newGate(t, challenge.Config{})})
		v := &visitor{t: t, h: m.Handler(http.HandlerFunc(seen)), client: "192.0.2.1:1"}
		rule.say = finds(lookup.Captcha, true)
		if w := v.send(row.r); w.Code != 403 {
			t.Errorf("%s: status %d", row.name, w.Code)
		}
		rule.say = inspect.Verdict{}
		r := httptest.NewRequest(http.MethodGet, "http://example.com/", nil)
		r.Header.Set("User-Agent", row.r.UserAgent())
		if w := v.send(r); w.Code != row.want {
			t.Errorf("%s: the next page has status %d", row.name, w.Code)
		}
	}
}
