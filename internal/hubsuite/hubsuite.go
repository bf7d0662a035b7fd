// Package hubsuite reads recorded requests with CrowdSec's results for them. This suite
// of tests is not part of this module: the environment variable TOCSIN_HUB_SUITE names
// its folder. Tests that need it are skipped without it.
package hubsuite

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// Dir returns the folder of the suite. In its _hub are CrowdSec's scenarios, and the
// lists that they ask in _hub/data.
func Dir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("TOCSIN_HUB_SUITE")
	if dir == "" {
		t.Skip("TOCSIN_HUB_SUITE names no folder of recorded requests")
	}
	return dir
}

// A Recording is of a request and the response to it.
type Recording struct {
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
	Malformed string // the request line, if it is none of HTTP
	Reachable bool   `json:"go_reachable"` // a server of net/http hands it to handlers
}

// An Overflow is what the suite says of an alert.
type Overflow struct {
	Scenario    string
	Source      netip.Addr
	Count       int `json:"events_count"`
	Remediation bool
	Stop        time.Time `json:"stop_at"`
}

// Lines returns overflows in an order of their own, a line each: with the time of
// the last event, or with whether a decision is asked for.
func Lines(all []Overflow, timed bool) []string {
	lines := make([]string, len(all))
	for i, o := range all {
		lines[i] = fmt.Sprintf("%s %s %d %v", o.Scenario, o.Source, o.Count, o.Remediation)
		if timed {
			lines[i] = fmt.Sprintf("%s %s %d %s", o.Scenario, o.Source, o.Count, o.Stop.UTC().Format(time.RFC3339Nano))
		}
	}
	slices.Sort(lines)
	return lines
}

// A Test is a number of requests, and what is to come of them.
type Test struct {
	Name      string
	Requests  []*Recording
	Scenarios []string // to be looked for where not all are

	// What all requests lead to, and what those that are reachable do.
	Overflows          []Overflow
	AllOverflows       []Overflow `json:"all_scenarios_overflows"` // with all scenarios
	ReachableOverflows []Overflow `json:"reachable_overflows"`
	ReachableAll       []Overflow `json:"reachable_all_scenarios_overflows"`

	// Of generated requests: what comes at any rate, and what may.
	Stable []Overflow `json:"stable_overflows"`
	Any    []Overflow `json:"any_run_overflows"`
}

// Reachable returns the requests that a handler of net/http gets to see.
func (x *Test) Reachable() []*Recording {
	return slices.DeleteFunc(slices.Clone(x.Requests), func(r *Recording) bool { return !r.Reachable })
}

// Tests returns the tests in the folder that the elements name, below that of the
// suite. There is at least one.
func Tests(t testing.TB, elements ...string) []*Test {
	t.Helper()
	dir := filepath.Join(append([]string{Dir(t)}, elements...)...)
	files, err := filepath.Glob(filepath.Join(dir, "*", "expected.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests in %s: %v", dir, err)
	}
	var all []*Test
	for _, file := range files {
		at := filepath.Dir(file)
		x := &Test{Name: filepath.Base(at), Requests: Recordings(t, filepath.Join(at, "requests.jsonl"))}
		ReadJSON(t, file, x)
		all = append(all, x)
	}
	return all
}

// Recordings reads a file of recorded requests, a line each.
func Recordings(t testing.TB, file string) []*Recording {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	var all []*Recording
	for lines := json.NewDecoder(f); lines.More(); {
		r := new(Recording)
		if err := lines.Decode(r); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, r)
	}
	return all
}

// ReadJSON reads what is in a file.
func ReadJSON(t testing.TB, file string, to any) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, to); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
