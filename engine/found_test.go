package engine

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// matching returns a request that a rule matches, from a client.
func matching(client string, attribution event.Attribution, findings ...event.Finding) *event.Event {
	return &event.Event{
		Time: time.Now(), Client: netip.MustParseAddr(client), Method: "GET", Target: "/x?a=1", Host: "example.com",
		Attribution: attribution, Findings: findings,
	}
}

func stopping(rule string) event.Finding {
	return event.Finding{Inspector: "waf", Rule: rule, Message: "about " + rule, Zones: []string{"ARGS_GET.a"}, Stopped: true, Alert: true}
}

// told returns the scenarios of the last alerts, and marks simulated ones.
func told(e *Engine) []string {
	var all []string
	for _, r := range e.Alerts() {
		name := r.Alert.Kind + " " + r.Alert.Scenario
		if r.Alert.Simulated {
			name += " simulated"
		}
		if r.Decision.Action != lookup.None {
			name += " " + r.Decision.Action.String()
		}
		all = append(all, name)
	}
	return all
}

// A finding of a rule raises an alert. Two different rules in a minute lead to a ban.
func TestWhatRulesFind(t *testing.T) {
	observed, quiet, silent := stopping("own/a"), stopping("own/b"), stopping("own/b")
	observed.Stopped, observed.Simulated = false, true
	quiet.Quiet, silent.Alert = true, false
	likely := stopping("own/b")
	likely.Likely = true
	for _, row := range []struct {
		name     string
		findings []event.Finding
		whose    event.Attribution
		pause    time.Duration
		want     []string
		ban      bool
	}{
		{"one rule", []event.Finding{stopping("own/a")}, event.Own, 0, []string{"waf own/a"}, false},
		{"two rules", []event.Finding{stopping("own/a"), stopping("own/b")}, event.Own, 0, []string{"waf own/a", "waf own/b", " tocsin/waf-attacks ban"}, true},
		{"the same rule twice", []event.Finding{stopping("own/a"), stopping("own/a")}, event.Own, 0, []string{"waf own/a"}, false},
		{"two rules, a while apart", []event.Finding{stopping("own/a"), stopping("own/b")}, event.Own, 90 * time.Second, []string{"waf own/a", "waf own/b"}, false},
		{"one that is observed", []event.Finding{stopping("own/b"), observed}, event.Own, 0, []string{"waf own/b", "waf own/a simulated"}, false},
		{"one that makes no events", []event.Finding{stopping("own/a"), quiet}, event.Own, 0, []string{"waf own/a", "waf own/b"}, false},
		{"one that is not certain", []event.Finding{stopping("own/a"), likely}, event.Own, 0, []string{"waf own/a", "waf own/b"}, false},
		{"one that makes no alert", []event.Finding{stopping("own/a"), silent}, event.Own, 0, []string{"waf own/a", " tocsin/waf-attacks ban"}, true},
		{"what a page of somebody else has a browser send", []event.Finding{stopping("own/a"), stopping("own/b")}, event.Foreign, 0, []string{"waf own/a", "waf own/b", " tocsin/waf-attacks captcha"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := start(t, Config{Detect: builtin(t)})
				for i, f := range row.findings {
					ev := matching("192.0.2.1", row.whose, f)
					ev.Time = ev.Time.Add(time.Duration(i) * row.pause)
					e.Found(ev)
				}
				if got := told(e); !slices.Equal(got, row.want) {
					t.Errorf("%q, want %q", got, row.want)
				}
				if d, ok := e.Lookup(t.Context(), netip.MustParseAddr("192.0.2.1")); ok != row.ban || ok && d.Action != lookup.Ban {
					t.Errorf("%+v, %v", d, ok)
				}
			})
		})
	}
}

func TestTheFormOfWhatRulesFind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Config{})
		e.Found(matching("192.0.2.1", event.Own, stopping("own/a")))
		a := e.Alerts()[0].Alert
		if a.Message != "WAF block: own/a from 192.0.2.1 (tocsin)" || a.Remediation || a.Count != 1 || len(a.Context) != 1 {
			t.Fatalf("%+v", a)
		}
		want := event.Context{Time: a.Start, Method: "GET", Target: "/x", Host: "example.com", Rule: "own/a", Message: "about own/a", Zones: "ARGS_GET.a"}
		if a.Context[0] != want {
			t.Errorf("%+v, want %+v", a.Context[0], want)
		}
	})
}

