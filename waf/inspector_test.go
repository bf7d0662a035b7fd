package waf

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
)

// sure returns a rule about an argument of the query or of a form, with a label.
func sure(name, argument, confidence string) string {
	return fmt.Sprintf("name: %s\ndescription: about %s\nlabels: {confidence: %s}\nrules:\n- zones: [ARGS, BODY_ARGS]\n  variables: [%s]\n  match: {type: contains, value: evil}\n",
		name, argument, confidence, argument)
}

// ownRules are rules of each confidence.
func ownRules(t testing.TB, more ...string) *Rules {
	t.Helper()
	set := fstest.MapFS{}
	for i, content := range append([]string{sure("own/certain", "a", "certain"), sure("own/likely", "b", "likely"), sure("own/observe", "c", "observe"), sure("own/second", "d", "certain")}, more...) {
		set[fmt.Sprintf("%d.yaml", i)] = &fstest.MapFile{Data: []byte(content)}
	}
	return loadSuite(t, LoadConfig{Sets: []Set{{Name: "own", Files: set}}})
}

func inspector(t testing.TB, cfg Config) *Inspector {
	t.Helper()
	if cfg.Rules == nil {
		cfg.Rules = ownRules(t)
	}
	i, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

var client = netip.MustParseAddr("192.0.2.1")

// ask returns the verdict on a GET, or on a POST of a form.
func ask(t testing.TB, i *Inspector, d inspect.Details, target, form string) inspect.Verdict {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, http.NoBody)
	if form != "" {
		r = httptest.NewRequest(http.MethodPost, target, strings.NewReader(form))
		r.Header.Set("Content-Type", formType)
	}
	d.Client = client
	v, err := i.Inspect(r, d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Release)
	return v
}

// said returns a verdict in words.
func said(v inspect.Verdict) string {
	s := fmt.Sprintf("%v %d", v.Action, v.Status)
	if v.Found == nil {
		return s
	}
	if v.Found.Findings[0].Likely {
		s += " likely"
	}
	for _, f := range v.Found.Findings {
		s += fmt.Sprintf("; %s in %s", f.Rule, strings.Join(f.Zones, ","))
		for _, mark := range []struct {
			is   bool
			word string
		}{{f.Simulated, "simulated"}, {f.Alert, "alert"}, {f.Quiet, "quiet"}} {
			if mark.is {
				s += " " + mark.word
			}
		}
	}
	return s
}

