package waf

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// writeFiles writes files below a folder that is gone after the test.
func writeFiles(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// ruleOn returns a rule about an argument.
func ruleOn(name, argument string) string {
	return fmt.Sprintf("name: %s\nrules:\n- zones: [ARGS]\n  variables: [%s]\n  match: {type: equals, value: hit}\n", name, argument)
}

// names returns the names of what runs, those out of band with a mark.
func names(r *Rules) []string {
	var all []string
	for _, rule := range r.Rules() {
		name := rule.Name
		if rule.OutOfBand {
			name += "?"
		}
		all = append(all, name)
	}
	return all
}

func TestConfigsNameRules(t *testing.T) {
	rules := map[string]string{
		"appsec-rules/a.yaml":          ruleOn("own/first-a", "a"),
		"appsec-rules/own/b.yml":       ruleOn("own/first-b", "b"),
		"appsec-rules/c.yaml":          ruleOn("own/second", "c"),
		"appsec-rules/base.yaml":       baseConfig,
		"appsec-rules/.hidden.yaml":    ruleOn("own/first-hidden", "d"),
		"appsec-rules/notes.txt":       "no rule",
		"appsec-rules/unused-bad.yaml": "name: own/unused\nrules:\n- zones: [ORBIT]\n  match: {type: equals, value: x}\n",
	}
	for _, row := range []struct {
		name, config string
		want         []string
		policy       Policy
	}{
		{"a name and a glob", "name: x\ninband_rules: [base, own/first-*]\noutofband_rules: [own/second]\ndefault_remediation: captcha\n", []string{"own/first-a", "own/first-b", "own/second?"}, Policy{Remediation: "captcha"}},
		{"a question mark", "name: x\ninband_rules: ['own/first-?']\n", []string{"own/first-a", "own/first-b"}, Policy{}},
		{"sections", "name: x\ninband: {rules: [own/second]}\noutofband: {rules: [own/first-a]}\nuser_blocked_http_code: 418\n", []string{"own/second", "own/first-a?"}, Policy{Status: 418}},
		{"one taken out", "name: x\ninband_rules: [own/*]\non_load:\n- apply: [RemoveInBandRuleByName(\"own/second\")]\n", []string{"own/first-a", "own/first-b"}, Policy{}},
		{"taken out of the other band only", "name: x\ninband_rules: [own/second]\noutofband_rules: [own/second]\non_load:\n- apply: [RemoveOutBandRuleByName('own/second')]\n", []string{"own/second"}, Policy{}},
		{"what to do about a match", "name: x\ninband_rules: [own/second]\non_match:\n- filter: IsInBand == true\n  apply: [SetRemediation('captcha'), SetReturnCode(418), CancelEvent()]\n- filter: IsOutBand == true\n  apply: [SendAlert()]\n", []string{"own/second"}, Policy{Remediation: "captcha", Status: 418, NoEvent: true, AlsoAlert: true}},
		{"no alerts in its own section", "name: x\ninband:\n  rules: [own/second]\n  on_match: [{apply: [CancelAlert()]}]\n", []string{"own/second"}, Policy{NoAlert: true}},
		{"bodies are left alone", "name: x\ninband_rules: [own/second]\ninband_options: {disable_body_inspection: true}\n", []string{"own/second"}, Policy{NoBody: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			files := map[string]string{"appsec-configs/x.yaml": row.config}
			maps.Copy(files, rules)
			dir := writeFiles(t, files)
			r, err := Load(LoadConfig{Paths: []string{filepath.Join(dir, "appsec-configs", "x.yaml")}})
			if err != nil {
				t.Fatal(err)
			}
			if got := names(r); !slices.Equal(got, row.want) || r.Policy() != row.policy {
				t.Errorf("%q with %+v, want %q with %+v", got, r.Policy(), row.want, row.policy)
			}
		})
	}
}

// A config that cannot be done here is an error that says where and what: what a hook
// takes out would stop honest people.
func TestConfigsThatAreRefused(t *testing.T) {
	for _, row := range []struct{ name, config, want string }{
		{"a rule that is not there", "name: x\ninband_rules:\n- own/nothing-*\n", "x.yaml:3: no rule is named own/nothing-*"},
		{"a filter", "name: x\ninband_rules: [own/a]\npre_eval:\n- filter: req.URL.Path == '/x'\n  apply: [RemoveInBandRuleByName('own/a')]\n", "x.yaml:4: hook pre_eval: filter: req.URL.Path == '/x': only CrowdSec's own engine does that: use appsec"},
		{"pre_eval", "name: x\ninband_rules: [own/a]\npre_eval:\n- apply: [RemoveInBandRuleByName('own/a')]\n", "x.yaml:4: hook pre_eval: apply: RemoveInBandRuleByName('own/a'): only CrowdSec's own engine does that: use appsec"},
		{"another function", "name: x\ninband_rules: [own/a]\non_load:\n- apply: [RemoveInBandRuleByTag('x')]\n", "x.yaml:4: hook on_load: apply: RemoveInBandRuleByTag('x'): only"},
		{"two functions", "name: x\ninband_rules: [own/a]\non_match:\n- apply: [\"CancelAlert() && SendEvent()\"]\n", "x.yaml:4: hook on_match"},
		{"a challenge", "name: x\ninband_rules: [own/a]\npost_eval:\n- apply: [SendChallenge()]\n", "x.yaml:4: hook post_eval: apply: SendChallenge(): only"},
		{"a new key", "name: x\ninband_rules: [own/a]\norbit: 7\n", "x.yaml:3: it has the key orbit, which this version does not know"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := writeFiles(t, map[string]string{"x.yaml": row.config, "rules/a.yaml": ruleOn("own/a", "a")})
			_, err := Load(LoadConfig{Paths: []string{filepath.Join(dir, "x.yaml")}, Rules: filepath.Join(dir, "rules")})
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %s", err, row.want)
			}
		})
	}
}

