package detect

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

const minimal = "type: trigger\nname: t\nfilter: 'true'\n"

// damaged are the lists that broken documents ask.
var damaged = fstest.MapFS{
	"words": {Data: []byte("# words\n(\n")},
	"kinds": {Data: []byte(`{"pattern": "a", "tag": "b", "type": "x"}`)},
}

// broken are documents that can only be a mistake.
var broken = []struct{ name, yaml, want string }{
	{"what is no YAML", "type: [\n", "reading x.yaml: yaml: line"},
	{"what is no scenario", "- a\n", "x.yaml:1: want a scenario"},
	{"a scenario without a type", "name: a\nfilter: 'true'\n", "x.yaml:1: no key type or whitelist"},
	{"one without a name", "type: trigger\nfilter: 'true'\n", "x.yaml:1: name: required"},
	{"one without a filter", "type: trigger\nname: a\n", "x.yaml:1: filter: required"},
	{"a filter that is no expression", "type: trigger\nname: a\nfilter: a ==\n", "x.yaml:3: filter: reading the expression: unexpected token"},
	{"a filter that is no condition", "type: trigger\nname: a\nfilter: evt.Meta.http_path\n", "x.yaml:3: filter: reading the expression: expected bool"},
	{"a comparison of a text with a number", "type: trigger\nname: a\nfilter: evt.Meta.http_status == 404\n", "x.yaml:3: filter: reading the expression: invalid operation"},
	{"a name that nobody knows", "type: trigger\nname: a\nfilter: event.Meta.x == ''\n", "x.yaml:3: filter: reading the expression: unknown name event"},
	{"a group that is no text", minimal + "groupby: 1 + 1\n", "x.yaml:4: groupby: reading the expression: expected string"},
	{"a leaky bucket without a capacity", "type: leaky\nname: a\nfilter: 'true'\nleakspeed: 1s\n", "x.yaml:1: capacity: 0: want 1 or more"},
	{"one that does not leak", "type: leaky\nname: a\nfilter: 'true'\ncapacity: 1\n", `x.yaml:1: leakspeed: "": want a time`},
	{"one that leaks backwards", "type: leaky\nname: a\nfilter: 'true'\ncapacity: 1\nleakspeed: -1s\n", `x.yaml:5: leakspeed: "-1s": want a time`},
	{"one that outlives us", "type: leaky\nname: a\nfilter: 'true'\ncapacity: 4000000000\nleakspeed: 100h\n", "x.yaml:4: capacity: 4000000000: too many for a leakspeed of 100h0m0s"},
	{"a trigger with a capacity", minimal + "capacity: 1\n", "x.yaml:4: capacity: 1: a trigger must not have a capacity"},
	{"an invalid time", minimal + "blackhole: soon\n", `x.yaml:4: blackhole: time: invalid duration "soon"`},
	{"an invalid action", minimal + "labels:\n  action: shout\n", `x.yaml:5: action: unknown action "shout"`},
	{"a ban that ended before it began", minimal + "labels:\n  duration: -4h\n", "x.yaml:5: duration: -4h0m0s: must be greater than 0"},
	{"a list that is elsewhere", minimal + "data:\n - {dest_file: ../words, type: string}\n", `x.yaml:5: data: list "../words": want the name of a file in the data folder`},
	{"a list with an invalid pattern", minimal + "data:\n - {dest_file: words, type: regexp}\n", `x.yaml:5: data: list "words": line 2: error parsing regexp`},
	{"an invalid list of tags", minimal + "data:\n - {dest_file: words, type: map}\n", `x.yaml:5: data: list "words": line 2: invalid character`},
	{"an invalid address", "whitelist:\n  ip:\n  - 192.0.2\n", "x.yaml:3: ip: ParseAddr"},
	{"an invalid range", "whitelist:\n  cidr: [192.0.2.0/33]\n", "x.yaml:2: cidr: "},
	{"a whitelist's expression that is none", "whitelist:\n  expression: ['evt.Meta.http_path']\n", "x.yaml:2: expression: reading the expression: expected bool"},
	{"a filter with a stray =", "type: trigger\nname: a\nfilter: evt.Meta.http_path = 'a'\n", "x.yaml:3: filter: reading the expression: unexpected token Operator(\"=\")"},
	{"one that is not at its end", "type: trigger\nname: a\nfilter: evt.Meta.http_path == 'a' evt.Parsed.verb == 'b'\n", "x.yaml:3: filter: reading the expression: unexpected token Identifier(\"evt\")"},
	{"one with quotes of a word processor", "type: trigger\nname: a\nfilter: evt.Meta.http_path == “a”\n", "x.yaml:3: filter: reading the expression: unrecognized character"},
	{"one that gives a helper too little", "type: trigger\nname: a\nfilter: Split(evt.Meta.http_path) == nil\n", "x.yaml:3: filter: reading the expression: not enough arguments to call Split"},
	{"one as long as a book", "type: trigger\nname: a\nfilter: " + strings.Repeat("(", 128<<10+1) + "\n", "x.yaml:3: filter: an expression of 131073 bytes: want at most 131072"},
	{"an invalid format", minimal + "format: new\n", `x.yaml:4: format: "new": want 1.0 to 3.0`},
	{"a format before the first", minimal + "format: 0.9\n", `x.yaml:4: format: "0.9": want 1.0 to 3.0`},
	{"a text for a number", "type: leaky\nname: a\nfilter: 'true'\ncapacity: five\nleakspeed: 1s\n", "x.yaml:1: yaml: unmarshal errors:\n  line 4: cannot unmarshal !!str `five` into int"},
	{"a second scenario that is", minimal + "---\n" + "type: trigger\nname: b\n", "x.yaml:5: filter: required"},
	{"a type that is empty", "type:\nname: a\nfilter: 'true'\n", `x.yaml:1: type: "": want leaky or trigger`},
}

