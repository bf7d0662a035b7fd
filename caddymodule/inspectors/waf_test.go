package inspectors

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestTheBlockOfTheWAF(t *testing.T) {
	for text, want := range map[string]string{
		"waf builtin":              `{"rules":["builtin"]}`,
		"waf /a/config.yaml /b/*":  `{"rules":["/a/config.yaml","/b/*"]}`,
		"waf a {\nobserve\n}":      `{"rules":["a"],"observe":true}`,
		"waf a {\nlog_payload\n}":  `{"rules":["a"],"log_payload":true}`,
		"waf a {\nexcept own/x\n}": `{"rules":["a"],"except":[{"rule":"own/x"}]}`,
		"waf a {\nexcept own/x path /admin/* /y\nexcept own/*\n}":          `{"rules":["a"],"except":[{"rule":"own/x","match":[{"path":["/admin/*","/y"]}]},{"rule":"own/*"}]}`,
		"waf a {\nexcept own/x {\npath /admin/*\nmethod POST\n}\n}":        `{"rules":["a"],"except":[{"rule":"own/x","match":[{"method":["POST"],"path":["/admin/*"]}]}]}`,
		"waf a {\nbody_limit 64KiB\nbody_over captcha\nbody_timeout 5s\n}": `{"rules":["a"],"body_limit":65536,"body_timeout":5000000000,"body_over":"captcha"}`,
		"waf":                               `tocsin: waf: want builtin, or the path of an appsec-config or of rules, at Testfile:1`,
		"waf a {\nexcept\n}":                `tocsin: waf: except: want the name of a rule, at Testfile:2`,
		"waf a {\nexcept own/x nonsense\n}": `tocsin: waf: except: there is no matcher "nonsense": want the name of one and what it takes, such as path /admin/*, at Testfile:2`,
		"waf a {\nexcept x {\npath /\npath /a\n}\n}": `tocsin: waf: except: path: given twice, at Testfile:4`,
		"waf a {\nbody_over throttle\n}":             `tocsin: waf: body_over: "throttle": want one of pass, captcha, ban, at Testfile:2`,
		"waf a {\nobserve yes\n}":                    `tocsin: waf: observe: takes no argument, got "yes", at Testfile:2`,
	} {
		if got := parsed("tocsin.inspectors.waf", text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// rule returns the file of a rule about the argument x.
func rule(name, value string) string {
	return fmt.Sprintf("name: %s\nrules:\n- zones: [ARGS]\n  variables: [x]\n  match: {type: contains, value: %s}\n", name, value)
}

// ruleFiles writes files below a folder and returns that.
func ruleFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const secLang = "name: own/crs\nseclang_rules:\n- SecRule ARGS \"@rx evil\" \"id:1,deny\"\n"

// What cannot run says so, and what there is to do.
func TestTheRulesOfTheWAF(t *testing.T) {
	dir := ruleFiles(t, map[string]string{
		"rules/a.yaml": rule("own/a", "evil"), "rules/newer.yaml": strings.Replace(rule("own/newer", "x"), "ARGS", "ORBIT", 1),
		"crs.yaml": secLang, "empty/readme.md": "",
		"appsec-configs/bad.yaml":  "name: x\ninband_rules: [own/none]\n",
		"appsec-configs/hook.yaml": "name: x\ninband_rules: [own/a]\npre_eval:\n- apply: [\"RemoveInBandRuleByName('own/a')\"]\n",
		"appsec-rules/a.yaml":      rule("own/a", "evil"),
	})
	for _, row := range []struct {
		name   string
		rules  []string
		except string
		want   string // of the error, with the folder left out
	}{
		{"rules, one of them newer", []string{"rules"}, "", ""},
		{"none", nil, "", "rules is required: builtin, or the path of an appsec-config or of rules"},
		{"what is not there", []string{"none"}, "", "reading rules: stat none: no such file or directory: want builtin, or the path of an appsec-config or of rules"},
		{"SecLang alone", []string{"crs.yaml"}, "", "no rule runs: crs.yaml: own/crs: it is written in SecLang, which only CrowdSec's own engine runs: use appsec for it"},
		{"SecLang beside others", []string{"crs.yaml", "rules"}, "", ""},
		{"no rule", []string{"empty"}, "", "there is no rule in empty"},
		{"a config that names none", []string{"appsec-configs/bad.yaml"}, "", "reading appsec-configs/bad.yaml:2: no rule is named own/none"},
		{"a hook", []string{"appsec-configs/hook.yaml"}, "", "reading appsec-configs/hook.yaml:4: hook pre_eval: apply: RemoveInBandRuleByName('own/a'): only CrowdSec's own engine does that: use appsec for this config"},
		{"an exception", []string{"rules"}, "own/*", ""},
		{"an exception from what was left out", []string{"rules"}, "own/newer", ""},
		{"an exception from nothing", []string{"rules"}, "other/x", "except other/x: there is no such rule: tocsin waf test names the rules that a request matches"},
		{"an exception without the author", []string{"rules"}, "a", "except a: there is no such rule: perhaps own/a"},
	} {
		s := &WAF{}
		for _, name := range row.rules {
			s.Rules = append(s.Rules, filepath.Join(dir, name))
		}
		if row.except != "" {
			s.Except = []Exception{{Rule: row.except}}
		}
		got := ""
		if err := s.Resolve(caddy.NewReplacer(), nil); err != nil {
			got = strings.ReplaceAll(err.Error(), dir+"/", "")
		}
		if got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// openWAF returns an open module with rules in files.
func openWAF(t *testing.T, s WAF, l *zap.Logger) (*WAF, *running) {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	if err := s.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Resolve(caddy.NewReplacer(), nil); err != nil {
		t.Fatal(err)
	}
	opened, err := s.Open(l)
	if err != nil {
		t.Fatal(err)
	}
	return &s, opened.(*running)
}

func TestAnOpenWAF(t *testing.T) {
	dir := ruleFiles(t, map[string]string{"a.yaml": rule("own/a", "evil"), "b.yaml": rule("own/b", "maybe") + "labels: {confidence: likely}\n", "crs.yaml": secLang})
	core, logs := observer.New(zap.InfoLevel)
	s, w := openWAF(t, WAF{Rules: []string{dir}, BodyOver: "captcha"}, zap.NewNop())
	w.Start(zap.New(core))()
	if on := logs.FilterMessage("the WAF is on").AllUntimed(); len(on) != 1 || on[0].ContextMap()["rules"] != int64(2) {
		t.Errorf("%v", logs.All())
	}
	quiet, tells := observer.New(zap.InfoLevel)
	_, observing := openWAF(t, WAF{Rules: []string{dir}, Observe: true}, zap.NewNop())
	observing.Start(zap.New(quiet))()
	if lines := tells.All(); !strings.Contains(lines[0].Message, "only observes") || lines[0].ContextMap()["stopping"] != int64(0) {
		t.Errorf("%v", lines)
	}
	if logs.FilterMessage("rules left out").Len() != 1 {
		t.Errorf("nothing says what was left out: %v", logs.All())
	}
	v, err := w.Inspect(httptest.NewRequest(http.MethodGet, "/?x=evil", http.NoBody), inspect.Details{})
	if err != nil || v.Action != lookup.Ban || w.Stats().Inspected != 1 || w.Name() != "waf" {
		t.Errorf("%+v, %v", v, err)
	}
	if asking := w.Captchas(); !slices.Equal(asking, []string{"body_over of waf", "rules of waf"}) {
		t.Errorf("captchas are asked for by %q", asking)
	}
	if len(s.Print) != 64 {
		t.Errorf("print %q", s.Print)
	}
	if _, w := openWAF(t, WAF{Rules: []string{filepath.Join(dir, "a.yaml")}}, zap.NewNop()); len(w.Captchas()) != 0 {
		t.Errorf("captchas are asked for by %q", w.Captchas())
	}
}

func TestTheRulesThatComeWithIt(t *testing.T) {
	_, w := openWAF(t, WAF{Rules: []string{"builtin"}}, zap.NewNop())
	v, err := w.Inspect(httptest.NewRequest(http.MethodGet, "/?id=1%27+union+select+password+from+users--+-", http.NoBody), inspect.Details{})
	if err != nil || v.Action == lookup.None || len(w.Rules().Skipped()) > 0 {
		t.Errorf("%+v, %v, skipped %v", v, err, w.Rules().Skipped())
	}
}

func TestExceptions(t *testing.T) {
	dir := ruleFiles(t, map[string]string{"a.yaml": rule("own/a", "evil"), "b.yaml": rule("own/b", "evil")})
	match := caddyhttp.RawMatcherSets{{"path": json.RawMessage(`["/admin/*"]`), "method": json.RawMessage(`["POST"]`)}}
	s, _ := openWAF(t, WAF{Rules: []string{dir}, Except: []Exception{{Rule: "own/b"}, {Rule: "own/?", Match: match}}}, zap.NewNop())
	for _, row := range []struct {
		rule, method, path string
		want               bool
	}{
		{"own/b", "GET", "/", true},
		{"own/a", "GET", "/", false},
		{"own/a", "GET", "/admin/x", false},
		{"own/a", "POST", "/", false},
		{"own/a", "POST", "/admin/x", true},
		{"own/a", "POST", "/admin/../x", false},
		{"own/long", "POST", "/admin/x", false},
	} {
		r := httptest.NewRequest(row.method, row.path, http.NoBody)
		r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, new(caddyhttp.Server))
		if got := s.Excepts(r, row.rule); got != row.want {
			t.Errorf("%s %s: %s is an exception: %v", row.method, row.path, row.rule, got)
		}
	}
}
