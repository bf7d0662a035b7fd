package middleware

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/internal/challengetest"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// A captcha works without any setup.
func TestAMiddlewareHasAGateOfItsOwn(t *testing.T) {
	cfg := Config{Lookup: in(table(t, "192.0.2.1 captcha"))}
	v := &visitor{t: t, h: mustNew(t, cfg).Handler(http.HandlerFunc(seen)), client: "192.0.2.1:1"}
	_, page := v.get()
	if status := v.answer(page); status != http.StatusNoContent {
		t.Fatalf("status %d for the solution", status)
	}
	if status, body := v.get(); status != http.StatusOK || body != "site::" {
		t.Errorf("with a pass: status %d, the site says %q", status, body)
	}
	v.h = mustNew(t, cfg).Handler(http.HandlerFunc(seen))
	if status, _ := v.get(); status != http.StatusForbidden {
		t.Errorf("status %d for a pass of another middleware: it has a secret of its own", status)
	}
}

func TestASecretOfItsOwnIsToldOfOnce(t *testing.T) {
	for _, row := range []struct {
		name string
		cfg  Config
		want int
	}{
		{"no challenge is set", Config{}, 1},
		{"one is", Config{Challenge: newGate(t, challenge.Config{})}, 0},
		{"it is off", Config{ChallengeOff: true}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			log, logs := recorded(zap.DebugLevel)
			row.cfg.Lookup, row.cfg.Logger = in(table(t, "192.0.2.1 captcha")), log
			v := &visitor{t: t, h: mustNew(t, row.cfg).Handler(http.HandlerFunc(seen)), client: "192.0.2.1:1"}
			v.get()
			v.get()
			n := 0
			for _, e := range logs.All() {
				if strings.Contains(e.Message, "set Challenge for passes that last") {
					n++
					if e.Level != zap.InfoLevel {
						t.Errorf("at level %v", e.Level)
					}
				}
			}
			if n != row.want {
				t.Errorf("told %d times, want %d: %v", n, row.want, logs.All())
			}
		})
	}
}

// noteTo records the calls of Challenged.
func noteTo(to *[]string) func(netip.Addr, string, lookup.Decision, string, bool) {
	return func(client netip.Addr, _ string, d lookup.Decision, page string, solved bool) {
		*to = append(*to, fmt.Sprintf("%v %v %v %s %t", client, d.Prefix, d.Action, page, solved))
	}
}

func TestWhatBecomesOfChallengesIsTold(t *testing.T) {
	var told []string
	m := mustNew(t, Config{
		Lookup: in(table(t, "192.0.2.0/24 captcha", "198.51.100.1 ban")), Challenge: newGate(t, challenge.Config{}),
		Challenged: noteTo(&told),
	})
	v := &visitor{t: t, h: m.Handler(http.HandlerFunc(seen)), client: "192.0.2.1:1"}
	page := ""
	for _, step := range []struct {
		name string
		do   func()
		want string // told; empty: nothing
	}{
		{"a browser is challenged", func() { _, page = v.get() }, "192.0.2.1 192.0.2.0/24 captcha /page false"},
		{"a program is", func() {
			r := from("[::ffff:192.0.2.2]:1")
			m.Handler(bare).ServeHTTP(httptest.NewRecorder(), r)
		}, "192.0.2.2 192.0.2.0/24 captcha /some/page false"},
		{"a wrong answer", func() {
			r := httptest.NewRequest(http.MethodPost, "/page?q=1", strings.NewReader("x"))
			r.Header.Set(challengetest.Header, "x")
			v.send(r)
		}, ""},
		{"a right one", func() { v.answer(page) }, "192.0.2.1 192.0.2.0/24 captcha /page true"},
		{"the same of another tab", func() { v.answer(page) }, ""},
		{"a request with the pass", func() { v.get() }, ""},
		{"what is exempt", func() { m.Handler(bare).ServeHTTP(httptest.NewRecorder(), request("192.0.2.3:1", "/robots.txt")) }, ""},
		{"a banned client", func() { m.Handler(bare).ServeHTTP(httptest.NewRecorder(), from("198.51.100.1:1")) }, ""},
		{"a client that nothing is decided about", func() { m.Handler(bare).ServeHTTP(httptest.NewRecorder(), from("203.0.113.1:1")) }, ""},
	} {
		told = nil
		step.do()
		if got := strings.Join(told, ", "); got != step.want {
			t.Errorf("%s: told %q, want %q", step.name, got, step.want)
		}
	}
}

func request(client, target string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.RemoteAddr = client
	return r
}

func TestASolutionIsToldWhateverHasAskedForIt(t *testing.T) {
	about := lookup.Decision{Action: lookup.Captcha, Prefix: netip.MustParsePrefix("192.0.2.1/32")}
	for _, row := range []struct {
		name string
		cfg  Config
		want string
		done string // told when it is solved
	}{
		{"the table", Config{Lookup: in(table(t, "192.0.2.1 captcha"))}, "192.0.2.1 192.0.2.1/32 captcha /page false", "192.0.2.1 192.0.2.1/32 captcha /page true"},
		{"a scenario that this request trips", Config{Lookup: nothing, Observe: &guard{place: "*", decision: about}}, "192.0.2.1 192.0.2.1/32 captcha /page false", "192.0.2.1 invalid Prefix captcha /page true"},
		{"a guard", Config{Lookup: nothing, Observe: guarding("*")}, "", "192.0.2.1 invalid Prefix captcha /page true"},
		{"AppSec", Config{Lookup: nothing, Inspectors: []Inspector{&judge{say: saysCaptcha}}}, "", "192.0.2.1 192.0.2.1/32 captcha /page true"},
		{"a dry run", Config{Lookup: in(table(t, "192.0.2.1 captcha")), DryRun: true}, "", ""},
		{"challenges that are off", Config{Lookup: in(table(t, "192.0.2.1 captcha")), ChallengeOff: true}, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var told []string
			row.cfg.Challenged = noteTo(&told)
			v := &visitor{t: t, h: mustNew(t, row.cfg).Handler(http.HandlerFunc(seen)), client: "192.0.2.1:1"}
			_, page := v.get()
			if got := strings.Join(told, ", "); got != row.want {
				t.Errorf("told %q, want %q", got, row.want)
			}
			if told = nil; strings.Contains(page, "const d=") {
				v.answer(page)
			}
			if got := strings.Join(told, ", "); got != row.done {
				t.Errorf("of the solution: %q, want %q", got, row.done)
			}
		})
	}
}