// A flood of findings raises few alerts, and the alerts about other clients are still
// raised.
func TestAFloodOfFindingsIsFewAlerts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Config{History: 10_000})
		for i := range 1000 {
			e.Found(matching("192.0.2.1", event.Own, stopping(fmt.Sprint("own/", i%20))))
		}
		e.Found(matching("192.0.2.2", event.Own, stopping("own/1")))
		if got := len(e.Alerts()); got != 6 {
			t.Errorf("%d alerts, want five of one client and one of the other", got)
		}
		for i := range 10_000 {
			e.Found(matching(fmt.Sprintf("198.%d.%d.1", 20+i/250, i%250), event.Own, stopping("own/1")))
		}
		if got := len(e.Alerts()); got != 4096 {
			t.Errorf("%d alerts, want 4096", got)
		}
		later := matching("192.0.2.1", event.Own, stopping("own/1"))
		later.Time = later.Time.Add(time.Minute)
		e.Found(later)
		if got := len(e.Alerts()); got != 4097 {
			t.Errorf("%d alerts a minute later, want one more", got)
		}
	})
}

// One network cannot use up the alerts of a minute: others' attacks are alerts, too.
func TestOneNetworkLeavesRoomForOthersFindings(t *testing.T) {
	for _, row := range []struct{ name, network string }{
		{"a /16", "198.51.%d.%d"},
		{"a /32 of IPv6, a /64 for each request", "2001:db8:%x:%x::1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := start(t, Config{History: 10_000})
				for i := range 10_000 {
					e.Found(matching(fmt.Sprintf(row.network, i/250, i%250), event.Own, stopping("own/1")))
				}
				if got := len(e.Alerts()); got != 512 {
					t.Errorf("%d alerts about the network, want 512", got)
				}
				for _, other := range []string{"192.0.2.1", "2001:db9::1"} {
					e.Found(matching(other, event.Own, stopping("own/1")))
				}
				if got := len(e.Alerts()); got != 514 {
					t.Errorf("%d alerts, want two about others", got)
				}
				later := matching("2001:db8::1", event.Own, stopping("own/1"))
				later.Time = later.Time.Add(time.Minute)
				e.Found(later)
				if got := len(e.Alerts()); got != 515 {
					t.Errorf("%d alerts a minute later, want one more", got)
				}
			})
		})
	}
}

// CrowdSec's console tells rules of the hub from others by their hash.
func TestAlertsOfRulesSayWhereTheyAreFrom(t *testing.T) {
	f := stopping("own/a")
	f.Hash, f.Version = "0123abcd", "0.3"
	a := alertOf(matching("192.0.2.1", event.Own, f), &f)
	if a.Hash != "0123abcd" || a.Version != "0.3" {
		t.Errorf("hash %q, version %q", a.Hash, a.Version)
	}
}

// members is a detector that knows one client that has logged in.
type members struct{ watcher }

func (*members) LoggedIn(r *http.Request, ip netip.Addr, _ time.Time) bool {
	return r.Host == "example.com" && ip == netip.MustParseAddr("192.0.2.1")
}

// The detector says who has logged in, if it knows.
func TestWhoHasLoggedIn(t *testing.T) {
	for _, row := range []struct {
		name, client string
		detector     Detector
		want         bool
	}{
		{"a member", "192.0.2.1", &members{}, true},
		{"somebody else", "192.0.2.2", &members{}, false},
		{"a detector that does not know", "192.0.2.1", &watcher{}, false},
		{"without a detector", "192.0.2.1", nil, false},
	} {
		e, err := New(Config{Detect: row.detector})
		if err != nil {
			t.Fatal(err)
		}
		r := &http.Request{Host: "example.com"}
		if got := e.LoggedIn(r, netip.MustParseAddr(row.client)); got != row.want {
			t.Errorf("%s: %v", row.name, got)
		}
	}
}
