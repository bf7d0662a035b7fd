package waf

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tocsin-project/tocsin/internal/wafsuite"
)

// A finding is what the rules say about a request.
type finding struct{ Rules, OutOfBand, Zones []string }

// inspected holds a request against rules, in two phases.
func inspected(t testing.TB, rules *Rules, r *http.Request) finding {
	req := RequestOf(r)
	in := rules.Head(&req)
	defer in.Close()
	if in.NeedsBody() {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("reading the body: %v", err)
		}
		in.Body(body)
	}
	return findingOf(in)
}

func findingOf(in *Inspection) finding {
	var f finding
	for _, m := range in.Matches() {
		if m.Rule.OutOfBand {
			f.OutOfBand = append(f.OutOfBand, m.Rule.Name)
			continue
		}
		f.Rules, f.Zones = append(f.Rules, m.Rule.Name), append(f.Zones, m.Zones...)
	}
	for _, list := range []*[]string{&f.Rules, &f.OutOfBand, &f.Zones} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return f
}

// compare checks that all rules are found that CrowdSec's engine finds, and no others, in
// the zones where it finds them. Others may be found if that is stricter.
func compare(t *testing.T, e *wafsuite.Expectation, got finding, stricter bool) {
	t.Helper()
	if e.Unstable != nil {
		if len(got.Rules) == 0 {
			t.Errorf("passes: want it stopped whatever chance says")
		}
		return
	}
	if stricter {
		for _, rule := range e.Rules {
			if !slices.Contains(got.Rules, rule) {
				t.Errorf("stopped by %q, want %s", got.Rules, rule)
			}
		}
		return
	}
	if !slices.Equal(got.Rules, e.Rules) {
		t.Errorf("stopped by %q, want %q", got.Rules, e.Rules)
	}
	if !slices.Equal(got.OutOfBand, e.OutOfBand) {
		t.Errorf("told of by %q, want %q", got.OutOfBand, e.OutOfBand)
	}
	if e.Zones != nil && !slices.Equal(got.Zones, e.Zones) {
		t.Errorf("found in %q, want %q", got.Zones, e.Zones)
	}
}

// loadSuite loads the rules of a suite, all of which have to run.
func loadSuite(t testing.TB, cfg LoadConfig) *Rules {
	t.Helper()
	rules, err := Load(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range rules.Skipped() {
		t.Errorf("skipped: %v", s)
	}
	return rules
}

// eachSuite calls f for our own suites, and for those in the folder that TOCSIN_WAF_SUITE
// names.
func eachSuite(t *testing.T, f func(t *testing.T, s wafsuite.Suite, rules *Rules)) {
	dirs := []string{filepath.Join("testdata", "suite")}
	if dir := os.Getenv("TOCSIN_WAF_SUITE"); dir != "" {
		dirs = append(dirs, dir)
	}
	for _, dir := range dirs {
		for _, s := range wafsuite.In(t, dir) {
			t.Run(s.Name, func(t *testing.T) { f(t, s, loadSuite(t, LoadConfig{Paths: s.InBand, OutOfBand: s.OutOfBand})) })
		}
	}
}

func TestSuite(t *testing.T) {
	eachSuite(t, func(t *testing.T, s wafsuite.Suite, rules *Rules) {
		for i, v := range s.Vectors {
			want := &s.Wants[i]
			if want.Go != "" || want.Error != "" {
				continue
			}
			t.Run(v.ID+" "+v.Note, func(t *testing.T) {
				r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(v.Wire())))
				if err != nil {
					t.Fatal(err)
				}
				compare(t, want, inspected(t, rules, r), v.IsStricter())
			})
		}
	})
}

// What CrowdSec's engine refuses is skipped here, and named.
func TestFilesThatAreRefused(t *testing.T) {
	dir := wafsuite.Dir(t)
	var want map[string]struct {
		Loads, Blocked bool
		Why            string
	}
	wafsuite.Unmarshal(t, wafsuite.ReadText(t, filepath.Join(dir, "probe-load", "expected.json")), &want)
	for name, w := range want {
		t.Run(name, func(t *testing.T) {
			rules, err := Load(LoadConfig{Paths: []string{filepath.Join(dir, "probe-load", "rules", name+".yaml")}})
			if err != nil {
				t.Fatal(err)
			}
			if skipped := rules.Skipped(); len(skipped) == 0 != w.Loads {
				t.Fatalf("skipped: %v; want it to load: %v %s", skipped, w.Loads, w.Why)
			}
			if !w.Loads {
				return
			}
			r, _ := http.NewRequest(http.MethodGet, "/?a=x", http.NoBody)
			r.RequestURI = "/?a=x"
			if got := inspected(t, rules, r); len(got.Rules) > 0 != w.Blocked {
				t.Errorf("stopped by %q, want %v", got.Rules, w.Blocked)
			}
		})
	}
}
