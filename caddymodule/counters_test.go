package caddymodule

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/middleware"
)

func TestServersAreCounted(t *testing.T) {
	counts := new(serverCounters)
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
	servers := counts.answers()
	if len(servers) != 2 || servers[0].Server != "srv0" || servers[0].Stopped["ban"] != 3 || servers[0].Origins["CAPI"] != 3 {
		t.Errorf("%+v", servers)
	}
}