func TestParseRefuses(t *testing.T) {
	for _, row := range broken {
		_, err := Parse("x.yaml", []byte(row.yaml), damaged)
		if err == nil || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%s: error %v, want %s", row.name, err, row.want)
		}
	}
}

// newerThings are documents that a later version may well know how to read.
var newerThings = []struct{ name, yaml, line, want string }{
	{"a key", minimal + "capacty: 5\n", "4", "it has the key capacty, which this version does not know"},
	{"one further down", minimal + "data:\n  - dest_file: a\n    kind: string\n", "6", "it has the key kind, which this version does not know"},
	{"one behind an alias", minimal + "labels: {a: &x [{dest_file: a, kind: string}]}\ndata: *x\n", "4", "it has the key kind, which this version does not know"},
	{"one beside a mistake", minimal + "capacity: five\nfoo: 1\n", "5", "it has the key foo, which this version does not know"},
	{"one in a whitelist", "name: t\nwhitelist:\n  ips: [192.0.2.1]\n", "3", "it has the key ips, which this version does not know"},
	{"one at the top of a whitelist", "name: t\nwhitelist:\n  ip: [192.0.2.1]\nuntil: tomorrow\n", "4", "it has the key until, which this version does not know"},
	{"a kind of document", "name: t\nfilter: 'true'\nblocklist: [192.0.2.1]\n", "3", "it has the key blocklist, which this version does not know"},
	{"a parser with another key", "name: t\nfilter: 'true'\nnodes: []\nfoo: 1\n", "1", "it is a parser of logs"},
	{"a type", "type: sliding\nname: t\nfilter: 'true'\nwindow: 5m\n", "1", "its type is sliding, which this version does not know"},
	{"a format", minimal + "format: 3.1\n", "1", "it has the format 3.1, which this version does not know"},
	{"a format, and what comes with it", minimal + "format: 4\ncapacity: [1, 2]\nfoo: 1\n", "1", "it has the format 4, which this version does not know"},
	{"a format of whitelists", "name: t\nformat: 10.0\nwhitelist: {ip: {from: a}}\n", "1", "it has the format 10.0, which this version does not know"},
	{"a kind of list", minimal + "data:\n - {dest_file: words, type: bots}\n", "1", "the list words is of the type bots, which this version does not know"},
	{"a kind of line in a list", minimal + "data:\n - {dest_file: kinds, type: map}\n", "1", `list "kinds": line 1: it has the type x, which this version does not know`},
	{"a helper", filtered("Glob(evt.Meta.http_path, 'a')"), "1", "it calls Glob, which this version does not know"},
	{"a helper, and no bucket", "type: leaky\nname: t\nfilter: Glob('a')\n", "1", "it calls Glob, which this version does not know"},
	{"a helper in a group", minimal + "groupby: Country(evt.Meta.source_ip)\n", "1", "it calls Country, which this version does not know"},
	{"a helper with a condition", filtered("someOf(Split(evt.Meta.http_path, '/'), {# == 'a'})"), "1", "it calls someOf, which this version does not know"},
	{"a helper with more arguments", filtered("Split(evt.Meta.http_path, '/', 3) == nil"), "1", "it calls Split with 3 arguments, which this version does not know"},
	{"a helper in a whitelist", "name: t\nwhitelist:\n  expression: ['Glob(evt.Meta.http_path)']\n", "1", "it calls Glob, which this version does not know"},
	{"a method of the event", filtered("evt.GetMeta('http_path') == 'a'"), "1", "it asks for evt.GetMeta, which there is not in a request"},
	{"a method of a field", filtered("evt.Meta.http_path.Upper() == 'A'"), "1", "it calls evt.Meta.http_path.Upper, which this version does not know"},
	{"an operator that is a word", filtered("evt.Meta.http_path xor evt.Meta.http_verb"), "1", "it has the operator xor, which this version does not know"},
	{"an operator of symbols", filtered("evt.Meta.http_path =~ 'a'"), "1", "it has the operator =~, which this version does not know"},
	{"a longer one", filtered("evt.Meta.http_path <=> 'a'"), "1", "it has the operator <=>, which this version does not know"},
	{"a shorter one", filtered("evt.Meta.http_path ~ 'a'"), "1", "it has the operator ~, which this version does not know"},
}

