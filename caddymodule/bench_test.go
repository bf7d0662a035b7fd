package caddymodule

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/middleware"
)

// An empty handler is the yardstick of ours.
type empty struct{}

func (empty) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return next.ServeHTTP(w, r)
}

var nothing = caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })

// newBenchHandler returns a handler with n decisions, none of them against the
// clients of newBenchRequest.
func newBenchHandler(tb testing.TB, n int) *Handler {
	tb.Helper()
	var table lookup.Table
	all := make([]lookup.Decision, n)
	for i := range all {
		ip := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		all[i] = lookup.Decision{Prefix: netip.PrefixFrom(ip, 32), Action: lookup.Ban}
	}
	table.Replace("lapi", all)
	m, err := middleware.New(middleware.Config{
		Lookup:   func(_ context.Context, ip netip.Addr) (lookup.Decision, bool) { return table.Lookup(ip) },
		ClientIP: clientIP,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return &Handler{check: m, page: http.NotFoundHandler()}
}

// newBenchRequest returns a request as Caddy's server hands it to handlers.
func newBenchRequest() (*httptest.ResponseRecorder, *http.Request) {
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://example.com/", nil)
	r.RemoteAddr = "198.51.100.1:4242"
	return w, caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, new(caddyhttp.Server))
}

func TestAllowedClientCostsNoGarbage(t *testing.T) {
	h := newBenchHandler(t, 15_000)
	w, r := newBenchRequest()
	if clientIP(r) != netip.MustParseAddr("198.51.100.1") {
		t.Fatalf("client is %v", clientIP(r))
	}
	if n := testing.AllocsPerRun(1000, func() { _ = h.ServeHTTP(w, r, nothing) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// An allowed client's request, beside a handler that does nothing.
func BenchmarkAllowed(b *testing.B) {
	run := func(name string, h caddyhttp.MiddlewareHandler) {
		b.Run(name, func(b *testing.B) {
			w, r := newBenchRequest()
			b.ReportAllocs()
			for b.Loop() {
				_ = h.ServeHTTP(w, r, nothing)
			}
		})
		b.Run(name+"/parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				w, r := newBenchRequest()
				for pb.Next() {
					_ = h.ServeHTTP(w, r, nothing)
				}
			})
		})
	}
	run("empty", empty{})
	for _, n := range []int{15_000, 1_000_000} {
		run(fmt.Sprintf("tocsin/%d", n), newBenchHandler(b, n))
	}
}