func TestWhatRulesLeadTo(t *testing.T) {
	only := func(rule string) func(string) bool { return func(name string) bool { return name == rule } }
	late := Exception{Rule: "own/*", Matcher: func(r *http.Request) bool { return r.URL.Path == "/admin" }}
	for _, row := range []struct {
		name, target, form string
		cfg                Config
		details            inspect.Details
		want               string
	}{
		{"nothing", "/?a=good", "", Config{}, inspect.Details{}, "none 0"},
		{"a certain rule stops", "/?a=evil", "", Config{}, inspect.Details{}, "ban 403; own/certain in ARGS_GET.a alert"},
		{"in a form", "/", "a=x&a=evil", Config{}, inspect.Details{}, "ban 403; own/certain in ARGS_POST.a alert"},
		{"a likely one asks for a challenge", "/?b=evil", "", Config{}, inspect.Details{}, "captcha 403 likely; own/likely in ARGS_GET.b alert"},
		{"a certain one comes first", "/?b=evil&d=evil", "", Config{}, inspect.Details{}, "ban 403; own/second in ARGS_GET.d alert"},
		{"one that observes tells", "/?c=evil", "", Config{}, inspect.Details{}, "none 0; own/observe in ARGS_GET.c alert"},
		{"beside one that stops", "/?c=evil&a=evil&d=evil", "", Config{}, inspect.Details{}, "ban 403; own/certain in ARGS_GET.a alert; own/observe in ARGS_GET.c alert"},

		{"all are observed", "/?a=evil", "", Config{Observe: true}, inspect.Details{}, "none 0; own/certain in ARGS_GET.a simulated alert"},
		{"on this site only", "/?a=evil", "", Config{}, inspect.Details{Mode: inspect.Observe}, "none 0; own/certain in ARGS_GET.a simulated alert"},
		{"but for this site", "/?a=evil", "", Config{Observe: true}, inspect.Details{Mode: inspect.Enforce}, "ban 403; own/certain in ARGS_GET.a alert"},

		{"an exception", "/?a=evil&d=evil", "", Config{Except: []Exception{{Rule: "own/certain"}}}, inspect.Details{}, "ban 403; own/second in ARGS_GET.d alert"},
		{"an exception for other requests", "/?a=evil", "", Config{Except: []Exception{late}}, inspect.Details{}, "ban 403; own/certain in ARGS_GET.a alert"},
		{"an exception for this request", "/admin?a=evil", "", Config{Except: []Exception{late}}, inspect.Details{}, "none 0"},
		{"an exception of the caller", "/?a=evil", "", Config{}, inspect.Details{Except: only("own/certain")}, "none 0"},

		{"the target before it was rewritten", "/", "", Config{}, inspect.Details{Target: "/?a=evil"}, "ban 403; own/certain in ARGS_GET.a alert"},
		{"a name that is an attack is not told", "/", "", Config{Rules: ownRules(t, "name: own/names\nrules:\n- zones: [ARGS_NAMES]\n  match: {type: contains, value: select}\n")}, inspect.Details{Target: "/?1%20union%20select%20x=1"}, "ban 403; own/names in ARGS_GET_NAMES alert"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := said(ask(t, inspector(t, row.cfg), row.details, row.target, row.form)); got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}

// An appsec-config says what becomes of matches.
func TestPolicies(t *testing.T) {
	for _, row := range []struct{ name, policy, target, want string }{
		{"as CrowdSec's own", "", "/?a=hit", "ban 403; own/in in ARGS_GET.a alert"},
		{"a captcha", "default_remediation: captcha\n", "/?a=hit", "captcha 403; own/in in ARGS_GET.a alert"},
		{"a challenge", "default_remediation: challenge\n", "/?a=hit", "captcha 403; own/in in ARGS_GET.a alert"},
		{"another word", "default_remediation: tarpit\n", "/?a=hit", "ban 403; own/in in ARGS_GET.a alert"},
		{"nothing", "default_remediation: allow\n", "/?a=hit", "none 0; own/in in ARGS_GET.a alert"},
		{"a status", "user_blocked_http_code: 418\n", "/?a=hit", "ban 418; own/in in ARGS_GET.a alert"},
		{"one rule", "on_load:\n- apply: [\"SetRemediationByName('own/in', 'captcha')\"]\n", "/?a=hit", "captcha 403; own/in in ARGS_GET.a alert"},
		{"no alerts", "on_match:\n- filter: IsInBand\n  apply: [CancelAlert()]\n", "/?a=hit", "ban 403; own/in in ARGS_GET.a"},
		{"no events", "on_match:\n- filter: IsInBand\n  apply: [CancelEvent()]\n", "/?a=hit", "ban 403; own/in in ARGS_GET.a alert quiet"},
		{"out of band there are events alone", "", "/?b=hit", "none 0; own/out in ARGS_GET.b"},
		{"and alerts", "on_match:\n- filter: IsOutBand\n  apply: [SendAlert()]\n", "/?b=hit", "none 0; own/out in ARGS_GET.b alert"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := writeFiles(t, map[string]string{
				"appsec-configs/x.yaml": "name: x\ninband_rules: [own/in]\noutofband_rules: [own/out]\n" + row.policy,
				"appsec-rules/in.yaml":  ruleOn("own/in", "a"), "appsec-rules/out.yaml": ruleOn("own/out", "b"),
			})
			rules := loadSuite(t, LoadConfig{Paths: []string{dir + "/appsec-configs/x.yaml"}})
			if got := said(ask(t, inspector(t, Config{Rules: rules}), inspect.Details{}, row.target, "")); got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}

// The log has the rules and the zones. What was found it has by choice.
func TestWhatIsTold(t *testing.T) {
	for _, row := range []struct {
		payload bool
		want    string
	}{{false, ""}, {true, "very evil\ufffd"}} {
		v := ask(t, inspector(t, Config{LogPayload: row.payload}), inspect.Details{}, "/?a=very+evil%FF&d=evil", "")
		f := v.Found.Findings[0]
		if f.Inspector != "waf" || f.Message != "about a" || f.Payload != row.want {
			t.Errorf("%+v, want the payload %q", f, row.want)
		}
		if v.Reason != "own/certain in ARGS_GET.a; also own/second" || !v.Answered {
			t.Errorf("reason %q", v.Reason)
		}
	}
	if v := ask(t, inspector(t, Config{LogPayload: true}), inspect.Details{}, "/?a="+strings.Repeat("evil", 1000), ""); len(v.Found.Findings[0].Payload) != 256 {
		t.Errorf("a payload of %d bytes", len(v.Found.Findings[0].Payload))
	}
}

// The site reads every byte that the inspector has read.
func TestTheSiteGetsTheBody(t *testing.T) {
	i := inspector(t, Config{BodyLimit: 1000})
	for _, n := range []int{1, 999, 1000, 1001, 100_000} {
		body := "a=" + strings.Repeat("x", n)
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", formType)
		v, err := i.Inspect(r, inspect.Details{Client: client})
		if err != nil || v.Action != lookup.None || v.Body == nil {
			t.Fatalf("%d: %+v, %v", n, v, err)
		}
		if got, err := io.ReadAll(r.Body); err != nil || string(got) != body {
			t.Errorf("%d: the site reads %d bytes, %v", n, len(got), err)
		}
		v.Release()
	}
	if used := i.Stats().Bodies; used != 0 {
		t.Errorf("%d bytes are still held", used)
	}
}

// A request that cannot be inspected whole gets what BodyOver says.
func TestWhatIsNotInspected(t *testing.T) {
	long := "x=" + strings.Repeat("x", 5000)
	many := "x=" + strings.Repeat("x&", 9000)
	for _, row := range []struct {
		name, form string
		limit      int
		want       map[lookup.Action]string
		kind       string
	}{
		{"a long body", long, 1000, map[lookup.Action]string{lookup.None: "none 0", lookup.Captcha: "captcha 403", lookup.Ban: "ban 413"}, "long_body"},
		{"an attack in its beginning", "a=evil&" + long, 1000, map[lookup.Action]string{
			lookup.None: "ban 403; own/certain in ARGS_POST.a alert", lookup.Captcha: "ban 403; own/certain in ARGS_POST.a alert", lookup.Ban: "ban 413",
		}, ""},
		{"an attack behind it", long + "&a=evil", 1000, map[lookup.Action]string{lookup.None: "none 0", lookup.Captcha: "captcha 403", lookup.Ban: "ban 413"}, "long_body"},
		{"too many fields", many, 100_000, map[lookup.Action]string{lookup.None: "captcha 403", lookup.Captcha: "captcha 403", lookup.Ban: "ban 403"}, "too_costly"},
		{"a long target", "", 1000, map[lookup.Action]string{lookup.None: "captcha 403", lookup.Ban: "ban 403"}, "too_costly"},
		{"an attack behind too many fields", many + "&a=evil", 100_000, map[lookup.Action]string{lookup.None: "captcha 403"}, "too_costly"},
	} {
		for action, want := range row.want {
			i := inspector(t, Config{BodyLimit: row.limit, BodyOver: action})
			target := "/"
			if row.form == "" {
				target = "/?x=" + strings.Repeat("x", 70_000) + "&a=evil"
			}
			if got := said(ask(t, i, inspect.Details{}, target, row.form)); got != want {
				t.Errorf("%s, %v: %s, want %s", row.name, action, got, want)
			}
			s := i.Stats()
			for why := LongBody; row.kind != "" && int(why) < len(s.Partial); why++ {
				partial, refused := uint64(0), uint64(0)
				if why.String() == row.kind && strings.HasPrefix(want, "none") {
					partial = 1
				} else if why.String() == row.kind {
					refused = 1
				}
				if s.Partial[why] != partial || s.Refused[why] != refused {
					t.Errorf("%s, %v: %v: %d seen in part, %d refused", row.name, action, why, s.Partial[why], s.Refused[why])
				}
			}
		}
	}
	if got := said(ask(t, inspector(t, Config{BodyLimit: 1000, BodyOver: lookup.Ban, Observe: true}), inspect.Details{}, "/", long)); got != "none 0" {
		t.Errorf("observed: %s", got)
	}
}

func TestStats(t *testing.T) {
	i := inspector(t, Config{Except: []Exception{{Rule: "own/second"}}})
	for _, target := range []string{"/", "/?a=evil", "/?a=evil", "/?b=evil&d=evil", "/?c=evil"} {
		ask(t, i, inspect.Details{}, target, "")
	}
	s := i.Stats()
	if s.Inspected != 5 || s.Stopped[lookup.Ban] != 2 || s.Stopped[lookup.Captcha] != 1 || s.Told != 1 {
		t.Errorf("%+v", s)
	}
	var rules []string
	for _, r := range s.Rules {
		rules = append(rules, fmt.Sprint(r.Rule.Name, " ", r.Matched, " ", r.Excepted))
	}
	if want := []string{"own/certain 2 0", "own/likely 1 0", "own/observe 1 0", "own/second 0 1"}; !slices.Equal(rules, want) {
		t.Errorf("%q, want %q", rules, want)
	}
}

// The site comes before its protection.
func TestAPanicLetsARequestPass(t *testing.T) {
	i := inspector(t, Config{Except: []Exception{{Rule: "*", Matcher: func(*http.Request) bool { panic("own") }}}})
	if got := said(ask(t, i, inspect.Details{}, "/?a=evil", "")); got != "none 0" || i.Stats().Failed != 1 {
		t.Errorf("%s, %d failed", got, i.Stats().Failed)
	}
	if got := said(ask(t, i, inspect.Details{}, "/", "x=1")); got != "none 0" {
		t.Errorf("the next request: %s", got)
	}
}

func TestABodyThatBreaksOff(t *testing.T) {
	i := inspector(t, Config{})
	r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("a=x"), broken{}))
	r.Header.Set("Content-Type", formType)
	if v, err := i.Inspect(r, inspect.Details{Client: client}); err == nil || i.Stats().Broken != 1 {
		t.Errorf("%+v, %v", v, err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestInspectorsThatAreRefused(t *testing.T) {
	rules := ownRules(t)
	for want, cfg := range map[string]Config{
		"making a WAF: Rules is required: Load reads them":                        {},
		"making a WAF: body limit -1: want 1 to 67108864 bytes":                   {Rules: rules, BodyLimit: -1},
		"making a WAF: body limit 67108865: want 1 to 67108864 bytes":             {Rules: rules, BodyLimit: 67108865},
		"making a WAF: the body timeout must not be negative":                     {Rules: rules, BodyTimeout: -time.Second},
		"making a WAF: body memory 1: want at least the body limit, 131072 bytes": {Rules: rules, BodyMemory: 1},
		"making a WAF: body over throttle: want none, captcha or ban":             {Rules: rules, BodyOver: lookup.Throttle},
	} {
		if _, err := New(cfg); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// A network that stalls its uploads leaves room for others.
func TestUploadsOfOneNetworkLeaveRoomForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := inspector(t, Config{BodyLimit: 100_000, BodyMemory: 1_000_000})
		upload := func(from string, body io.Reader) inspect.Verdict {
			r := httptest.NewRequest(http.MethodPost, "/", body)
			r.Header.Set("Content-Type", formType)
			v, err := i.Inspect(r, inspect.Details{Client: netip.MustParseAddr(from)})
			if err != nil {
				t.Error(err)
			}
			return v
		}
		var wg sync.WaitGroup
		ended := make(chan struct{})
		for n := range 40 {
			in, out := io.Pipe()
			wg.Go(func() { upload(fmt.Sprintf("192.0.2.%d", n), in).Body.Release() })
			wg.Go(func() {
				go func() { <-ended; _ = out.Close() }()
				_, _ = out.Write(make([]byte, 60_000)) // and no more, until the end
			})
		}
		synctest.Wait()
		v := upload("198.51.100.1", strings.NewReader("a=evil&x="+strings.Repeat("x", 90_000)))
		if v.Action != lookup.Ban {
			t.Errorf("%+v: the attack of another network is not seen", v)
		}
		v.Release()
		if used := i.Stats().Bodies; used > 250_000 {
			t.Errorf("one network uses %d bytes", used)
		}
		close(ended)
		wg.Wait()
	})
}