func filtered(filter string) string { return "type: trigger\nname: t\nfilter: \"" + filter + "\"\n" }

// Newer documents are skipped, and the documents before and after them run.
func TestParseSkipsWhatIsNewer(t *testing.T) {
	for _, row := range newerThings {
		rules, err := Parse("x.yaml", []byte(row.yaml+"---\n"+named("after")), damaged)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		got := rules.Skipped()
		if len(got) != 1 || got[0].Name != "t" || got[0].File != "x.yaml:"+row.line || got[0].Reason != row.want {
			t.Errorf("%s: skipped %v, want line %s: %s", row.name, got, row.line, row.want)
		}
		if !slices.Equal(rules.Names(), []string{"after"}) {
			t.Errorf("%s: the others are %q", row.name, rules.Names())
		}
	}
}

func TestParseSkips(t *testing.T) {
	const before = "type: leaky\nname: s\ncapacity: 5\nleakspeed: 10s\nfilter: "
	for _, row := range []struct{ name, yaml, want string }{
		{"another log", before + "evt.Meta.log_type == 'nextcloud_failed_auth'", "it is for another log than that of HTTP requests"},
		{"what nobody but another log says", before + "evt.Meta.sub_type in ['admin_auth_fail', 'req_limit']", "it is for another log than that of HTTP requests"},
		{"another service", before + "evt.Meta.service == 'ssh' && evt.Parsed.verb == 'GET'", "it is for another log than that of HTTP requests"},
		{"what no parser of HTTP requests sets", before + "evt.Parsed.program == 'sshd'", "it is for another log than that of HTTP requests"},
		{"a counter", "type: counter\nname: s\ncapacity: -1\nduration: 1m\nfilter: 'true'", "its type is counter: want leaky or trigger"},
		{"a bayesian", "type: bayesian\nname: s\nbayesian_prior: 0.5\nbayesian_threshold: 0.8\nbayesian_conditions: [{condition: a}]", "its type is bayesian: want leaky or trigger"},
		{"a condition", before + "'true'\ncondition: queue", "it has a condition"},
		{"cancel_on", before + "'true'\ncancel_on: a", "it has cancel_on"},
		{"overflow_filter", before + "'true'\noverflow_filter: a", "it has overflow_filter"},
		{"another scope", before + "'true'\nscope:\n  type: Range", "its scope is Range: want Ip"},
		{"enrichment", before + "evt.Enriched.IsoCode == 'FR'", "it asks for evt.Enriched, which there is not in a request"},
		{"another event", before + "evt.Overflow.Alert.Remediation", "it asks for evt.Overflow, which there is not in a request"},
		{"a name server", before + "any(LookupHost(evt.Meta.source_ip), {# == 'a'})", "it calls LookupHost, which this version does not know"},
		{"geography", before + "GeoIPEnrich(evt.Meta.source_ip) != nil", "it calls GeoIPEnrich, which this version does not know"},
		{"a method that is not there", before + "evt.SetParsed('a', 'b')", "it asks for evt.SetParsed, which there is not in a request"},
		{"a request that it changes", before + "evt.SetMeta('http_path', '/')", "it sets evt.Meta.http_path, which is the request's"},
		{"a list that is missing", before + "any(File('words'), {# == 'a'})\ndata: [{dest_file: words, type: string}]", `list "words": missing in the data folder`},
		{"a list that nobody declares", before + "any(File('words'), {# == 'a'})", `list "words": no data item declares it`},
		{"a parser", "name: s\nfilter: 'true'\nnodes:\n  - grok: {pattern: a}", "it is a parser of logs"},
		{"a whitelist that asks a name server", "name: s\nwhitelist:\n  expression: [\"any(LookupHost(evt.Meta.source_ip), {# == 'a'})\"]", "it calls LookupHost, which this version does not know"},
		{"a whitelist of overflows", "name: s\nwhitelist:\n  expression: [evt.Overflow.Alert.Remediation]", "it asks for evt.Overflow, which there is not in a request"},
	} {
		rules, err := Parse("x.yaml", []byte(row.yaml), nil)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		foreign := strings.HasPrefix(row.want, "it is ")
		want := []Skipped{{"s", "x.yaml:1", row.want, foreign}}
		if got := rules.Skipped(); !slices.Equal(got, want) || len(rules.Names()) != 0 {
			t.Errorf("%s: skipped %+v and took %q, want %+v", row.name, got, rules.Names(), want)
		}
	}
}

