package detect

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr/vm"
	"github.com/tocsin-project/tocsin/event"
)

// evaluate returns what the interpreter makes of an expression for an event.
func evaluate(t *testing.T, source string, e *event.Event) (any, error) {
	t.Helper()
	x, err := newLists().expression(source, reflect.Invalid)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	p := compile(&Rules{lists: newLists()}, nil)
	v := p.open(e, event.ClientOf(e.Client))
	defer v.close()
	return v.run(x.program())
}

func TestHelpers(t *testing.T) {
	const fails = "it fails"
	for source, want := range map[string]string{
		`Match("*/b?d", "/a/bcd")`:                                      "true",
		`LibInjectionIsSQLI("1' OR '1'='1' --")`:                        "true",
		`LibInjectionIsSQLI("it's a nice day")`:                         "false",
		`LibInjectionIsXSS("<script>alert(1)</script>")`:                "true",
		`LibInjectionIsXSS("a < b and c > d")`:                          "false",
		`Sprintf("%s:%03d %v", "a", 7, true)`:                           "a:007 true",
		`Sprintf("100%% *")`:                                            "100% *",
		`Sprintf("%5s|%.2f", "a", 1.5)`:                                 "    a|1.50",
		`Sprintf("%999999d%999999d", 1, 2)`:                             fails,
		`Sprintf("%*d", 1000000, 2)`:                                    fails,
		`Sprintf("%v", evt)`:                                            fails,
		`B64Decode("aGk=")`:                                             "hi",
		`B64Decode("aGk")`:                                              fails,
		`ParseQuery("a=1;2&a=%33&b=%zz+c&&=d")`:                         "map[:[d] a:[1;2 3] b:[%zz c]]",
		`ExtractQueryParam("/x?a=1&b=2&a=3", "a")`:                      "[1 3]",
		`ExtractQueryParam("/x?a=1", "b")`:                              "[]",
		`ExtractQueryParam("/x", "b")`:                                  "[]",
		`ToString("a") + ToString(1)`:                                   "a",
		`KeyExists("a", JsonExtractObject("{\"x\":{\"a\":null}}","x"))`: "true",
		`KeyExists("b", JsonExtractObject("{\"x\":[]}","x"))`:           "false",
		`FloatApproxEqual(0.1 + 0.2, 0.3)`:                              "true",
		`FloatApproxEqual(0.1, 0.3)`:                                    "false",
		`JsonExtractUnescape("{\"a\":\"\\u0041\\n\"}", "a")`:            "A\n",
		`JsonExtractUnescape("{\"a\":1}", "a")`:                         "",
		`JsonExtractSlice("{\"a\":[1,\"b\"]}", "a")`:                    "[1 b]",
		`JsonExtractSlice("{\"a\":{}}", "a")`:                           "[]",
		`JsonExtract("` + strings.Repeat("[", 99) + `", "` + strings.Repeat("[0]", 65) + `")`: "",
		`ToJsonString({"b": 1, "a": ["x"]})`:                                                  `{"a":["x"],"b":1}`,
		`Flatten(["a", ["b", ["a"]]])`:                                                        "[a b a]",
		`Distinct(["a", "b", "a"])`:                                                           "[a b]",
		`Distinct("a")`:                                                                       "<nil>",
		`FlattenDistinct(["a", ["b", ["a"]]])`:                                                "[a b]",
		`ReplaceAll("aXbX", "X", "--")`:                                                       "a--b--",
		`Replace("aXbX", "X", "--", 1)`:                                                       "a--bX",
		`len(ReplaceAll(repeat("a", 9999), "", repeat("b", 999)))`:                            fails,
		`Replace("a", "", repeat("b", 9999), 1)[:2]`:                                          "bb",
		`len(Join(Split(repeat("a", 9999), ""), repeat("b", 999)))`:                           fails,
		`Join(Split("a b", " "), ", ")`:                                                       "a, b",
	} {
		got, err := evaluate(t, source, get(0, "/"))
		text := fmt.Sprint(got)
		if err != nil {
			text = fails
		}
		if text != want {
			t.Errorf("%s is %q (%v), want %q", source, text, err, want)
		}
	}
}

