package detect

import (
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/internal/hubsuite"
)

// loadHub loads the scenarios of the hub, once for all tests.
var loadHub = sync.OnceValues(func() (*Rules, error) {
	dir := filepath.Join(os.Getenv("TOCSIN_HUB_SUITE"), "_hub")
	return Load(LoadConfig{Paths: []string{filepath.Join(dir, "scenarios")}, Data: filepath.Join(dir, "data")})
})

// hubRules returns the scenarios of the hub with these names, or all of them.
func hubRules(t testing.TB, names ...string) *Rules {
	t.Helper()
	hubsuite.Dir(t)
	all, err := loadHub()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all.Skipped() {
		t.Errorf("skipped: %v", s)
	}
	if len(names) == 0 {
		return all
	}
	some := *all
	some.scenarios = slices.DeleteFunc(slices.Clone(all.scenarios), func(s *scenario) bool { return !slices.Contains(names, s.name) })
	if len(some.scenarios) != len(names) {
		t.Fatalf("%d scenarios of %d: %q", len(some.scenarios), len(names), names)
	}
	return &some
}

// eventOf returns what was recorded as an event.
func eventOf(r *hubsuite.Recording) *event.Event {
	e := &event.Event{
		Time: r.Time, Client: r.IP, Method: r.Method, Target: r.URI, Host: r.Host, Proto: r.Proto,
		UserAgent: r.UA, Referer: r.Referer, Status: r.Status, Line: r.Malformed,
	}
	if r.Auth != "" {
		e.Header = http.Header{"Www-Authenticate": {r.Auth}}
	}
	return e
}

// replay returns what a detector with the rules makes of requests.
func replay(rules *Rules, requests []*hubsuite.Recording) []hubsuite.Overflow {
	d := New(Config{Rules: rules})
	var all []hubsuite.Overflow
	for _, r := range requests {
		e := eventOf(r)
		for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
			all = append(all, hubsuite.Overflow{Scenario: a.Scenario, Source: a.Client, Count: a.Count, Remediation: a.Remediation, Stop: a.Stop})
		}
	}
	return all
}

func TestHubSuite(t *testing.T) {
	skipUnderRace(t)
	everything := hubRules(t)
	for _, x := range hubsuite.Tests(t) {
		t.Run(x.Name, func(t *testing.T) {
			own := hubRules(t, x.Scenarios...)
			for _, run := range []struct {
				name     string
				rules    *Rules
				requests []*hubsuite.Recording
				want     []hubsuite.Overflow
			}{
				{"alone", own, x.Requests, x.Overflows},
				{"with all scenarios", everything, x.Requests, x.AllOverflows},
				{"alone, what a handler sees", own, x.Reachable(), x.ReachableOverflows},
				{"with all scenarios, what a handler sees", everything, x.Reachable(), x.ReachableAll},
			} {
				if got, want := hubsuite.Lines(replay(run.rules, run.requests), false), hubsuite.Lines(run.want, false); !slices.Equal(got, want) {
					t.Errorf("%s:\ngot  %s\nwant %s", run.name, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
				}
			}
		})
	}
}

func TestHubSynthetic(t *testing.T) {
	for _, x := range hubsuite.Tests(t, "_synthetic") {
		t.Run(x.Name, func(t *testing.T) {
			got := hubsuite.Lines(replay(hubRules(t, x.Scenarios...), x.Requests), true)
			if missing := without(hubsuite.Lines(x.Stable, true), got); len(missing) > 0 {
				t.Errorf("missing:\n%s", strings.Join(missing, "\n"))
			}
			if wrong := without(got, hubsuite.Lines(x.Any, true)); len(wrong) > 0 {
				t.Errorf("nobody saw:\n%s", strings.Join(wrong, "\n"))
			}
		})
	}
}

// without returns what is in a, but not in b, counting how often.
func without(a, b []string) []string {
	n := make(map[string]int)
	for _, s := range b {
		n[s]++
	}
	var rest []string
	for _, s := range a {
		if n[s]--; n[s] < 0 {
			rest = append(rest, s)
		}
	}
	return rest
}

func TestHubDerivation(t *testing.T) {
	var vectors []struct {
		Input        hubsuite.Recording
		Parsed, Meta map[string]string
	}
	hubsuite.ReadJSON(t, filepath.Join(hubsuite.Dir(t), "_derivation", "vectors.json"), &vectors)
	if len(vectors) == 0 {
		t.Fatal("no vectors")
	}
	p := compile(&Rules{lists: newLists()}, nil)
	for _, x := range vectors {
		e := eventOf(&x.Input)
		e.Client = netip.MustParseAddr(x.Meta["source_ip"])
		v := p.open(e, event.ClientOf(e.Client))
		env := v.environment()
		for _, room := range []struct {
			name      string
			got, want map[string]string
		}{{"Parsed", env.Parsed, x.Parsed}, {"Meta", env.Meta, x.Meta}} {
			for key, want := range room.want {
				if got, ok := room.got[key]; !ok || got != want {
					t.Errorf("%q: %s.%s is %q (%v), want %q", e.Target, room.name, key, got, ok, want)
				}
			}
			for key, got := range room.got {
				ours := slices.Contains([]string{
					"clean_path", "script", "form_action", "status", "place", "path_template", "last_word", "agent_products", "attribution", "source_net", "outcome", "asked", "climbs", "site", "cloning", "exposed",
				}, key)
				if _, ok := room.want[key]; !ok && !ours {
					t.Errorf("%q: %s.%s is %q, want none", e.Target, room.name, key, got)
				}
			}
		}
		v.close()
	}
}
