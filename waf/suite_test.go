package waf

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A vector is a request of a suite. One code point of its strings is one byte.
type vector struct {
	ID, Note, Method, Target, Proto string

	Headers [][2]string
	Body    []byte `json:"body_b64"`
	Chunked bool
}

// An expectation is what CrowdSec's engine makes of a vector.
type expectation struct {
	ID        string
	Blocked   bool
	Rules     []string // that stop it, each on its own
	OutOfBand []string `json:"out_of_band"`
	Zones     []string
	Unstable  any    // it answers by chance
	Go        string // net/http answers without asking a handler
	Error     string
	All       *expectation // with all rules loaded
}

// A suite is a folder of vectors, and the rules that they are held against.
type suite struct {
	name    string
	config  LoadConfig
	vectors []vector
	wants   []expectation
}

// suitesIn reads the suites of a folder.
func suitesIn(t testing.TB, dir string) []suite {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "requests.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no suites in %s: %v", dir, err)
	}
	var all []suite
	for _, file := range files {
		own := filepath.Dir(file)
		s := suite{name: filepath.Base(own)}
		s.config.Paths = ruleNames(t, dir, own, "rules.txt")
		s.config.OutOfBand = ruleNames(t, dir, own, "rules-oob.txt")
		for line := range strings.Lines(readText(t, file)) {
			var v vector
			unmarshal(t, line, &v)
			s.vectors = append(s.vectors, v)
		}
		var expected struct{ Requests []expectation }
		unmarshal(t, readText(t, filepath.Join(own, "expected.json")), &expected)
		if s.wants = expected.Requests; len(s.wants) != len(s.vectors) {
			t.Fatalf("%s: %d requests, %d verdicts", own, len(s.vectors), len(s.wants))
		}
		all = append(all, s)
	}
	return all
}

func readText(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func unmarshal(t testing.TB, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

// ruleNames reads a list of rule files: @F are the lines of another list, rules/F is in the
// suite's own folder, and all else is below _hub.
func ruleNames(t testing.TB, dir, own, list string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(own, list))
	if err != nil {
		return nil
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		more, isList := strings.CutPrefix(line, "@")
		switch {
		case line == "":
		case isList:
			for name := range strings.Lines(readText(t, filepath.Join(dir, more))) {
				names = append(names, filepath.Join(dir, "_hub", strings.TrimSpace(name)))
			}
		case strings.HasPrefix(line, "rules/"):
			names = append(names, filepath.Join(own, line))
		default:
			names = append(names, filepath.Join(dir, "_hub", line))
		}
	}
	return names
}

// wire returns a vector as it goes over the wire.
func (v *vector) wire() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s %s\r\n", bytesOf(v.Method), bytesOf(v.Target), v.Proto)
	for _, h := range v.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", bytesOf(h[0]), bytesOf(h[1]))
	}
	switch {
	case v.Chunked:
		fmt.Fprintf(&b, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(v.Body), v.Body)
	case len(v.Body) > 0:
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(v.Body), v.Body)
	default:
		b.WriteString("\r\n")
	}
	return b.Bytes()
}

// isStricter reports whether more is looked at here than in CrowdSec's engine: what is
// behind a # in the target, which sites see.
func (v *vector) isStricter() bool { return strings.Contains(v.Target, "#") }

// bytesOf makes a byte of each code point.
func bytesOf(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteByte(byte(r))
	}
	return b.String()
}

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
func (e *expectation) compare(t *testing.T, got finding, stricter bool) {
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
func eachSuite(t *testing.T, f func(t *testing.T, s suite, rules *Rules)) {
	dirs := []string{filepath.Join("testdata", "suite")}
	if dir := os.Getenv("TOCSIN_WAF_SUITE"); dir != "" {
		dirs = append(dirs, dir)
	}
	for _, dir := range dirs {
		for _, s := range suitesIn(t, dir) {
			t.Run(s.name, func(t *testing.T) { f(t, s, loadSuite(t, s.config)) })
		}
	}
}

func TestSuite(t *testing.T) {
	eachSuite(t, func(t *testing.T, s suite, rules *Rules) {
		for i, v := range s.vectors {
			want := &s.wants[i]
			if want.Go != "" || want.Error != "" {
				continue
			}
			t.Run(v.ID+" "+v.Note, func(t *testing.T) {
				r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(v.wire())))
				if err != nil {
					t.Fatal(err)
				}
				want.compare(t, inspected(t, rules, r), v.isStricter())
			})
		}
	})
}

// What CrowdSec's engine refuses is skipped here, and named.
func TestFilesThatAreRefused(t *testing.T) {
	dir := os.Getenv("TOCSIN_WAF_SUITE")
	if dir == "" {
		t.Skip("TOCSIN_WAF_SUITE names no folder of suites")
	}
	var want map[string]struct {
		Loads, Blocked bool
		Why            string
	}
	unmarshal(t, readText(t, filepath.Join(dir, "probe-load", "expected.json")), &want)
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
