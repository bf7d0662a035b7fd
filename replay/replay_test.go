package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

var update = flag.Bool("update", false, "write the golden reports anew")

// script is a Judge that a test writes: it alerts about targets that name an action, and
// stops the client from then on.
type script struct {
	held map[netip.Addr]lookup.Decision
	seen []string // targets
}

func (s *script) Judge(ev *event.Event) (o engine.Outcome) {
	s.seen = append(s.seen, ev.Target)
	if d, ok := s.held[ev.Client]; ok {
		o.Stopped = d
	}
	path, _, _ := strings.Cut(ev.Target, "?")
	word, scenario, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	r := engine.Record{Time: ev.Time, Alert: event.Alert{Client: ev.Client, Scenario: scenario}}
	switch a, err := lookup.ParseAction(word); {
	case word == "alert":
	case word == "spared":
		r.Spared = true
	case err != nil:
		return o
	default:
		r.Decision = lookup.Decision{Prefix: netip.PrefixFrom(ev.Client, ev.Client.BitLen()), Action: a, Reason: scenario, Since: ev.Time, Until: ev.Time.Add(time.Hour)}
		if s.held == nil {
			s.held = map[netip.Addr]lookup.Decision{}
		}
		s.held[ev.Client] = r.Decision
	}
	o.Alerts = []engine.Record{r}
	return o
}

