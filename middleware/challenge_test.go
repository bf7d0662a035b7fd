package middleware

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/internal/challengetest"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func newGate(t testing.TB, cfg challenge.Config) *challenge.Gate {
	t.Helper()
	var err error
	if cfg.Keys, err = challenge.NewKeyring([]byte(strings.Repeat("k", 32))); err != nil {
		t.Fatal(err)
	}
	cfg.Level = challenge.Low
	g, err := challenge.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// A visitor is a simple browser.
type visitor struct {
	t      testing.TB
	h      http.Handler
	client string
	cookie string
	agent  string // of the answers
}

func (v *visitor) send(r *http.Request) *httptest.ResponseRecorder {
	r.RemoteAddr = v.client
	r.Header.Set("Accept", "text/html")
	if v.cookie != "" {
		r.Header.Set("Cookie", v.cookie)
	}
	w := httptest.NewRecorder()
	v.h.ServeHTTP(w, r)
	if set := w.Header().Get("Set-Cookie"); set != "" {
		v.cookie, _, _ = strings.Cut(set, ";")
	}
	return w
}

func (v *visitor) get() (status int, body string) {
	w := v.send(httptest.NewRequest(http.MethodGet, "/page?q=1", nil))
	return w.Code, w.Body.String()
}

// answer solves the challenge in a page and returns the status of the reply.
func (v *visitor) answer(page string) int {
	v.t.Helper()
	a, err := challengetest.Solve(page)
	if err != nil {
		v.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/page?q=1", strings.NewReader(a.Body))
	r.Header.Set(challengetest.Header, a.Token)
	r.Header.Set("User-Agent", v.agent)
	return v.send(r).Code
}

// seen is a site that shows the cookies that it got.
func seen(w http.ResponseWriter, r *http.Request) {
	_, _ = fmt.Fprint(w, "site:"+r.Header.Get("Cookie")+":"+r.Header.Get(challengetest.Header))
}

func TestASolvedChallengeLetsIn(t *testing.T) {
	var passed []*Stop
	m := mustNew(t, Config{
		Lookup: in(table(t, "192.0.2.1 captcha")), Challenge: newGate(t, challenge.Config{}),
		Passed: func(_ *http.Request, s *Stop) { passed = append(passed, s) },
	})
	v := &visitor{t: t, h: m.Handler(http.HandlerFunc(seen)), client: "192.0.2.1:1"}
	status, page := v.get()
	if status != http.StatusForbidden {
		t.Fatalf("status %d before the challenge is solved", status)
	}
	if status := v.answer(page); status != http.StatusNoContent {
		t.Fatalf("status %d for the solution", status)
	}
	if status, body := v.get(); status != http.StatusOK || body != "site::" {
		t.Errorf("status %d, the site says %q: the pass is none of its business", status, body)
	}
	if len(passed) != 1 || passed[0].Decision.Action != lookup.Captcha {
		t.Errorf("told of %v", passed)
	}
	n := m.Counters().Snapshot()
	if n.Stopped[lookup.Captcha] != 1 || n.Passed != 1 || n.Solved != 1 || n.Processed != 3 {
		t.Errorf("counted %+v", n)
	}
	v.client = "192.0.2.2:1"
	if status, body := v.get(); status != http.StatusOK || strings.Contains(body, "tocsin") {
		t.Errorf("a client that nothing is decided about: status %d, the site says %q", status, body)
	}
}

// Several tabs of one visitor solve challenges, and a decision may end meanwhile. The
// application gets none of the answers.
func TestAnAnswerNeverReachesTheApplication(t *testing.T) {
	tab := table(t, "192.0.2.1 captcha", "192.0.2.9 ban", "192.0.2.8 throttle")
	for _, row := range []struct {
		name string
		then func(v *visitor)
		dry  bool
		want int
	}{
		{"another tab was faster", func(*visitor) {}, false, http.StatusNoContent},
		{"the decision has ended", func(*visitor) { tab.Replace("lapi", nil) }, false, http.StatusNoContent},
		{"the client is allow-listed now", func(v *visitor) { v.client = "192.0.2.7:1" }, false, http.StatusNoContent},
		{"the address cannot be told", func(v *visitor) { v.client = "@" }, false, http.StatusNoContent},
		{"the client is banned now", func(v *visitor) { v.client = "192.0.2.9:1" }, false, http.StatusForbidden},
		{"the client is throttled now", func(v *visitor) { v.client = "192.0.2.8:1" }, false, http.StatusTooManyRequests},
		{"this is a dry run now", func(*visitor) {}, true, http.StatusNoContent},
	} {
		t.Run(row.name, func(t *testing.T) {
			tab.Replace("lapi", decisions(t, "192.0.2.1 captcha", "192.0.2.7 captcha", "192.0.2.9 ban", "192.0.2.8 throttle"))
			cfg := Config{Lookup: in(tab), Challenge: newGate(t, challenge.Config{}), Allow: prefixes("192.0.2.7/32")}
			app := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				t.Errorf("the application got %s %s", r.Method, r.Header.Get(challengetest.Header))
			})
			v := &visitor{t: t, h: mustNew(t, cfg).Handler(app), client: "192.0.2.1:1"}
			_, page := v.get()
			if v.answer(page) != http.StatusNoContent {
				t.Fatal("not solved")
			}
			row.then(v)
			cfg.DryRun = row.dry
			v.h = mustNew(t, cfg).Handler(app)
			if status := v.answer(page); status != row.want {
				t.Errorf("status %d, want %d", status, row.want)
			}
		})
	}
}