// An expression that fails does not match: a scenario is not broken by what a
// request says.
func TestAHelperThatFailsDoesNotMatch(t *testing.T) {
	newSite(t, Config{}, "type: trigger\nname: t\nfilter: B64Decode(evt.Parsed.http_args) == 'hi'\n").
		sees(". t*1", get(0, "/?aGk"), get(0, "/?aGk="))
}

// These are six of the fourteen forms in which the branches of CrowdSec's hub ask
// Match, in our own words.
func TestScenariosWithMatch(t *testing.T) {
	const before = "type: trigger\nname: t\nfilter: \"evt.Meta.service == 'http' && ("
	for filter, target := range map[string]string{
		"Match('*?run=`*', evt.Parsed.http_args)":                                                    "/x?a&run=`id`",
		"evt.Meta.http_verb == 'GET' && Match('*/up/load?*', evt.Parsed.http_args)":                  "/x?/y/up/load/z",
		"Match('*find.json?@*', evt.Parsed.http_args) || Match('*a?@b.c*', evt.Parsed.http_args)":    "/x?q=find.json%@me",
		"int(evt.Meta.http_status) == 200 && Match('/old/*/../*', evt.Parsed.request)":               "/old/a/../b",
		"Match('*.php', Lower(evt.Parsed.file_name))":                                                "/A.PHP",
		"not Match('*Mozilla*', evt.Parsed.http_user_agent) || Match('/probe*', evt.Meta.http_path)": "/probe",
	} {
		s := newSite(t, Config{}, before+filter+")\"\n")
		s.sees("t*1 .", get(0, target), get(0, "/innocent?a=b"))
		if key := s.d.prog.Load().rules[0].filter.key; strings.Contains(key, "evt.") {
			t.Errorf("%s is left to the interpreter", filter)
		}
	}
}

func TestInjectionHelpersAreBounded(t *testing.T) {
	for _, unit := range []string{"<a ", "1;", "x=&#0", "/**/", "'\\", "<!--", "\n", "(select "} {
		text := strings.Repeat(unit, 1<<20/len(unit))
		began := time.Now()
		isSQLInjection(text)
		isXSS(text)
		if took := time.Since(began); took > time.Second {
			t.Errorf("%q: took %v", unit, took)
		}
	}
}

func FuzzHelpers(f *testing.F) {
	f.Add("1' OR 1=1 --", "<script>")
	f.Add("%5d%v%%%[1]s", "a=%41&b;c")
	f.Add(`{"a":[{"b":"\u0041"}]}`, "a[0].b")
	sources := []string{
		"LibInjectionIsSQLI(evt.Parsed.a)", "LibInjectionIsXSS(evt.Parsed.a)", "Sprintf(evt.Parsed.a, evt.Parsed.b, len(evt.Parsed.b))",
		"B64Decode(evt.Parsed.a)", "ParseQuery(evt.Parsed.a)", "ExtractQueryParam(evt.Parsed.a, evt.Parsed.b)",
		"JsonExtractUnescape(evt.Parsed.a, evt.Parsed.b)", "JsonExtractSlice(evt.Parsed.a, evt.Parsed.b)", "JsonExtractObject(evt.Parsed.a, evt.Parsed.b)",
		"ToJsonString(evt.Parsed)", "Flatten([evt.Parsed.a, [evt.Parsed.b]])", "ReplaceAll(evt.Parsed.a, evt.Parsed.b, evt.Parsed.a)",
		"Join(Split(evt.Parsed.a, evt.Parsed.b), evt.Parsed.a)", "Match(evt.Parsed.a, evt.Parsed.b)",
	}
	var programs []*vm.Program
	for _, source := range sources {
		p, err := newLists().parse(source, reflect.Invalid)
		if err != nil {
			f.Fatal(err)
		}
		programs = append(programs, p)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		isSQLInjection(a) // not behind the interpreter, which recovers
		isXSS(a)
		env := exprEnv{&exprEvent{Parsed: map[string]string{"a": a, "b": b}}}
		for i, p := range programs {
			got, err := new(vm.VM).Run(p, env)
			if text, ok := got.(string); ok && err == nil && len(text) > max(1<<20, 12*(len(a)+len(b))) {
				t.Errorf("%s gives %d bytes", sources[i], len(text))
			}
		}
	})
}