// run returns the report about a log named a.log.
func run(t testing.TB, text string, cfg Config) *Report {
	t.Helper()
	r := new(Reader)
	r.Add("a.log", strings.NewReader(text))
	rep, err := Run(t.Context(), r, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestWhoWouldHaveBeenStopped(t *testing.T) {
	const a, b, c, d = "192.0.2.1", "192.0.2.2", "2001:db8::1", "192.0.2.4"
	rep := run(t, get(a, "01", "/")+get(b, "02", "/captcha/x")+get(a, "03", "/ban/y?secret")+get(a, "04", "/")+get(a, "05", "/")+
		get(b, "06", "/ban/y")+get(c, "07", "/captcha/x")+get("2001:db8::2", "08", "/")+get(d, "09", "/alert/z")+get(d, "10", "/alert/z")+
		get("10.0.0.1", "11", "/spared/z"), Config{Judge: new(script)})
	if rep.Requests != 11 || rep.Clients != 5 || rep.Banned != 2 || rep.Challenged != 1 || rep.Stopped != 3 || rep.Spared != 1 || !rep.Stops() {
		t.Errorf("%+v", rep)
	}
	for i, want := range []string{
		"192.0.2.2 ban x a.log:2 GET /captcha/x 1 1 [captcha x 192.0.2.2] [ban y 192.0.2.2]",
		"192.0.2.1 ban y a.log:3 GET /ban/y 2 2 [ban y 192.0.2.1]",
		"2001:db8::/64 captcha x a.log:7 GET /captcha/x 1 0 [captcha x 2001:db8::1]",
	} {
		o := rep.Offenders[i]
		got := fmt.Sprint(o.Client, " ", o.Action, " ", o.Scenario, " ", o.At, " ", o.Request, " ", o.Before, " ", o.After)
		for _, v := range o.Verdicts {
			got += fmt.Sprintf(" [%s %s %s]", v.Action, v.Scenario, v.Target)
		}
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for i, want := range []Scenario{
		{Name: "y", Clients: 2, Alerts: 2, Bans: 2, Stopped: 2},
		{Name: "x", Clients: 2, Alerts: 2, Challenges: 2, Stopped: 1},
		{Name: "z", Clients: 2, Alerts: 3, Spared: 1},
	} {
		if got := *rep.Scenarios[i]; got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

// A decision may be about more than the client who gave cause for it, such as all
// who come to a place.
func TestWhoIsStoppedByADecisionAboutOthers(t *testing.T) {
	s := &script{held: map[netip.Addr]lookup.Decision{addr("192.0.2.1"): {Action: lookup.Captcha, Reason: "guard"}}}
	rep := run(t, get("192.0.2.1", "01", "/")+get("192.0.2.1", "02", "/"), Config{Judge: s})
	if len(rep.Offenders) != 1 || rep.Challenged != 1 || rep.Banned != 0 {
		t.Fatalf("%+v", rep)
	}
	if o := rep.Offenders[0]; o.Scenario != "guard" || o.After != 2 || o.Before != 1 || o.Action != "captcha" {
		t.Errorf("%+v", o)
	}
}

func TestClientsThatAreAllowedAreNotJudged(t *testing.T) {
	s := new(script)
	rep := run(t, get("192.0.2.1", "01", "/ban/x")+get("192.0.2.2", "02", "/"), Config{
		Judge: s, Allow: func(ip netip.Addr) bool { return ip == addr("192.0.2.1") },
	})
	if rep.Allowed != 1 || rep.Banned != 0 || rep.Clients != 2 || !slices.Equal(s.seen, []string{"/"}) {
		t.Errorf("%+v, judged %q", rep, s.seen)
	}
}

func TestEventsAreDescribed(t *testing.T) {
	s := new(script)
	run(t, get("192.0.2.1", "01", "/"), Config{Judge: s, Describe: func(ev *event.Event) { ev.Target = "/described" }})
	if !slices.Equal(s.seen, []string{"/described"}) {
		t.Errorf("%q", s.seen)
	}
}

// Entries are used again, and nothing of one is in the next.
func TestNothingOfARequestIsInTheNext(t *testing.T) {
	const full = `{"t":1,"m":"POST","u":"/a","s":401,"h":{"Cookie":"a=b","Referer":"x","User-Agent":"y","Host":"z"},"b":"body","rh":{"Location":"/l"},"ip":"192.0.2.1"}`
	bare := `192.0.2.2 - - [10/Oct/2026:13:55:01 +0000] "\x16" 400 0` + "\n"
	log := full + "\n" + bare + "skipped\n" + `{"t":1,"m":"POST","h":{"Cookie":"a=b"},"rh":{"Location":"/l"},"s":"no"}` + "\n" +
		`{"m":"GET","u":"/","s":200}` + "\n" + full + "\n" + `{"m":"GET","u":"/","s":200,"h":{"Origin":"o"}}`
	var got []string
	run(t, log, Config{Judge: judged(func(ev *event.Event) {
		got = append(got, fmt.Sprint(ev.Method, ev.Target, ev.Line, ev.Status, ev.Host, ev.UserAgent, ev.Referer, string(ev.Body), ev.Request, ev.Header))
	})})
	if want := []string{
		"POST/a401zyxbodymap[Cookie:[a=b] Referer:[x]] map[Location:[/l]]", "\x16400map[] map[]", "GET/200map[] map[]",
		"POST/a401zyxbodymap[Cookie:[a=b] Referer:[x]] map[Location:[/l]]", "GET/200map[Origin:[o]] map[]",
	}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// judged is a Judge that looks on.
type judged func(ev *event.Event)

func (j judged) Judge(ev *event.Event) engine.Outcome {
	j(ev)
	return engine.Outcome{}
}

func TestTimeRunningBackwardsIsTold(t *testing.T) {
	rep := run(t, get("192.0.2.1", "59", "/")+strings.ReplaceAll(get("192.0.2.1", "58", "/")+get("192.0.2.1", "59", "/"), "13:55", "13:54")+
		get("192.0.2.1", "01", "/"), Config{Judge: new(script)})
	if rep.Backwards != 1 || !rep.From.Equal(at(t, "2026-10-10T13:54:58Z")) || !rep.To.Equal(at(t, "2026-10-10T13:55:59Z")) {
		t.Errorf("%+v", rep)
	}
}

func TestARunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := new(Reader)
	r.Add("a", strings.NewReader(strings.Repeat(get("192.0.2.1", "01", "/"), 3*4096)))
	told := 0
	rep, err := Run(ctx, r, Config{Judge: new(script), Progress: func() {
		told++
		cancel()
	}})
	if !errors.Is(err, context.Canceled) || told != 1 || rep.Requests >= 2*4096 {
		t.Errorf("%v, told %d times, %d requests", err, told, rep.Requests)
	}
}

func TestWhatClientsSendIsKeptInPart(t *testing.T) {
	long := strings.Repeat("é", 1000)
	rep := run(t, `192.0.2.1 - - [10/Oct/2026:13:55:01 +0000] "GET /ban/`+long+` HTTP/1.1" 200 1 "-" "x`+long+`"`, Config{Judge: new(script)})
	o := rep.Offenders[0]
	if len(o.UserAgent) > 520 || len(o.Request) > 520 || len(o.Scenario) > 520 || !strings.HasSuffix(o.UserAgent, "é\ufffd") {
		t.Errorf("%d, %d and %d bytes", len(o.UserAgent), len(o.Request), len(o.Scenario))
	}
}

// Clients beyond a limit are counted together, and the report says so.
func TestBoundsOfATally(t *testing.T) {
	tl := newBuilder()
	tl.room = bounds{clients: 2, offenders: 1, scenarios: 1}
	cfg := Config{Judge: new(script), Spare: func(netip.Addr) bool { return false }}
	all, _ := read(t, get("192.0.2.1", "01", "/ban/x")+get("192.0.2.2", "02", "/ban/y")+get("192.0.2.3", "03", "/")+get("192.0.2.4", "04", "/ban/z")+
		strings.Repeat(get("192.0.2.1", "05", "/ban/x"), 20))
	for _, e := range all {
		tl.take(e, cfg)
	}
	rep := tl.report(new(Reader))
	if rep.Clients != 2 || !rep.Crowded || len(rep.Offenders) != 1 || rep.Unlisted != 2 || len(rep.Offenders[0].Verdicts) != 10 {
		t.Errorf("%+v", rep)
	}
	if len(rep.Scenarios) != 2 || rep.Scenarios[1].Name != "other" || rep.Scenarios[1].Alerts != 2 {
		t.Errorf("%+v %+v", rep.Scenarios[0], rep.Scenarios[1])
	}
}

// builtin is the judge by the built-in scenarios.
func newJudge(t testing.TB, rules *detect.Rules) Judge {
	t.Helper()
	r, err := engine.NewReplay(detect.New(detect.Config{Rules: rules}), engine.Local{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func builtin(t testing.TB) Judge {
	t.Helper()
	rules, err := detect.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return newJudge(t, rules)
}

// The logs in testdata are invented; what is said about each is in testdata, too.
// What the built-in scenarios say about them is not looked at here, for it changes
// with them.
func TestGoldenReports(t *testing.T) {
	logs, err := filepath.Glob("testdata/*.log")
	if err != nil || len(logs) < 4 {
		t.Fatalf("%q, %v", logs, err)
	}
	for _, log := range logs {
		t.Run(filepath.Base(log), func(t *testing.T) {
			r, err := Open(log)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			rep, err := Run(t.Context(), r, Config{Judge: new(script)})
			if err != nil {
				t.Fatal(err)
			}
			rep.Looked = 3
			golden(t, strings.TrimSuffix(log, ".log"), rep)
		})
	}
}

func golden(t *testing.T, name string, rep *Report) {
	t.Helper()
	var table bytes.Buffer
	if err := rep.Print(&table, 2); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(rep, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for file, got := range map[string]string{name + ".txt": table.String(), name + ".json": string(text) + "\n"} {
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || got != string(want) {
			t.Errorf("%s: %v\n%s", file, err, got)
		}
	}
}

func TestTheTableObeysNoControlCharacters(t *testing.T) {
	rep := run(t, `192.0.2.1 - - [10/Oct/2026:13:55:01 +0000] "GET /ban/\x1b[31m HTTP/1.1" 200 1 "-" "\x1b]0;x\x07\xe2\x80\xae`+strings.Repeat("é", 100)+`"`, Config{Judge: new(script)})
	var b bytes.Buffer
	if err := rep.Print(&b, 10); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); strings.ContainsAny(s, "\x1b\a\u202e") || !strings.Contains(s, "GET /ban/[31m") || !strings.Contains(s, "]0;x"+strings.Repeat("é", 56)+"…") {
		t.Errorf("%q", s)
	}
}

// What is judged is what a detector sees: here one whose scenarios are its own.
func TestTheJudgeStopsWhoTripsAScenario(t *testing.T) {
	rules, err := detect.Parse("test", []byte(`{type: leaky, name: probing, filter: "evt.Meta.http_status == '404'", groupby: evt.Meta.source_ip,
 capacity: 2, leakspeed: 10s, labels: {remediation: true}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	missing := func(client, second string) string {
		return strings.Replace(get(client, second, "/x"), "200 1", "404 1", 1)
	}
	text := missing("192.0.2.1", "01") + missing("192.0.2.1", "02") + missing("10.0.0.1", "02") + missing("10.0.0.1", "02") + missing("10.0.0.1", "02") +
		missing("192.0.2.1", "03") + get("192.0.2.1", "04", "/") + get("192.0.2.2", "05", "/") +
		strings.Replace(get("192.0.2.1", "06", "/"), ":13:", ":17:", 1) + strings.Replace(get("192.0.2.1", "07", "/"), ":13:", ":18:", 1)
	rep := run(t, text, Config{Judge: newJudge(t, rules)})
	if rep.Banned != 1 || rep.Stopped != 1 || rep.Scenarios[0].Spared != 1 || rep.Offenders[0].At != "a.log:6" || rep.Offenders[0].Before != 3 {
		t.Errorf("%+v", rep)
	}
	if v := rep.Offenders[0].Verdicts[0]; !v.Until.Equal(at(t, "2026-10-10T17:55:03Z")) {
		t.Errorf("%+v", v)
	}
}