func TestABanDoesNotAskForAChallenge(t *testing.T) {
	tab := table(t, "192.0.2.1 captcha")
	v := &visitor{t: t, h: mustNew(t, Config{
		Lookup: in(tab), Challenge: newGate(t, challenge.Config{}),
	}).Handler(http.HandlerFunc(seen)), client: "192.0.2.1:1"}
	_, page := v.get()
	v.answer(page)
	tab.Replace("lapi", decisions(t, "192.0.2.1 ban"))
	if status, body := v.get(); status != http.StatusForbidden || strings.Contains(body, "const d=") {
		t.Errorf("a pass saves a banned client: status %d", status)
	}
}

func TestANewDecisionIsNotMetByAnOldPass(t *testing.T) {
	tab := table(t, "192.0.2.1 captcha")
	v := &visitor{t: t, h: mustNew(t, Config{
		Lookup: in(tab), Challenge: newGate(t, challenge.Config{}),
	}).Handler(http.HandlerFunc(seen)), client: "192.0.2.1:1"}
	_, page := v.get()
	v.answer(page)
	tab.Replace("lapi", nil)
	tab.Replace("lapi", decisions(t, "192.0.2.1 captcha"))
	if status, _ := v.get(); status != http.StatusForbidden {
		t.Errorf("status %d: an offender lives on an old pass", status)
	}
}

// A client that collects passes must come back later and is not banned, because others
// may have the same address. Clients with a pass continue.
func TestWhoCollectsPassesIsTurnedAwayForNow(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	m := mustNew(t, Config{
		Lookup: in(table(t, "192.0.2.1 captcha")), Logger: zap.New(core),
		Challenge: newGate(t, challenge.Config{Bar: 2, Raise: -1}),
	})
	v := &visitor{t: t, h: m.Handler(http.HandlerFunc(seen)), client: "192.0.2.1:1"}
	held := ""
	for range 3 {
		_, page := v.get()
		v.answer(page)
		held, v.cookie = v.cookie, ""
	}
	w := v.send(httptest.NewRequest(http.MethodGet, "/page", nil))
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "const d=") {
		t.Errorf("status %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	if n := m.Counters().Snapshot(); n.Stopped[lookup.Throttle] != 1 || n.Stopped[lookup.Ban] != 0 {
		t.Errorf("counted %+v", n)
	}
	if all := logs.All(); all[len(all)-1].ContextMap()["action"] != "throttle" {
		t.Errorf("logged %v", all[len(all)-1])
	}
	v.cookie = held
	if status, _ := v.get(); status != http.StatusOK {
		t.Errorf("status %d with a pass", status)
	}
}

// Without challenges a person cannot prove anything, so a captcha decision does not ban
// for good.
func TestWithChallengesOffACaptchaTurnsAwayUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tab := table(t)
		d := decisions(t, "192.0.2.1 captcha")
		d[0].Until = time.Now().Add(90 * time.Minute)
		tab.Replace("lapi", d)
		v := &visitor{t: t, h: mustNew(t, Config{Lookup: in(tab), ChallengeOff: true}).Handler(http.HandlerFunc(seen)), client: "192.0.2.1:1"}
		w := v.send(httptest.NewRequest(http.MethodGet, "/page", nil))
		if body := w.Body.String(); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "5400" ||
			strings.Contains(body, "const d=") || !strings.Contains(body, "try again in 2 hours") {
			t.Errorf("status %d, Retry-After %q, %s", w.Code, w.Header().Get("Retry-After"), body)
		}
		<-time.After(90 * time.Minute)
		if status, _ := v.get(); status != http.StatusOK {
			t.Errorf("when the decision is over the status is %d", status)
		}
	})
}

