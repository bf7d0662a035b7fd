package builtin

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/tocsin-project/tocsin/waf"
)

// dirOf returns the folder that a variable names, or skips the test.
func dirOf(t testing.TB, variable string) string {
	t.Helper()
	dir := os.Getenv(variable)
	if dir == "" {
		t.Skip(variable + " names no folder")
	}
	return dir
}

func lines(t testing.TB, file string, f func(line []byte)) {
	t.Helper()
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	s := bufio.NewScanner(in)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		f(s.Bytes())
	}
}

// An attempt is a line of recorded traffic, in any of its spellings.
type attempt struct {
	ID, Method, M, URI, U, Body, B, UA string
	Headers, H                         map[string]string
}

func (a *attempt) request() sent {
	s := sent{a.Method + a.M, a.URI + a.U, http.Header{}, a.Body + a.B}
	for _, all := range []map[string]string{a.Headers, a.H} {
		for k, v := range all {
			s.header.Set(k, v)
		}
	}
	if a.UA != "" {
		s.header.Set("User-Agent", a.UA)
	}
	return s
}

// about the WAF are those attacks that are in a request, not in how many there are.
var elsewhere = regexp.MustCompile(`(?i)guessing|abuse|brute force|form login|unauth|secrets|introspection|enumerat|scan`)

// attacks returns the first request of each attack that the WAF is about.
func attacks(t testing.TB) (all []attempt) {
	seen := map[string]bool{}
	lines(t, filepath.Join(dirOf(t, "TOCSIN_ATTACK_TRAFFIC"), "exploits-2025.jsonl"), func(line []byte) {
		var a attempt
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatal(err)
		}
		if !seen[a.ID] && !elsewhere.MatchString(a.ID) {
			all = append(all, a)
		}
		seen[a.ID] = true
	})
	return all
}

func stoppedShare(t *testing.T, rules *waf.Rules, all []attempt) float64 {
	stopped := 0
	for i := range all {
		s := all[i].request()
		if c, name := strongest(s.matches(rules)); c <= waf.Likely {
			stopped++
			t.Logf("%s: %s", all[i].ID, name)
		} else {
			t.Logf("%s: passes (%s)", all[i].ID, name)
		}
	}
	return float64(stopped) / float64(len(all))
}

// Three of four attacks of today need no rule of their own, nine of ten none but the hub's.
func TestAttacksOfToday(t *testing.T) {
	all := attacks(t)
	if share := stoppedShare(t, own(t), all); share < 0.75 {
		t.Errorf("alone: %.0f %% of %d are stopped, want 75", share*100, len(all))
	}
	rules := load(t, waf.LoadConfig{Sets: []waf.Set{Set()}, Paths: []string{filepath.Join(dirOf(t, "TOCSIN_WAF_SUITE"), "_hub", "appsec-rules")}})
	if share := stoppedShare(t, rules, all); share < 0.9 {
		t.Errorf("with the hub's: %.0f %% of %d are stopped, want 90", share*100, len(all))
	}
}

// Nothing of what people and programs are known to send is stopped.
func TestHonestTraffic(t *testing.T) {
	rules := own(t)
	dir := dirOf(t, "TOCSIN_HONEST_TRAFFIC")
	files, _ := filepath.Glob(filepath.Join(dir, "*", "trace.jsonl"))
	n := 0
	for _, file := range append(files, filepath.Join(dir, "programs.jsonl")) {
		lines(t, file, func(line []byte) {
			var a attempt
			if err := json.Unmarshal(line, &a); err != nil {
				t.Fatal(err)
			}
			n++
			s := a.request()
			if m := s.matches(rules); len(m) > 0 {
				t.Errorf("%s: %s %s: %s in %v", file, s.method, s.target, m[0].Rule.Name, m[0].Zones)
			}
		})
	}
	if n < 500 {
		t.Errorf("%d requests only", n)
	}
}

// Nothing of the recorded WordPress sessions and of what is ordinary otherwise is stopped.
func TestRecordedSessions(t *testing.T) {
	rules := own(t)
	files, _ := filepath.Glob(filepath.Join(dirOf(t, "TOCSIN_WAF_SUITE"), "benign*", "requests.jsonl"))
	n := 0
	for _, file := range files {
		lines(t, file, func(line []byte) {
			var v struct {
				ID, Method, Target string
				Headers            [][2]string
				Body               string `json:"body_b64"`
			}
			if err := json.Unmarshal(line, &v); err != nil {
				t.Fatal(err)
			}
			body, _ := base64.StdEncoding.DecodeString(v.Body)
			s := sent{v.Method, latin(v.Target), http.Header{}, string(body)}
			for _, h := range v.Headers {
				s.header.Add(h[0], latin(h[1]))
			}
			n++
			for _, m := range s.matches(rules) {
				if m.Rule.Confidence < waf.Observe {
					t.Errorf("%s %s: %s in %v", v.ID, v.Target, m.Rule.Name, m.Zones)
				} else {
					t.Logf("%s %s: %s in %v", v.ID, v.Target, m.Rule.Name, m.Zones)
				}
			}
		})
	}
	if n < 500 {
		t.Errorf("%d requests only", n)
	}
}

// latin makes a byte of each code point.
func latin(s string) string {
	var b bytes.Buffer
	for _, r := range s {
		b.WriteByte(byte(r))
	}
	return b.String()
}
