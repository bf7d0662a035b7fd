package middleware

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// A journal notes what an observer is shown.
type journal struct{ shown []string }

func (j *journal) Request(e *event.Event) (lookup.Decision, bool) {
	j.shown = append(j.shown, "request "+e.Target)
	return lookup.Decision{}, false
}

func (j *journal) Response(e *event.Event) {
	j.shown = append(j.shown, "response "+e.Target+" "+http.StatusText(e.Status))
}

func TestOneOfSeveralMiddlewaresObserves(t *testing.T) {
	for _, row := range []struct {
		name     string
		expected bool // by the outer one: the inner one follows
		follows  bool // it does
		observes bool // and looks for abuse
		want     []string
	}{
		{"the inner one, expected", true, true, true, []string{"request /a", "response /a I'm a teapot"}},
		{"the inner one, unexpected", false, true, true, []string{"request /a", "response /a I'm a teapot"}},
		{"expected, and it does not look", true, true, false, nil},
		{"unexpected, and it does not look", false, true, false, []string{"request /a"}},
		{"expected, and it does not follow", true, false, true, []string{"request /a", "response /a I'm a teapot"}},
		{"there is none", false, false, true, []string{"request /a", "response /a I'm a teapot"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var seen journal
			client := func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") }
			nothing := func(context.Context, netip.Addr) (lookup.Decision, bool) { return lookup.Decision{}, false }
			cfg := Config{Lookup: nothing, ClientIP: client, Observe: &seen}
			outer, err1 := New(cfg)
			if !row.observes {
				cfg.Observe = nil
			}
			inner, err2 := New(cfg)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			teapot := func(w http.ResponseWriter, _ *http.Request) error {
				w.WriteHeader(http.StatusTeapot)
				return nil
			}
			var v Visit
			v.Expect(row.expected)
			w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/a", nil)
			_, err := outer.ServeVisit(&v, w, r, func(w http.ResponseWriter, r *http.Request) error {
				if !row.follows {
					return teapot(w, r)
				}
				r.RequestURI = "/rewritten"
				v.Enter()
				_, err := inner.ServeVisit(&v, w, r, teapot)
				return err
			})
			if err != nil || !slices.Equal(seen.shown, row.want) {
				t.Errorf("the observer is shown %q, %v; want %q", seen.shown, err, row.want)
			}
			if n := outer.Counters().Snapshot().Processed + inner.Counters().Snapshot().Processed; n != 1 {
				t.Errorf("%d requests are counted, want 1", n)
			}
		})
	}
}

// A trap is an observer that returns a decision about every request.
type trap struct {
	journal
	decision lookup.Decision
}

func (t *trap) Request(*event.Event) (lookup.Decision, bool) { return t.decision, true }

// Error routes answer a request by the decision from its arrival. An alert that the
// request causes applies at once, but only to the next request.
func TestTheVerdictAtEntryHoldsForTheAnswer(t *testing.T) {
	ban := lookup.Decision{Action: lookup.Ban, Prefix: netip.MustParsePrefix("192.0.2.1/32")}
	guard := lookup.Decision{Action: lookup.Captcha}
	for _, row := range []struct {
		name          string
		before, after lookup.Decision // what the table has when the request comes, and when it is answered
		trap          lookup.Decision
		answerer      string // the client, as who answers takes it
		want          bool   // the answer is refused
	}{
		{"nothing is decided", lookup.Decision{}, lookup.Decision{}, lookup.Decision{}, "192.0.2.1", false},
		{"a ban comes meanwhile", lookup.Decision{}, ban, lookup.Decision{}, "192.0.2.1", false},
		{"a ban comes meanwhile, about who is another client in there", lookup.Decision{}, ban, lookup.Decision{}, "192.0.2.2", true},
		{"a ban ends meanwhile", ban, lookup.Decision{}, lookup.Decision{}, "192.0.2.1", true},
		{"the request is a trap's", lookup.Decision{}, lookup.Decision{}, ban, "192.0.2.1", true},
		{"the request alone is challenged", lookup.Decision{}, lookup.Decision{}, guard, "192.0.2.1", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			has := row.before
			client := "192.0.2.1"
			cfg := Config{
				Lookup:   func(context.Context, netip.Addr) (lookup.Decision, bool) { return has, has.Action != lookup.None },
				ClientIP: func(*http.Request) netip.Addr { return netip.MustParseAddr(client) },
				DryRun:   true, Observe: &trap{decision: row.trap},
			}
			outer, err1 := New(cfg)
			cfg.DryRun = false
			inErrors, err2 := New(cfg)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			var v Visit
			r := httptest.NewRequest(http.MethodGet, "/a", nil)
			if s := outer.CheckVisit(&v, r); s != nil {
				t.Fatalf("stopped in a dry run: %+v", s)
			}
			v.End()
			has, client = row.after, row.answerer
			if s := inErrors.CheckVisit(&v, r); (s != nil) != row.want {
				t.Errorf("refused: %v, want %v", s != nil, row.want)
			}
		})
	}
}

// A solved challenge for a decision about the client does not count for a challenge
// that the request itself causes, nor for a later offence.
func TestOnePassedChallengeIsNotAllChallenges(t *testing.T) {
	suspects := in(table(t, "192.0.2.1 captcha"))
	later := lookup.Decision{Action: lookup.Captcha, Origin: "tocsin", Since: time.Now().Add(time.Hour), Until: time.Now().Add(2 * time.Hour)}
	always := lookup.Decision{Action: lookup.Captcha, Origin: "tocsin"}
	for _, row := range []struct {
		name, target string
		asks         Observer // nil: nobody
		pass         bool
		want         int
	}{
		{"exempt", "/robots.txt", nil, false, http.StatusNoContent},
		{"exempt, and a scenario asks", "/robots.txt", &guard{place: "*", decision: always}, false, http.StatusForbidden},
		{"a pass", "/page?q=1", nil, true, http.StatusNoContent},
		{"a pass, and a scenario asks", "/page?q=1", &guard{place: "*", decision: always}, true, http.StatusNoContent},
		{"a pass, and a scenario asks for a newer one", "/page?q=1", &guard{place: "*", decision: later}, true, http.StatusForbidden},
	} {
		t.Run(row.name, func(t *testing.T) {
			var passed int
			cfg := Config{
				Lookup: suspects, Challenge: newGate(t, challenge.Config{}), Passed: func(*http.Request, *Stop) { passed++ },
			}
			outer := mustNew(t, cfg)
			cfg.Observe = row.asks
			inner := mustNew(t, cfg)
			client := &visitor{t: t, h: outer.Handler(bare), client: "192.0.2.1:1"}
			if row.pass {
				_, page := client.get()
				client.answer(page)
			}
			client.h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var v Visit
				v.Expect(true)
				s, err := outer.ServeVisit(&v, w, r, func(w http.ResponseWriter, r *http.Request) error {
					v.Enter()
					s, err := inner.ServeVisit(&v, w, r, func(w http.ResponseWriter, r *http.Request) error {
						bare.ServeHTTP(w, r)
						return nil
					})
					if s != nil {
						inner.Answer(w, r, s)
					}
					return err
				})
				if s != nil {
					outer.Answer(w, r, s)
				}
				if err != nil {
					t.Error(err)
				}
			})
			if w := client.send(httptest.NewRequest(http.MethodGet, row.target, nil)); w.Code != row.want {
				t.Errorf("status %d, want %d", w.Code, row.want)
			}
			if passed > 1 {
				t.Errorf("passed %d times", passed)
			}
		})
	}
}
