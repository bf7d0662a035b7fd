package middleware

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/internal/challengetest"
	"github.com/tocsin-project/tocsin/lookup"
)

// A guard is an Observer that requires a pass from any client for one path.
type guard struct {
	place    string // method and target; "*" for all
	decision lookup.Decision
	seen     []string // responses
	cookies  []string // that they set
}

// guarding returns a guard on a place for the next ten minutes.
func guarding(place string) *guard {
	now := time.Now()
	return &guard{place: place, decision: lookup.Decision{
		Action: lookup.Captcha, Origin: "tocsin", Reason: "many failed logins", Since: now, Until: now.Add(10 * time.Minute),
	}}
}

func (g *guard) Request(e *event.Event) (lookup.Decision, bool) {
	return g.decision, g.place == "*" || g.place == e.Method+" "+e.Target
}

func (g *guard) Response(e *event.Event) {
	g.seen = append(g.seen, e.Method+" "+e.Target)
	g.cookies = append(g.cookies, e.Header["Set-Cookie"]...)
}

const login = "log=admin&pwd=p%3C%26%22%27%C3%9F+%25"

// logIn sends the site's own login form.
func (v *visitor) logIn() *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(login))
	r.Host = "shop.example"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://shop.example")
	return v.send(r)
}

// solveAt solves the challenge in a page that stands at the login.
func (v *visitor) solveAt(page string) int {
	v.t.Helper()
	a, err := challengetest.Solve(page)
	if err != nil {
		v.t.Fatal(err)
	}
	r, err := a.Request("http://shop.example/login")
	if err != nil {
		v.t.Fatal(err)
	}
	r.RequestURI = "/login"
	return v.send(r).Code
}

// echo is a site that says what it got.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, _ = fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.Path, body)
}

func TestALoginGoesThroughAGuardWithAPass(t *testing.T) {
	g := guarding("POST /login")
	var told int
	m := mustNew(t, Config{
		Lookup: nothing, Observe: g, Challenge: newGate(t, challenge.Config{}),
		Challenged: func(netip.Addr, string, lookup.Decision, string, bool) { told++ },
	})
	v := &visitor{t: t, h: m.Handler(http.HandlerFunc(echo)), client: "192.0.2.1:1"}
	if status, _ := v.get(); status != http.StatusOK {
		t.Errorf("another place: status %d", status)
	}
	w := v.logIn()
	page := w.Body.String()
	if w.Code != http.StatusForbidden || w.Header().Get("X-Tocsin") != "challenge" {
		t.Fatalf("without a pass: status %d, %v", w.Code, w.Header())
	}
	for _, field := range []string{`name="log" value="admin"`, `name="pwd" value="` + html.EscapeString(`p<&"'ß %`) + `"`} {
		if !strings.Contains(page, field) {
			t.Errorf("the page does not keep %s:\n%s", field, page)
		}
	}
	if status := v.solveAt(page); status != http.StatusNoContent || v.cookie == "" {
		t.Fatalf("the solution: status %d, cookie %q", status, v.cookie)
	}
	if w := v.logIn(); w.Code != http.StatusOK || w.Body.String() != "POST /login "+login {
		t.Errorf("with a pass: status %d, the site got %q", w.Code, w.Body)
	}
	if got := strings.Join(g.seen, ", "); got != "GET /page?q=1, POST /login" {
		t.Errorf("observed responses: %s", got)
	}
	n := m.Counters().Snapshot()
	if n.Stopped[lookup.Captcha] != 1 || n.Passed != 1 || n.Solved != 1 || told != 1 {
		t.Errorf("counted %+v; told %d times, want once, of the solution", n, told)
	}
}

func TestAPassFromBeforeTheGuardIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guarding("POST /login")
		m := mustNew(t, Config{Lookup: nothing, Observe: g, Challenge: newGate(t, challenge.Config{})})
		v := &visitor{t: t, h: m.Handler(http.HandlerFunc(echo)), client: "192.0.2.1:1"}
		v.solveAt(v.logIn().Body.String())
		old := v.cookie
		<-time.After(time.Minute)
		if w := v.logIn(); w.Code != http.StatusOK {
			t.Fatalf("status %d for a pass of a minute ago", w.Code)
		}
		g.decision.Since = time.Now()
		<-time.After(time.Second)
		w := v.logIn()
		if w.Code != http.StatusForbidden {
			t.Fatalf("status %d for a pass from before the guard", w.Code)
		}
		if status := v.solveAt(w.Body.String()); status != http.StatusNoContent || v.cookie == old {
			t.Fatalf("status %d, and a new pass: %t", status, v.cookie != old)
		}
		if w := v.logIn(); w.Code != http.StatusOK {
			t.Errorf("status %d for the new pass", w.Code)
		}
	})
}

func TestAProgramIsToldWhatAGuardWants(t *testing.T) {
	m := mustNew(t, Config{Lookup: nothing, Observe: guarding("POST /login")})
	r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(`{"user":"a"}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	m.Handler(bare).ServeHTTP(w, r)
	if w.Code != http.StatusForbidden || w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("X-Tocsin") != "challenge" {
		t.Errorf("status %d, %v", w.Code, w.Header())
	}
}

// The client has done nothing wrong, so it is not banned.
func TestWithChallengesOffAGuardPutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mustNew(t, Config{Lookup: nothing, Observe: guarding("POST /login"), ChallengeOff: true})
		v := &visitor{t: t, h: m.Handler(http.HandlerFunc(echo)), client: "192.0.2.1:1"}
		<-time.After(time.Minute)
		w := v.logIn()
		if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "540" {
			t.Errorf("status %d, %v", w.Code, w.Header())
		}
		if body := w.Body.String(); strings.Contains(body, "your network address") || !strings.Contains(body, "9 minutes") {
			t.Errorf("the page blames the client, or does not say when:\n%s", body)
		}
		if status, _ := v.get(); status != http.StatusOK {
			t.Errorf("another place: status %d", status)
		}
		if n := m.Counters().Snapshot(); n.Stopped[lookup.Captcha] != 1 || n.Stopped[lookup.Ban] != 0 {
			t.Errorf("counted %+v", n)
		}
	})
}

func TestWhatIsAGuard(t *testing.T) {
	one := netip.MustParseAddr("192.0.2.1")
	for _, row := range []struct {
		name     string
		decision lookup.Decision
		guard    bool
		status   int // with challenges off
	}{
		{"a captcha about nobody", lookup.Decision{Action: lookup.Captcha}, true, 429},
		{"a captcha about the client", lookup.Decision{Action: lookup.Captcha, Prefix: netip.PrefixFrom(one, 32)}, false, 429},
		{"a captcha about a country", lookup.Decision{Action: lookup.Captcha, Country: "FR"}, false, 429},
		{"a captcha about an autonomous system", lookup.Decision{Action: lookup.Captcha, AS: 64496}, false, 429},
		{"a ban about nobody", lookup.Decision{Action: lookup.Ban}, false, 403},
		{"an action that nobody knows", lookup.Decision{Action: lookup.Ban + 1}, false, 403},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := mustNew(t, Config{Lookup: nothing, Observe: &guard{place: "*", decision: row.decision}, ChallengeOff: true})
			s := m.Check(from("192.0.2.1:1"))
			if s == nil || s.Guard != row.guard || s.Status != row.status {
				t.Errorf("got %+v", s)
			}
		})
	}
}

// Lookup returns decisions about clients only, so its result is not a guard.
func TestWhatIsDecidedAboutAClientIsNoGuard(t *testing.T) {
	d := lookup.Decision{Action: lookup.Captcha}
	m := mustNew(t, Config{Lookup: func(context.Context, netip.Addr) (lookup.Decision, bool) { return d, true }, ChallengeOff: true})
	if s := m.Check(from("192.0.2.1:1")); s == nil || s.Guard || s.Status != http.StatusTooManyRequests {
		t.Errorf("got %+v", s)
	}
}

// The request itself needs the pass, so no exemption applies.
func TestNothingIsExemptFromWhatARequestHasCaused(t *testing.T) {
	const target = "/robots.txt"
	client := lookup.Decision{Action: lookup.Captcha, Prefix: netip.MustParsePrefix("192.0.2.1/32")}
	for _, row := range []struct {
		name string
		cfg  Config
		want int
	}{
		{"a decision about the client", Config{Lookup: in(table(t, "192.0.2.1 captcha"))}, http.StatusNoContent},
		{"the same, with a scenario that this request trips", Config{Lookup: in(table(t, "192.0.2.1 captcha")), Observe: &guard{place: "*", decision: client}}, http.StatusForbidden},
		{"the same, with AppSec", Config{Lookup: in(table(t, "192.0.2.1 captcha")), Inspectors: []Inspector{&judge{say: saysCaptcha}}}, http.StatusForbidden},
		{"a guard", Config{Lookup: nothing, Observe: guarding("GET " + target)}, http.StatusForbidden},
		{"a scenario that this request trips", Config{Lookup: nothing, Observe: &guard{place: "*", decision: client}}, http.StatusForbidden},
		{"AppSec", Config{Lookup: nothing, Inspectors: []Inspector{&judge{say: saysCaptcha}}}, http.StatusForbidden},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.cfg.Challenge = newGate(t, challenge.Config{})
			r := httptest.NewRequest(http.MethodGet, target, nil)
			r.RemoteAddr = "192.0.2.1:1"
			w := httptest.NewRecorder()
			mustNew(t, row.cfg).Handler(bare).ServeHTTP(w, r)
			if w.Code != row.want {
				t.Errorf("status %d, want %d", w.Code, row.want)
			}
		})
	}
}

func TestWhoCollectsPassesIsTurnedAwayAtAGuardToo(t *testing.T) {
	m := mustNew(t, Config{
		Lookup: nothing, Observe: guarding("POST /login"), Challenge: newGate(t, challenge.Config{Bar: 1}),
	})
	v := &visitor{t: t, h: m.Handler(http.HandlerFunc(echo)), client: "192.0.2.1:1"}
	for range 2 {
		v.solveAt(v.logIn().Body.String())
		v.cookie = ""
	}
	w := v.logIn()
	if w.Code != http.StatusTooManyRequests || w.Header().Get("X-Tocsin") == "challenge" || !strings.Contains(w.Body.String(), "your network address") {
		t.Errorf("status %d, %v", w.Code, w.Header())
	}
}

func TestADryRunGuardsNothing(t *testing.T) {
	m := mustNew(t, Config{Lookup: nothing, Observe: guarding("POST /login"), DryRun: true})
	v := &visitor{t: t, h: m.Handler(http.HandlerFunc(echo)), client: "192.0.2.1:1"}
	if w := v.logIn(); w.Code != http.StatusOK || m.Counters().Snapshot().DryRun != 1 {
		t.Errorf("status %d, counted %+v", w.Code, m.Counters().Snapshot())
	}
}

// The challenge of a guard has the first level of all clients, medium: the solutions of
// a dozen clients are below two million, and not all below half a million.
func TestAGuardAsksForLittle(t *testing.T) {
	m := mustNew(t, Config{Lookup: nothing, Observe: guarding("POST /login")})
	most := 0
	for i := range 12 {
		v := &visitor{t: t, h: m.Handler(http.HandlerFunc(echo)), client: fmt.Sprintf("192.0.2.%d:1", i+1)}
		most = max(most, solutionOf(t, v.logIn().Body.String()))
	}
	if most < 500_000 || most >= 2_000_000 {
		t.Errorf("the largest solution is %d, want one of level medium", most)
	}
}

// solutionOf returns the number that solves the challenge in a page.
func solutionOf(t *testing.T, page string) int {
	t.Helper()
	a, err := challengetest.Solve(page)
	if err != nil {
		t.Fatal(err)
	}
	text, err := base64.StdEncoding.DecodeString(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	var solved struct{ Solution struct{ Counter int } }
	if err := json.Unmarshal(text, &solved); err != nil {
		t.Fatal(err)
	}
	return solved.Solution.Counter
}