func TestParseTakesBothGenerationsOfTheHub(t *testing.T) {
	rules := parse(t, `
# as of 2022
type: leaky
name: old
description: "scan"
debug: false
filter: "evt.Meta.log_type in ['http_access-log', 'http_error-log'] && evt.Meta.http_status in ['404', '403']"
groupby: evt.Meta.source_ip
capacity: 10
reprocess: true
leakspeed: "10s"
blackhole: 5m
labels:
 service: http
 type: scan
 remediation: true
---
type: trigger
format: 2.0
name: new
description: exploit
references: [https://example.org/]
author: somebody
filter: Upper(evt.Meta.http_path) contains 'X'
groupby: "evt.Meta.source_ip"
scope: {type: Ip}
labels:
  confidence: 3
  spoofable: 0
  classification:
    - attack.T1190
  behavior: "http:exploit"
  remediation: "true"
  action: captcha
  duration: 90m
---
`)
	if got := rules.Names(); !slices.Equal(got, []string{"old", "new"}) {
		t.Fatalf("scenarios %q", got)
	}
	all := rules.Scenarios()
	if s := all[0]; !s.Late || !s.Remediation || s.Labels["type"] != "scan" || s.Description != "scan" || s.File != "test.yaml:3" {
		t.Errorf("the old one is %+v", s)
	}
	// Remediation is a boolean for upstream, and a text is not.
	if s := all[1]; s.Late || s.Remediation || s.Labels["behavior"] != "http:exploit" || s.Hash != "" || s.Version != "" {
		t.Errorf("the new one is %+v", s)
	}
	alerts := New(Config{Rules: rules}).Request(get(0, "/x"))
	if len(alerts) != 1 || alerts[0].Action != lookup.Captcha || alerts[0].Duration != 90*time.Minute {
		t.Errorf("alerts %+v", alerts)
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
}

func named(name string) string { return strings.Replace(minimal, "name: t", "name: "+name, 1) }

// TestLoadReadsCrowdSecsFolders lays out folders as cscli does: the enabled
// scenarios are links into the hub.
func TestLoadReadsCrowdSecsFolders(t *testing.T) {
	dir := t.TempDir()
	etc, hub := filepath.Join(dir, "etc", "scenarios"), filepath.Join(dir, "etc", "hub", "scenarios", "crowdsecurity")
	known, changed := named("crowdsecurity/known")+"---\n"+named("crowdsecurity/too"), named("crowdsecurity/changed")
	sum := sha256.Sum256([]byte(known))
	write(t, filepath.Join(hub, "known.yaml"), known)
	write(t, filepath.Join(hub, "changed.yaml"), changed)
	write(t, filepath.Join(hub, "not-enabled.yaml"), named("crowdsecurity/not-enabled"))
	write(t, filepath.Join(dir, "etc", "hub", ".index.json"), fmt.Sprintf(`{"collections": {}, "scenarios": {
		"crowdsecurity/file": {"path": "scenarios/crowdsecurity/known.yaml", "version": "0.11", "versions": {
			"0.1": {"digest": "aa"}, "0.9": {"digest": %[1]q}, "0.10": {"digest": %[1]q}, "0.11": {"digest": "bb"}}},
		"crowdsecurity/changed": {"path": "scenarios/crowdsecurity/changed.yaml", "version": "0.3", "versions": {"0.1": {"digest": "aa"}}}}}`, hex.EncodeToString(sum[:])))
	link(t, filepath.Join(hub, "known.yaml"), filepath.Join(etc, "known.yaml"))
	link(t, filepath.Join(hub, "changed.yaml"), filepath.Join(etc, "changed.yaml"))
	link(t, filepath.Join(hub, "gone.yaml"), filepath.Join(etc, "gone.yaml"))
	link(t, etc, filepath.Join(etc, "loop"))
	write(t, filepath.Join(hub, "own.yaml"), named("mine"))
	link(t, filepath.Join(hub, "own.yaml"), filepath.Join(etc, "own.yml"))
	write(t, filepath.Join(etc, "README.md"), "no scenario")
	write(t, filepath.Join(etc, ".hidden.yaml"), "no: scenario")
	write(t, filepath.Join(etc, "other.yaml"), named("other")+"---\n"+named("other2"))
	write(t, filepath.Join(etc, "twice.yaml"), named("other"))

	rules, err := Load(LoadConfig{Paths: []string{etc, filepath.Join(etc, "known.yaml")}})
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, s := range rules.Scenarios() {
		got[s.Name] = s.Version
		if (s.Hash == "") != (s.Name == "mine") {
			t.Errorf("%s has the hash %q", s.Name, s.Hash)
		}
	}
	if want := map[string]string{"crowdsecurity/known": "0.10", "crowdsecurity/too": "0.10", "crowdsecurity/changed": "?", "mine": "", "other": "", "other2": ""}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("scenarios and versions %v, want %v", got, want)
	}
	var skipped []string
	for _, s := range rules.Skipped() {
		skipped = append(skipped, s.String())
	}
	all := strings.Join(skipped, "\n")
	if !strings.Contains(all, "gone.yaml: it links to a file that there is not") ||
		!strings.Contains(all, "twice.yaml:1: other: there is one of that name in "+filepath.Join(etc, "other.yaml")) || len(skipped) != 2 {
		t.Errorf("skipped:\n%s", all)
	}
}

