package engine

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// An operator sees each guard, which address it is about, and can end it.
func TestGuardsAreListedAndEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Config{Detect: &knowing{}})
		reflected := about("192.0.2.1")
		reflected.Reflected = true
		for _, a := range []event.Alert{
			{
				Scenario: "tocsin/http-login-guard", Client: netip.MustParseAddr("192.0.2.1"), Prefix: netip.MustParsePrefix("192.0.2.1/32"),
				Remediation: true, Guard: event.GuardPlace, Place: "POST site.example/login", Duration: 10 * time.Minute,
			},
			{
				Scenario: "tocsin/http-probing-guard", Client: netip.MustParseAddr("2001:db8:1:2::3"), Prefix: netip.MustParsePrefix("2001:db8::/40"),
				Remediation: true, Guard: event.GuardNetwork, Duration: 20 * time.Minute,
			},
			reflected,
		} {
			e.Alert(a)
		}
		want := []Guard{
			{Scope: "network", Target: "2001:db8::/40", Reason: "tocsin/http-probing-guard"},
			{Scope: "client", Target: "192.0.2.1", Reason: reflected.Scenario},
			{Scope: "place", Target: "POST site.example/login", Reason: "tocsin/http-login-guard"},
		}
		all := e.Guards()
		if len(all) != len(want) {
			t.Fatalf("%d guards, want %d: %+v", len(all), len(want), all)
		}
		for i, g := range all {
			if g.Scope != want[i].Scope || g.Target != want[i].Target || g.Reason != want[i].Reason || !g.Since.Equal(time.Now()) || !g.Until.After(g.Since) {
				t.Errorf("guard %d: %+v, want %+v", i, g, want[i])
			}
		}
		for ip, want := range map[string]int{"192.0.2.1": 1, "192.0.2.2": 0, "2001:db8:99::1": 1, "2001:db9::1": 0} {
			if on := e.GuardsOn(netip.MustParseAddr(ip)); len(on) != want {
				t.Errorf("%s: %d guards, want %d: %+v", ip, len(on), want, on)
			}
		}
		for _, tt := range []struct {
			name string
			end  func() int
			left int
		}{
			{"an address beside the client ends nothing", func() int { return e.Unban(target(t, "192.0.2.2")) }, 3},
			{"the client's address", func() int { return e.Unban(target(t, "192.0.2.1")) }, 2},
			{"a part of the network ends nothing", func() int { return e.Unban(target(t, "2001:db8::/48")) }, 2},
			{"the network", func() int { return e.Unban(target(t, "2001:db8::/40")) }, 1},
			{"another place ends nothing", func() int { return e.Unguard("POST site.example/") }, 1},
			{"the place", func() int { return e.Unguard("POST site.example/login") }, 0},
		} {
			before := len(e.Guards())
			if n := tt.end(); n != before-tt.left || len(e.Guards()) != tt.left {
				t.Errorf("%s: %d ended, %d left, want %d left", tt.name, n, len(e.Guards()), tt.left)
			}
		}
	})
}

func TestGuardsThatHaveEndedAreNotListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Config{Detect: &knowing{}})
		a := about("192.0.2.1")
		a.Reflected = true
		e.Alert(a)
		<-time.After(10 * time.Minute)
		if all := e.Guards(); len(all) != 0 {
			t.Errorf("%+v", all)
		}
	})
}

func target(t *testing.T, s string) lookup.Decision {
	t.Helper()
	d, err := lookup.ParseTarget(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
