package middleware

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// A finderWitness receives findings, and knows one client with good behaviour, which has one
// session.
type finderWitness struct {
	*witness
	found []event.Event
}

func (o *finderWitness) Found(e *event.Event) { o.found = append(o.found, *e) }

func (*finderWitness) Known(ip netip.Addr) bool { return ip == netip.MustParseAddr("192.0.2.7") }

func (*finderWitness) LoggedIn(r *http.Request, ip netip.Addr) bool {
	return ip == netip.MustParseAddr("192.0.2.7") && r.Header.Get("Cookie") == "session=known"
}

// finds returns a verdict with two rules. The second stops nothing.
func finds(action lookup.Action, likely bool) inspect.Verdict {
	return inspect.Verdict{
		Action: action, Status: 403, Answered: true, Likely: likely, Reason: "own/a in ARGS_GET.a",
		Found: &inspect.Found{Findings: []event.Finding{
			{Inspector: "waf", Rule: "own/a", Zones: []string{"ARGS_GET.a"}, Payload: "secret", Likely: likely, Alert: true},
			{Inspector: "waf", Rule: "own/b", Zones: []string{"METHOD"}},
		}},
	}
}

func TestFindingsAreTold(t *testing.T) {
	for _, row := range []struct {
		name, client, agent string
		say                 inspect.Verdict
		change              func(*Config)
		status              int
		stopped, simulated  bool // the first finding
		quiet               bool // scenarios are not told
		matched             string
	}{
		{"a ban", "192.0.2.1:1", "curl/8", finds(lookup.Ban, false), nil, 403, true, false, false, "|waf:own/a|waf:own/b|appsec:ban|"},
		{"a captcha", "192.0.2.1:1", "curl/8", finds(lookup.Captcha, true), nil, 403, true, false, false, ""},
		{"a program of which something good is known", "192.0.2.7:1", "curl/8", finds(lookup.Captcha, true), nil, 200, false, false, false, "|waf:own/a|waf:own/b|"},
		{"where the rule is certain", "192.0.2.7:1", "curl/8", finds(lookup.Captcha, false), nil, 403, true, false, false, ""},
		{"where it bans", "192.0.2.7:1", "curl/8", finds(lookup.Ban, false), nil, 403, true, false, false, "|waf:own/a|waf:own/b|appsec:ban|"},
		{"a browser of which something good is known", "192.0.2.7:1", "Mozilla/5.0 (X11)", finds(lookup.Captcha, true), nil, 403, true, false, false, ""},
		{"what is only told", "192.0.2.1:1", "curl/8", finds(lookup.None, false), nil, 200, false, false, false, "|waf:own/a|waf:own/b|"},
		{"a dry run", "192.0.2.1:1", "curl/8", finds(lookup.Ban, false), func(cfg *Config) { cfg.DryRun = true }, 200, false, true, false, "|waf:own/a|waf:own/b|"},
		{"a client that is not observed", "192.0.2.1:1", "curl/8", finds(lookup.Ban, false), func(cfg *Config) {
			cfg.Trust = func(*http.Request, netip.Addr) bool { return true }
		}, 403, true, false, true, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := &finderWitness{witness: newWitness()}
			cfg := Config{Lookup: nothing, Observe: o, Inspectors: []Inspector{&judge{say: row.say}}, Challenge: newGate(t, challenge.Config{})}
			if row.change != nil {
				row.change(&cfg)
			}
			r := httptest.NewRequest(http.MethodGet, "/x?a=1", nil)
			r.RemoteAddr = row.client
			r.Header.Set("User-Agent", row.agent)
			w := httptest.NewRecorder()
			mustNew(t, cfg).Handler(http.HandlerFunc(seen)).ServeHTTP(w, r)
			if w.Code != row.status || len(o.found) != 1 {
				t.Fatalf("status %d, told %d times", w.Code, len(o.found))
			}
			ev := o.found[0]
			if first := ev.Findings[0]; len(ev.Findings) != 2 || first.Stopped != row.stopped || first.Simulated != row.simulated || first.Quiet != row.quiet || ev.Findings[1].Stopped {
				t.Errorf("%+v", ev.Findings)
			}
			if slices.ContainsFunc(ev.Findings, func(f event.Finding) bool { return f.Payload != "" }) {
				t.Error("what was found leaves")
			}
			if ev.Target != "/x?a=1" || ev.UserAgent != row.agent {
				t.Errorf("%+v", ev)
			}
			if row.matched != "" && o.last(t).Matched != row.matched {
				t.Errorf("another word than %s", row.matched)
			}
		})
	}
}

// Without an address there is no client to report.
func TestFindingsAboutNobody(t *testing.T) {
	o := &finderWitness{witness: newWitness()}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "@"
	w := httptest.NewRecorder()
	mustNew(t, Config{Lookup: nothing, Observe: o, Inspectors: []Inspector{&judge{say: finds(lookup.Ban, false)}}}).Handler(http.HandlerFunc(seen)).ServeHTTP(w, r)
	if w.Code != 403 || len(o.found) != 0 {
		t.Errorf("status %d, told %d times", w.Code, len(o.found))
	}
}

// The log says which rule matched and where, and the matched text if that is configured.
// A flood of such requests writes few lines.
func TestFindingsInTheLog(t *testing.T) {
	plain := finds(lookup.Ban, false)
	plain.Found.Findings = plain.Found.Findings[:1]
	plain.Found.Findings[0].Payload = ""
	for _, row := range []struct {
		name string
		say  inspect.Verdict
		want []string
	}{
		{"a request that is stopped has its line", plain, []string{"request stopped own/a in ARGS_GET.a"}},
		{"with what was found", finds(lookup.Ban, false), []string{
			"request stopped own/a in ARGS_GET.a", "request matches a rule own/a [ARGS_GET.a] secret true", "request matches a rule own/b [METHOD] <nil> false",
		}},
		{"one that is not", finds(lookup.None, false), []string{"request matches a rule own/a [ARGS_GET.a] secret false", "request matches a rule own/b [METHOD] <nil> false"}},
	} {
		core, logs := observer.New(zap.InfoLevel)
		m := mustNew(t, Config{Lookup: nothing, Inspectors: []Inspector{&judge{say: row.say}}, Logger: zap.New(core), ChallengeOff: true})
		visit := func() {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = "192.0.2.1:1"
			m.Handler(http.HandlerFunc(seen)).ServeHTTP(httptest.NewRecorder(), r)
		}
		visit()
		var got []string
		for _, line := range logs.AllUntimed() {
			fields := line.ContextMap()
			if line.Message == "request stopped" {
				got = append(got, fmt.Sprint(line.Message, " ", fields["reason"]))
				continue
			}
			got = append(got, fmt.Sprint(line.Message, " ", fields["rule"], " ", fields["zones"], " ", fields["payload"], " ", fields["stopped"]))
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
		for range 100 {
			visit()
		}
		m.Flush()
		for _, message := range []string{"request stopped", "request matches a rule"} {
			if n := logs.FilterMessage(message).Len(); n > 5 {
				t.Errorf("%s: %d lines: %s", row.name, n, message)
			}
		}
		if strings.Contains(row.name, "not") && logs.FilterMessage("requests that match a rule left out of the log").Len() != 1 {
			t.Errorf("%s: nothing says how many are left out", row.name)
		}
	}
}
