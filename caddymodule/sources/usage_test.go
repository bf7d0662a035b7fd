package sources

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"

	"github.com/tocsin-project/tocsin/lapi"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/middleware"
)

// The usage metrics for CrowdSec are the counts of the servers, for each family of
// addresses.
func TestUsage(t *testing.T) {
	counts := map[string]*middleware.Counters{"srv0": new(middleware.Counters), "srv1": new(middleware.Counters)}
	for _, counters := range counts {
		m, err := middleware.New(middleware.Config{
			Lookup: func(_ context.Context, ip netip.Addr) (lookup.Decision, bool) {
				return lookup.Decision{Action: lookup.Ban, Origin: "CAPI"}, ip != netip.MustParseAddr("198.51.100.7")
			},
			Counters: counters,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, from := range []string{"192.0.2.1", "192.0.2.1", "198.51.100.7", "2001:db8::1"} {
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
	if got := usage(maps.All(counts)); !slices.Equal(got, slices.Concat(one, one)) {
		t.Errorf("%+v", got)
	}
}