func TestLoadFindsListsNextToTheFile(t *testing.T) {
	dir := t.TempDir()
	yaml := "type: trigger\nname: t\nfilter: \"any(File('words'), {evt.Meta.http_path contains #})\"\ndata: [{dest_file: words, type: string}]\n"
	write(t, filepath.Join(dir, "a", "t.yaml"), yaml)
	write(t, filepath.Join(dir, "a", "words"), "#comment\n\n/pma\n")
	write(t, filepath.Join(dir, "b", "words"), "/other\n")
	for _, row := range []struct{ data, want string }{{"", "/pma"}, {filepath.Join(dir, "b"), "/other"}} {
		rules, err := Load(LoadConfig{Paths: []string{filepath.Join(dir, "a")}, Data: row.data})
		if err != nil {
			t.Fatal(err)
		}
		d := New(Config{Rules: rules})
		for _, target := range []string{"/pma", "/other", "/#comment"} {
			if got := len(d.Request(get(0, target))) > 0; got != (target == row.want) {
				t.Errorf("data %q: %s matches: %v", row.data, target, got)
			}
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "bad.yaml"), minimal+"capacity: 1\n")
	for path, want := range map[string]string{
		filepath.Join(dir, "none"):     "reading scenarios: lstat " + filepath.Join(dir, "none"),
		filepath.Join(dir, "bad.yaml"): filepath.Join(dir, "bad.yaml") + ":4: capacity: 1: a trigger must not have a capacity",
		dir:                            filepath.Join(dir, "bad.yaml") + ":4: capacity: 1: a trigger must not have a capacity",
	} {
		if _, err := Load(LoadConfig{Paths: []string{path}}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", path, err, want)
		}
	}
}