// A file that cannot run is skipped and named, and all others run.
func TestFilesThatAreSkipped(t *testing.T) {
	const one = "name: own/x\nrules:\n- zones: [%s]\n  transform: [%s]\n  match: {type: %s, value: '%s'}\n"
	for _, row := range []struct {
		name, content, want string
		broken              bool
	}{
		{"a new zone", fmt.Sprintf(one, "ORBIT", "trim", "equals", "x"), "x.yaml:3: own/x: it has the zone ORBIT, which this version does not know", false},
		{"a new transform", fmt.Sprintf(one, "ARGS", "orbit", "equals", "x"), "x.yaml:4: own/x: it has the transform orbit, which this version does not know", false},
		{"a new match", fmt.Sprintf(one, "ARGS", "trim", "orbits", "x"), "x.yaml:5: own/x: its match has the type orbits, which this version does not know", false},
		{"a new key", "name: own/x\nrules:\n- zones: [ARGS]\n  orbit: 1\n", "x.yaml:4: own/x: it has the key orbit, which this version does not know", false},
		{"a new variable", fmt.Sprintf(one, "ARGS", "trim", "equals", "%{ORBIT}"), "x.yaml:5: own/x: match: it asks for ORBIT, which this version does not know", false},
		{"SecLang", "name: own/x\nseclang_rules:\n- SecRule ARGS \"@rx x\" \"id:1,phase:2,deny\"\n", "x.yaml: own/x: it is written in SecLang, which only CrowdSec's own engine runs: use appsec for it", false},
		{"the Core Rule Set", "name: own/x\nseclang_files_rules: [crs/*.conf]\n", "x.yaml: own/x: it is written in SecLang, which only CrowdSec's own engine runs: use appsec for it", false},
		{"no expression", fmt.Sprintf(one, "ARGS", "trim", "regex", "(x"), "x.yaml:5: own/x: match: error parsing regexp: missing closing ): `(?sm)(x`", true},
		{"a quote", fmt.Sprintf(one, "ARGS", "trim", "equals", `x"`), `x.yaml:5: own/x: match: a quote: want \"`, true},
		{"no name", "rules: []\n", "x.yaml: it has no name", true},
		{"no YAML", "name: [\n", "x.yaml: reading YAML: line 1: did not find expected node content", true},
		{"a list that is not there", fmt.Sprintf(one, "ARGS", "trim", "fromFile", "x.txt"), "x.yaml:5: own/x: match: reading a list: open", true},
		{"a list elsewhere", fmt.Sprintf(one, "ARGS", "trim", "fromFile", "../x.txt"), "x.yaml:5: own/x: match: ../x.txt is not below the data folder", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := writeFiles(t, map[string]string{"x.yaml": row.content, "good.yaml": ruleOn("own/good", "a")})
			r, err := Load(LoadConfig{Paths: []string{dir}, Data: dir})
			if err != nil {
				t.Fatal(err)
			}
			skipped := r.Skipped()
			if len(skipped) != 1 || !strings.Contains(skipped[0].String(), row.want) || skipped[0].Broken != row.broken {
				t.Errorf("%+v, want %s, broken: %v", skipped, row.want, row.broken)
			}
			if got := names(r); !slices.Equal(got, []string{"own/good"}) {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestPathsThatAreNotThere(t *testing.T) {
	for _, p := range []string{"nothing.yaml", "nothing-*.yaml", "[.yaml"} {
		if _, err := Load(LoadConfig{Paths: []string{filepath.Join(t.TempDir(), p)}}); err == nil {
			t.Errorf("%s: no error", p)
		}
	}
}

// Of two files of one name the last runs, and the first is named.
func TestRulesOfOneName(t *testing.T) {
	dir := writeFiles(t, map[string]string{"1.yaml": ruleOn("own/x", "a"), "2.yaml": ruleOn("own/x", "b")})
	r, err := Load(LoadConfig{Paths: []string{dir, filepath.Join(dir, "1*.yaml"), filepath.Join(dir, "2.yaml")}})
	if err != nil {
		t.Fatal(err)
	}
	if got := judged(r, Request{Method: "GET", Target: "/?b=hit"}, ""); !slices.Equal(got.Rules, []string{"own/x"}) {
		t.Errorf("%q", got.Rules)
	}
	if len(r.Skipped()) == 0 || !strings.Contains(r.Skipped()[0].String(), "there is one of that name in") {
		t.Errorf("%v", r.Skipped())
	}
}

// Rules without a base-config read only bodies of two types.
func TestBodiesWithoutABaseConfig(t *testing.T) {
	dir := writeFiles(t, map[string]string{"x.yaml": "name: own/x\nrules:\n- zones: [BODY_ARGS, RAW_BODY]\n  match: {type: contains, value: hit}\n"})
	r, err := Load(LoadConfig{Paths: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	for contentType, want := range map[string]bool{
		"application/x-www-form-urlencoded": true, "APPLICATION/x-www-form-urlencoded": true, "application/x-www-form-urlencoded; charset=utf-8": false,
		"application/json": false, "text/xml": false, "": false, "Multipart/Form-Data; boundary=x": true,
	} {
		got := judged(r, Request{Method: "POST", Target: "/", HasBody: true, Header: map[string][]string{"Content-Type": {contentType}}}, `a=hit`)
		if len(got.Rules) > 0 != want {
			t.Errorf("%s: stopped by %q", contentType, got.Rules)
		}
	}
}

func TestListsOfWords(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"x.yaml":    "name: own/x\nrules:\n- zones: [ARGS]\n  match: {type: fromFile, value: words.txt}\n",
		"words.txt": "# a comment\nEvil Word\n\nother\n",
	})
	r, err := Load(LoadConfig{Paths: []string{dir}, Data: dir})
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]bool{"a=an+eVIL+word.": true, "a=OTHERS": true, "a=evil": false, "a=a+comment": false} {
		if got := judged(r, Request{Method: "GET", Target: "/?" + query}, ""); len(got.Rules) > 0 != want {
			t.Errorf("%s: stopped by %q", query, got.Rules)
		}
	}
}

// Rules can come from any file system, beside those of folders.
func TestSetsOfRules(t *testing.T) {
	sure := func(name, confidence string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(ruleOn(name, "a") + "labels: {confidence: " + confidence + "}\n")}
	}
	set := fstest.MapFS{
		"a.yaml":       sure("own/certain", "certain"),
		"below/b.yml":  sure("own/likely", "likely"),
		"below/c.yaml": sure("own/observe", "observe"),
		"d.yaml":       sure("own/number", "3"),
		"e.yaml":       {Data: []byte("name: own/newer\nrules:\n- zones: [ORBIT]\n  match: {type: equals, value: x}\n")},
		".f.yaml":      sure("own/hidden", "certain"),
		"readme.md":    {Data: []byte("no rule")},
	}
	dir := writeFiles(t, map[string]string{"g.yaml": ruleOn("own/folder", "a")})
	r, err := Load(LoadConfig{Sets: []Set{{Name: "ours", Files: set}}, Paths: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, rule := range r.Rules() {
		got = append(got, fmt.Sprintf("%s %v %v", rule.Name, rule.Confidence, rule.OutOfBand))
	}
	want := []string{"own/certain certain false", "own/likely likely false", "own/observe observe true", "own/number certain false", "own/folder certain false"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if skipped := r.Skipped(); len(skipped) != 1 || skipped[0].String() != "ours/e.yaml:3: own/newer: it has the zone ORBIT, which this version does not know" {
		t.Errorf("skipped: %v", skipped)
	}
	if !r.base {
		t.Error("bodies are not read by their type")
	}
	if _, err := Load(LoadConfig{Sets: []Set{{Name: "ours", Files: os.DirFS(filepath.Join(dir, "none"))}}}); err == nil {
		t.Error("a set that cannot be read is none")
	}
}

// Rules of other files have another print, and so have those of the same files that have
// changed.
func TestPrints(t *testing.T) {
	files := map[string]string{"a.yaml": ruleOn("own/a", "a")}
	dir := writeFiles(t, files)
	load := func() string {
		r, err := Load(LoadConfig{Paths: []string{dir}})
		if err != nil {
			t.Fatal(err)
		}
		return r.Print()
	}
	first := load()
	if again := load(); again != first || len(first) != 64 {
		t.Errorf("the same files: %s and %s", first, again)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(ruleOn("own/a", "b")), 0o600); err != nil {
		t.Fatal(err)
	}
	if changed := load(); changed == first {
		t.Error("another file has the same print")
	}
}

// Rules that CrowdSec has no confidence in stop nothing, unless somebody asks for them.
func TestRulesToTrySomethingWith(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"tried.yaml": ruleOn("own/tried", "a") + "labels: {confidence: 0}\n", "sure.yaml": ruleOn("own/sure", "b") + "labels: {confidence: 3}\n",
	})
	for _, row := range []struct {
		path string
		want []string
	}{
		{".", []string{"own/sure", "own/tried?"}},
		{"*.yaml", []string{"own/sure", "own/tried?"}},
		{"t*.yaml", []string{"own/tried?"}},
		{"tried.yaml", []string{"own/tried"}},
	} {
		r, err := Load(LoadConfig{Paths: []string{filepath.Join(dir, row.path)}})
		if err != nil {
			t.Fatal(err)
		}
		if got := names(r); !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", row.path, got, row.want)
		}
	}
}

// Bodies can be read by their type without a rule that says so.
func TestReadBodies(t *testing.T) {
	dir := writeFiles(t, map[string]string{"a.yaml": "name: own/a\nrules:\n- zones: [BODY_ARGS]\n  variables: [json.a]\n  match: {type: equals, value: hit}\n"})
	for read, want := range map[bool]int{false: 0, true: 1} {
		r, err := Load(LoadConfig{Paths: []string{dir}, ReadBodies: read})
		if err != nil {
			t.Fatal(err)
		}
		in := r.Head(&Request{Method: "POST", Target: "/", HasBody: true, Header: http.Header{"Content-Type": {"application/json"}}})
		in.Body([]byte(`{"a":"hit"}`))
		if got := len(in.Matches()); got != want {
			t.Errorf("read: %v: %d rules match, want %d", read, got, want)
		}
		in.Close()
	}
}
