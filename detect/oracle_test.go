package detect

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/internal/hubsuite"
)

// testRules returns the rules of testdata.
func testRules(t testing.TB) *Rules {
	t.Helper()
	rules, err := Load(LoadConfig{Paths: []string{"testdata/scenarios"}, Data: "testdata/data"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range rules.Skipped() {
		t.Errorf("skipped: %v", s)
	}
	return rules
}

// An oracle is slow and sure: it asks every filter, has the interpreter of
// expressions decide, and helpers that go through lists line by line.
type oracle struct {
	rules    *Rules
	programs []*vm.Program
	words    []string // which the filters and the lists are about
}

func newOracle(t testing.TB, rules *Rules, data string) *oracle {
	t.Helper()
	lists := make(map[string][]string)
	files, err := filepath.Glob(filepath.Join(data, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no lists: %v", err)
	}
	o := &oracle{rules: rules}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			if line = strings.TrimRight(line, "\r\n"); line != "" && line[0] != '#' {
				lists[filepath.Base(file)] = append(lists[filepath.Base(file)], line)
				o.words = append(o.words, line)
			}
		}
	}
	patterns := make(map[string]*regexp.Regexp)
	options := []expr.Option{
		expr.Env(exprEnv{}),
		expr.Function("File", func(a ...any) (any, error) { return lists[a[0].(string)], nil }, new(func(string) []string)),
		expr.Function("RegexpInFile", func(a ...any) (any, error) {
			for _, line := range lists[a[1].(string)] {
				if patterns[line] == nil {
					patterns[line] = regexp.MustCompile(line)
				}
				if patterns[line].MatchString(a[0].(string)) {
					return true, nil
				}
			}
			return false, nil
		}, new(func(string, string) bool)),
		expr.Function("LookupFile", func(a ...any) (any, error) {
			return slowLookup(a[0].(string), lists[a[1].(string)]), nil
		}, new(func(string, string) string)),
	}
	for name, h := range pure {
		options = append(options, h.option(name))
	}
	quoted := regexp.MustCompile(`'[^']*'|"[^"]*"`)
	for _, s := range rules.scenarios {
		p, err := expr.Compile(s.filter.source, options...)
		if err != nil {
			t.Fatal(err)
		}
		o.programs = append(o.programs, p)
		for _, word := range quoted.FindAllString(s.filter.source, -1) {
			o.words = append(o.words, strings.ReplaceAll(word[1:len(word)-1], `\\`, `\`))
		}
	}
	return o
}

func slowLookup(s string, lines []string) string {
	type row struct{ pattern, tag, kind string }
	var rows []row
	for _, line := range lines {
		rows = append(rows, row{jsonExtract(line, "pattern"), jsonExtract(line, "tag"), jsonExtract(line, "type")})
	}
	tag := ""
	for _, r := range rows {
		if r.kind == "equals" && r.pattern == s {
			tag = r.tag // the last one counts
		}
	}
	for i := 0; i <= len(s) && tag == ""; i++ {
		for _, r := range rows {
			if tag == "" && r.kind == "contains" && strings.HasPrefix(s[i:], r.pattern) {
				tag = r.tag
			}
		}
	}
	for _, r := range rows {
		if tag == "" && r.kind == "regex" && regexp.MustCompile(r.pattern).MatchString(s) {
			tag = r.tag
		}
	}
	return tag
}

// matched returns the names of the scenarios whose filter e matches.
func (o *oracle) matched(v *view, machine *vm.VM) []string {
	fields := v.environment()
	evt := &exprEvent{Meta: maps.Clone(fields.Meta), Parsed: maps.Clone(fields.Parsed), Line: fields.withLine().Line, view: &view{}}
	evt.view.env = evt
	var names []string
	for i, p := range o.programs {
		if result, err := machine.Run(p, exprEnv{evt}); err == nil && result.(bool) {
			names = append(names, o.rules.scenarios[i].name)
		}
	}
	return names
}

// matched returns the same by the means of the program.
func (p *program) matched(v *view) []string {
	var names []string
	each(p.candidates(v, p.both, true), func(i int) {
		if v.meets(p.rules[i].filter) {
			names = append(names, p.rules[i].name)
		}
	})
	return names
}

// differ compares both on an event, and reports the scenarios on which they do.
func differ(t testing.TB, o *oracle, p *program, e *event.Event, machine *vm.VM) (matches int) {
	t.Helper()
	v := p.open(e, event.ClientOf(e.Client))
	got := p.matched(v)
	v.close()
	v = p.open(e, event.ClientOf(e.Client))
	want := o.matched(v, machine)
	v.close()
	if !slices.Equal(got, want) {
		t.Errorf("%s %q %d, agent %q, referer %q: matches\n%q, want\n%q", e.Method, e.Target, e.Status, e.UserAgent, e.Referer, got, want)
	}
	return len(want)
}

func TestCompiledFiltersAgreeWithTheInterpreter(t *testing.T) {
	n := 20_000
	if testing.Short() || raceEnabled {
		n = 1000
	}
	t.Run("testdata", func(t *testing.T) { agree(t, testRules(t), "testdata/data", n) })
	t.Run("hub", func(t *testing.T) { agree(t, hubRules(t), filepath.Join(hubsuite.Dir(t), "_hub", "data"), n/20) })
}

func agree(t *testing.T, rules *Rules, data string, n int) {
	o, p := newOracle(t, rules, data), compile(rules, testIDs())
	rng := rand.New(rand.NewPCG(5, uint64(time.Now().UnixNano())))
	var machine vm.VM
	matches := 0
	for range n {
		matches += differ(t, o, p, o.event(rng), &machine)
		if t.Failed() {
			return
		}
	}
	if matches < n/10 {
		t.Errorf("%d matches in %d events: they are too tame to tell anything", matches, n)
	}
}

func TestCompiledFiltersAgreeOnTheSuite(t *testing.T) {
	skipUnderRace(t)
	rules := hubRules(t)
	o, p := newOracle(t, rules, filepath.Join(hubsuite.Dir(t), "_hub", "data")), compile(rules, testIDs())
	files, err := filepath.Glob(filepath.Join(hubsuite.Dir(t), "*", "requests.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var machine vm.VM
	for _, file := range files {
		for i, r := range hubsuite.Recordings(t, file) {
			if raceEnabled && i%20 != 0 {
				continue
			}
			differ(t, o, p, eventOf(r), &machine)
		}
	}
}

// event returns an event made of what the filters look for, and of what is much
// like it.
func (o *oracle) event(rng *rand.Rand) *event.Event {
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	e := &event.Event{
		Client: netip.AddrFrom4([4]byte{192, 0, 2, byte(rng.IntN(256))}),
		Method: pick("GET", "GET", "POST", "HEAD", "PUT", "post", "CONNECT", "BREW", ""),
		Proto:  pick("HTTP/1.1", "HTTP/2.0", "HTTP/1.2", ""),
		Status: []int{0, 200, 302, 400, 401, 403, 404, 404, 405, 502, 999, -1}[rng.IntN(12)],
		Host:   pick("", "example.org", "example.org:8080", "[::1]:80"),
		Target: pick("/", "", "/a/", "http://") + o.text(rng) + pick("", "", "/"+o.text(rng)) + pick("", "", "?"+o.text(rng), "?"+fmt.Sprint(rng.IntN(1e9)), "??"),
	}
	if rng.IntN(2) == 0 {
		e.UserAgent = o.text(rng)
	}
	if rng.IntN(4) == 0 {
		e.Referer = o.text(rng)
	}
	if rng.IntN(8) == 0 {
		e.Line, e.Method, e.Target = "POST "+e.Target, "", ""
	}
	if rng.IntN(2) == 0 {
		e.Header = http.Header{"Www-Authenticate": {pick("Basic realm=x", "Bearer", "basic")}}
	}
	return e
}

// text returns words in a row, spelled in other ways.
func (o *oracle) text(rng *rand.Rand) string {
	var b strings.Builder
	for range 1 + rng.IntN(2) {
		word := o.words[rng.IntN(len(o.words))]
		switch rng.IntN(10) {
		case 0:
			word = strings.ToUpper(word)
		case 1:
			word = strings.ToLower(word)
		case 2: // other letters with an ASCII one for upper or lower case
			word = strings.NewReplacer("k", "K", "K", "K", "s", "ſ", "S", "ſ", "i", "ı", "I", "İ").Replace(word)
		case 3:
			word = escaped(rng, word)
		case 4:
			word = word[rng.IntN(len(word)+1):]
		case 5:
			word += string([]byte{byte(rng.IntN(256)), byte(rng.IntN(256))})
		case 6:
			word = string([]byte{"abz_.-/ %\xc5\xe2"[rng.IntN(11)]}) + word
		case 7:
			word = strings.NewReplacer(`\b`, "", `\ `, " ", `\\`, `\`, ".", string(rune(rng.IntN(300)))).Replace(word)
		}
		b.WriteString(word)
	}
	return b.String()
}

func escaped(rng *rand.Rand, word string) string {
	var b strings.Builder
	for _, c := range []byte(word) {
		switch {
		case c == ' ':
			b.WriteByte('+')
		case rng.IntN(3) == 0:
			fmt.Fprintf(&b, "%%%02x", c)
		default:
			b.WriteByte(c)
		}
	}
	if rng.IntN(10) == 0 {
		b.WriteString("%zz")
	}
	return b.String()
}