func TestScenariosOfOneFileMayShareAName(t *testing.T) {
	rules, err := Parse("x.yaml", []byte(named("a")+"---\n"+strings.Replace(named("a"), "'true'", "evt.Parsed.verb == 'GET'", 1)+"---\n"+named("a")), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := rules.Skipped(); len(got) != 1 || got[0].File != "x.yaml:9" {
		t.Errorf("skipped %v, want what is the same as the first", got)
	}
	if n := len(New(Config{Rules: rules}).Request(get(0, "/"))); n != 2 {
		t.Errorf("%d alerts, want 2", n)
	}
}

func TestMergeTakesTheFirst(t *testing.T) {
	a := parse(t, named("a"))
	b, err := Parse("b.yaml", []byte(strings.Replace(named("a"), "'true'", "evt.Parsed.verb == 'POST'", 1)+"---\n"+named("b")), nil)
	if err != nil {
		t.Fatal(err)
	}
	all := Merge(a, nil, b)
	if got := all.Names(); !slices.Equal(got, []string{"a", "b"}) || len(all.Skipped()) != 1 {
		t.Errorf("names %q, skipped %v", got, all.Skipped())
	}
	if n := len(New(Config{Rules: all}).Request(get(0, "/"))); n != 2 {
		t.Errorf("%d alerts, want 2", n)
	}
}

func FuzzParse(f *testing.F) {
	for _, file := range []string{"testdata/scenarios/shapes.yaml"} {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for doc := range strings.SplitSeq(string(content), "---\n") {
			f.Add(doc)
		}
	}
	f.Add("name: w\nwhitelist: {ip: [192.0.2.1], cidr: [10.0.0.0/8], expression: [evt.Meta.http_status == '404']}")
	f.Add("type: leaky\nname: l\nfilter: evt.Meta['http_path'] == 'a' ?? true\ncapacity: 2\nleakspeed: 1ms\ndistinct: evt.Meta")
	f.Add("a: &a [*a]\ntype: trigger")
	f.Fuzz(func(t *testing.T, yaml string) {
		rules, err := Parse("f.yaml", []byte(yaml), os.DirFS("testdata/data"))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f.yaml:") && !strings.HasPrefix(err.Error(), "reading f.yaml:") {
				t.Errorf("error %v", err)
			}
			return
		}
		d := New(Config{Rules: rules})
		for i, target := range []string{"/", "/a?b", "/console.axd?<kbd"} {
			e := get(float64(i), target)
			for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
				if a.Scenario == "" || a.Count < 1 || a.Client != netip.MustParseAddr("192.0.2.1") || a.Count <= a.Capacity {
					t.Errorf("alert %+v", a)
				}
			}
		}
	})
}
