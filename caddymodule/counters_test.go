package caddymodule

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"

	"github.com/tocsin-project/tocsin/lapi"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/middleware"
)

// What CrowdSec is told is what the servers have done, each family of addresses
// for itself.
func TestUsage(t *testing.T) {
	counts := new(tally)
	for _, server := range []string{"srv1", "srv0"} {
		m, err := middleware.New(middleware.Config{
			Lookup: func(_ context.Context, ip netip.Addr) (lookup.Decision, bool) {
				return lookup.Decision{Action: lookup.Ban, Origin: "CAPI"}, ip != netip.MustParseAddr(allowed)
			},
			Counters: counts.of(server),
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, from := range []string{banned, banned, allowed, "2001:db8::1"} {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(from), 4242).String()
			m.Check(r)
		}
	}
	one := []lapi.UsageItem{
		{Name: "processed", IPType: "ipv4", Value: 3},
		{Name: "processed", IPType: "ipv6", Value: 1},
		{Name: "dropped", Origin: "CAPI", IPType: "ipv4", Remediation: "ban", Value: 2},
		{Name: "dropped", Origin: "CAPI", IPType: "ipv6", Remediation: "ban", Value: 1},
	}
	if got := counts.usage(); !slices.Equal(got, slices.Concat(one, one)) {
		t.Errorf("%+v", got)
	}
	servers := counts.answers()
	if len(servers) != 2 || servers[0].Server != "srv0" || servers[0].Stopped["ban"] != 3 || servers[0].Origins["CAPI"] != 3 {
		t.Errorf("%+v", servers)
	}
}