// A site that sends no challenges accepts the pass from another site.
func TestWithChallengesOffAPassFromElsewhereCounts(t *testing.T) {
	gate := newGate(t, challenge.Config{Hosts: []string{"example.com"}})
	lookup := in(table(t, "192.0.2.1 captcha"))
	v := &visitor{t: t, h: mustNew(t, Config{Lookup: lookup, Challenge: gate}).Handler(http.HandlerFunc(seen)), client: "192.0.2.1:1"}
	_, page := v.get()
	v.answer(page)
	v.h = mustNew(t, Config{Lookup: lookup, Challenge: gate, ChallengeOff: true}).Handler(http.HandlerFunc(seen))
	ask := func() (int, string) {
		r := httptest.NewRequest(http.MethodGet, "http://cdn.example.com/a.css", nil)
		w := v.send(r)
		return w.Code, w.Body.String()
	}
	if status, body := ask(); status != http.StatusOK || body != "site::" {
		t.Errorf("with the pass: status %d, the site says %q", status, body)
	}
	v.cookie = ""
	if status, body := ask(); status != http.StatusTooManyRequests || strings.Contains(body, "const d=") {
		t.Errorf("without: status %d", status)
	}
}

// The site's responses renew a pass in use. Neither the site nor the detection of
// successful logins sees that cookie.
func TestAPassInUseIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tab := table(t)
		d := decisions(t, "192.0.2.1 captcha")
		d[0].Until = time.Now().Add(8 * time.Hour)
		tab.Replace("lapi", d)
		watch := &guard{}
		m := mustNew(t, Config{Lookup: in(tab), Challenge: newGate(t, challenge.Config{}), Observe: watch})
		v := &visitor{t: t, h: m.Handler(http.HandlerFunc(seen)), client: "192.0.2.1:1"}
		_, page := v.get()
		v.answer(page)
		for range 20 {
			<-time.After(15 * time.Minute)
			if status, body := v.get(); status != http.StatusOK || body != "site::" {
				t.Fatalf("in steady use the status is %d, the site says %q", status, body)
			}
		}
		if n := m.Counters().Snapshot(); n.Solved != 1 {
			t.Errorf("%d challenges solved in five hours; want 1", n.Solved)
		}
		for _, set := range watch.cookies {
			t.Errorf("who observes is told of the cookie %q", set)
		}
		<-time.After(31 * time.Minute)
		if status, _ := v.get(); status != http.StatusForbidden {
			t.Errorf("status %d half an hour after the last use", status)
		}
	})
}

func TestWhatIsExemptFromAChallenge(t *testing.T) {
	h := mustNew(t, Config{
		Lookup: in(table(t, "192.0.2.1 captcha", "192.0.2.2 ban")), Challenge: newGate(t, challenge.Config{}),
	}).Handler(http.HandlerFunc(seen))
	for client, want := range map[string]int{"192.0.2.1:1": http.StatusOK, "192.0.2.2:1": http.StatusForbidden} {
		r := httptest.NewRequest(http.MethodGet, "/robots.txt", nil)
		r.RemoteAddr = client
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("robots.txt for %s: status %d, want %d", client, w.Code, want)
		}
	}
}

func TestADryRunChallengesNobody(t *testing.T) {
	m := mustNew(t, Config{Lookup: in(table(t, "192.0.2.1 captcha")), Challenge: newGate(t, challenge.Config{}), DryRun: true})
	v := &visitor{t: t, h: m.Handler(http.HandlerFunc(seen)), client: "192.0.2.1:1"}
	if status, _ := v.get(); status != http.StatusOK || m.Counters().Snapshot().DryRun != 1 {
		t.Errorf("status %d, counted %+v", status, m.Counters().Snapshot())
	}
}

func BenchmarkPass(b *testing.B) {
	m := mustNew(b, Config{Lookup: in(table(b, "192.0.2.1 captcha")), Challenge: newGate(b, challenge.Config{})})
	v := &visitor{t: b, h: m.Handler(http.HandlerFunc(seen)), client: "192.0.2.1:1"}
	_, page := v.get()
	v.answer(page)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = v.client
	r.Header.Set("Cookie", v.cookie)
	if m.Check(r) != nil {
		b.Fatal("not passed")
	}
	b.ReportAllocs()
	for b.Loop() {
		m.Check(r)
	}
}
