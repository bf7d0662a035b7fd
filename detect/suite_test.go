package detect

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// suiteDir returns the folder of the suite of CrowdSec's hub: scenarios, lists,
// and recorded requests with what CrowdSec makes of them.
func suiteDir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("TOCSIN_HUB_SUITE")
	if dir == "" {
		t.Skip("TOCSIN_HUB_SUITE names no folder of recorded requests")
	}
	return dir
}

// loadHub loads the scenarios of the hub, once for all tests.
var loadHub = sync.OnceValues(func() (*Rules, error) {
	dir := filepath.Join(os.Getenv("TOCSIN_HUB_SUITE"), "_hub")
	return Load(LoadConfig{Paths: []string{filepath.Join(dir, "scenarios")}, Data: filepath.Join(dir, "data")})
})

// hubRules returns the scenarios of the hub with these names, or all of them.
func hubRules(t testing.TB, names ...string) *Rules {
	t.Helper()
	suiteDir(t)
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

// A recorded request is a line of requests.jsonl.
type recorded struct {
	Time      time.Time
	IP        netip.Addr
	Method    string
	URI       string
	Proto     string
	Status    int
	UA        string
	Referer   string
	Host      string
	Auth      string `json:"www_authenticate"`
	Malformed string
	Reachable bool `json:"go_reachable"`
}

func (r *recorded) event() *Event {
	e := &Event{
		Time: r.Time, Client: r.IP, Method: r.Method, Target: r.URI, Host: r.Host, Proto: r.Proto,
		UserAgent: r.UA, Referer: r.Referer, Status: r.Status, Line: r.Malformed,
	}
	if r.Auth != "" {
		e.Header = http.Header{"Www-Authenticate": {r.Auth}}
	}
	return e
}

func recordings(t testing.TB, file string) []*recorded {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []*recorded
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		r := &recorded{}
		if err := json.Unmarshal(lines.Bytes(), r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func readJSON(t testing.TB, file string, to any) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, to); err != nil {
		t.Fatal(err)
	}
}

// An overflow is what the suite says of an alert.
type overflow struct {
	Scenario    string
	Source      string
	Count       int `json:"events_count"`
	Remediation bool
	Stop        time.Time `json:"stop_at"`
}

func (o overflow) key(timed bool) string {
	o.Source = netip.MustParseAddr(o.Source).String() // however it is spelled
	if timed {
		return fmt.Sprintf("%s %s %d %s", o.Scenario, o.Source, o.Count, o.Stop.UTC().Format(time.RFC3339Nano))
	}
	return fmt.Sprintf("%s %s %d %v", o.Scenario, o.Source, o.Count, o.Remediation)
}

func keys(all []overflow, timed bool) []string {
	var keys []string
	for _, o := range all {
		keys = append(keys, o.key(timed))
	}
	slices.Sort(keys)
	return keys
}

// replay returns what a detector with the rules makes of requests.
func replay(rules *Rules, requests []*recorded) []overflow {
	d := New(Config{Rules: rules, Bits6: 128})
	var all []overflow
	for _, r := range requests {
		e := r.event()
		for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
			all = append(all, overflow{a.Scenario, a.Client.String(), a.Count, a.Remediation, a.Stop})
		}
	}
	return all
}

func TestHubSuite(t *testing.T) {
	dir := suiteDir(t)
	tests, err := filepath.Glob(filepath.Join(dir, "*", "expected.json"))
	if err != nil || len(tests) == 0 {
		t.Fatalf("no tests in %s: %v", dir, err)
	}
	everything := hubRules(t)
	for _, file := range tests {
		at := filepath.Dir(file)
		t.Run(filepath.Base(at), func(t *testing.T) {
			var want struct {
				Scenarios []string
				Overflows []overflow
				All       []overflow `json:"all_scenarios_overflows"`
				Reachable []overflow `json:"reachable_overflows"`
				AllOfThem []overflow `json:"reachable_all_scenarios_overflows"`
			}
			readJSON(t, file, &want)
			requests := recordings(t, filepath.Join(at, "requests.jsonl"))
			reachable := slices.DeleteFunc(slices.Clone(requests), func(r *recorded) bool { return !r.Reachable })
			own := hubRules(t, want.Scenarios...)
			for _, run := range []struct {
				name     string
				rules    *Rules
				requests []*recorded
				want     []overflow
			}{
				{"alone", own, requests, want.Overflows},
				{"with all scenarios", everything, requests, want.All},
				{"alone, what a handler sees", own, reachable, want.Reachable},
				{"with all scenarios, what a handler sees", everything, reachable, want.AllOfThem},
			} {
				if got, want := keys(replay(run.rules, run.requests), false), keys(run.want, false); !slices.Equal(got, want) {
					t.Errorf("%s:\ngot  %s\nwant %s", run.name, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
				}
			}
		})
	}
}

func TestHubSynthetic(t *testing.T) {
	dir := suiteDir(t)
	tests, err := filepath.Glob(filepath.Join(dir, "_synthetic", "*", "expected.json"))
	if err != nil || len(tests) == 0 {
		t.Fatalf("no tests in %s: %v", dir, err)
	}
	for _, file := range tests {
		at := filepath.Dir(file)
		t.Run(filepath.Base(at), func(t *testing.T) {
			var want struct {
				Scenarios []string
				Stable    []overflow `json:"stable_overflows"`
				Any       []overflow `json:"any_run_overflows"`
			}
			readJSON(t, file, &want)
			got := keys(replay(hubRules(t, want.Scenarios...), recordings(t, filepath.Join(at, "requests.jsonl"))), true)
			if missing := without(keys(want.Stable, true), got); len(missing) > 0 {
				t.Errorf("missing:\n%s", strings.Join(missing, "\n"))
			}
			if wrong := without(got, keys(want.Any, true)); len(wrong) > 0 {
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
		Input        recorded
		Parsed, Meta map[string]string
	}
	readJSON(t, filepath.Join(suiteDir(t), "_derivation", "vectors.json"), &vectors)
	if len(vectors) == 0 {
		t.Fatal("no vectors")
	}
	p := compile(&Rules{lists: newLists()}, nil)
	for _, x := range vectors {
		e := x.Input.event()
		e.Client = netip.MustParseAddr(x.Meta["source_ip"])
		v := p.open(e, prefixOf(e.Client, 128))
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
				ours := slices.Contains([]string{"clean_path", "script", "form_action", "status"}, key)
				if _, ok := room.want[key]; !ok && !ours {
					t.Errorf("%q: %s.%s is %q, want none", e.Target, room.name, key, got)
				}
			}
		}
		v.close()
	}
}
