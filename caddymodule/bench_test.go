package caddymodule

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/caddymodule/request"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/middleware"
	"go.uber.org/zap"
)

// An empty handler is the yardstick of ours.
type empty struct{}

func (empty) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return next.ServeHTTP(w, r)
}

var nothing = caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })

// newBenchHandler returns a handler with n decisions, none of them against the
// clients of newBenchRequest, and with a gate unless challenges are off.
func newBenchHandler(tb testing.TB, n int, off bool) *Handler {
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
		ClientIP: request.ClientIP, ChallengeOff: off,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return &Handler{check: m}
}

// newBenchRequest returns a request as Caddy's server hands it to handlers.
func newBenchRequest() (*httptest.ResponseRecorder, *http.Request) {
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://example.com/", nil)
	r.RemoteAddr = "198.51.100.1:4242"
	return w, caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, new(caddyhttp.Server))
}

func TestAllowedClientCostsNoGarbage(t *testing.T) {
	h := newBenchHandler(t, 15_000, false)
	w, r := newBenchRequest()
	if request.ClientIP(r) != netip.MustParseAddr("198.51.100.1") {
		t.Fatalf("client is %v", request.ClientIP(r))
	}
	for _, cookie := range []string{"", "session=0123456789abcdef; theme=dark; _ga=GA1.2.1234567890.1700000000"} {
		if r.Header.Set("Cookie", cookie); cookie == "" {
			r.Header.Del("Cookie")
		}
		if n := testing.AllocsPerRun(1000, func() { _ = h.ServeHTTP(w, r, nothing) }); n != 0 {
			t.Errorf("cookies %q: %v allocations, want none", cookie, n)
		}
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
		run(fmt.Sprintf("tocsin/%d", n), newBenchHandler(b, n, false))
		run(fmt.Sprintf("challenge off/%d", n), newBenchHandler(b, n, true))
	}
}

// A banned client's request, answered with the built-in page for programs and without a
// line in the log, beside Caddy's respond.
func BenchmarkBanned(b *testing.B) {
	page, err := middleware.NewPage(middleware.PageConfig{})
	if err != nil {
		b.Fatal(err)
	}
	h := newBenchHandler(b, 15_000, false)
	h.page, h.answer, h.engine = page, &answerer{logger: zap.NewNop()}, &pooled{parts: new(parts)}
	respond := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		return caddyhttp.StaticResponse{StatusCode: "403"}.ServeHTTP(w, r, nothing)
	})
	for _, c := range []struct {
		name  string
		serve func(w http.ResponseWriter, r *http.Request) error
	}{
		{"respond", respond},
		{"tocsin", func(w http.ResponseWriter, r *http.Request) error { return h.ServeHTTP(w, r, nothing) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, "http://example.com/", nil)
			r.RemoteAddr = "10.0.0.7:4242"
			b.ReportAllocs()
			for b.Loop() {
				w := unread{http.Header{}}
				if err := c.serve(w, caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, new(caddyhttp.Server))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// unread is a response that nobody reads.
type unread struct{ header http.Header }

func (w unread) Header() http.Header          { return w.header }
func (unread) WriteHeader(int)                {}
func (unread) Write(text []byte) (int, error) { return len(text), nil }

// What the admin API is answered while the table holds a million decisions.
func BenchmarkAdmin(b *testing.B) {
	p := &pooled{parts: &parts{counters: new(serverCounters)}}
	table := new(lookup.Table)
	batch := table.Batch("lapi")
	for i := range 1_000_000 {
		batch.Add(lookup.Decision{Prefix: lapitest.BulkPrefix(i), Action: lookup.Ban, Origin: "CAPI", Reason: "http:scan"})
	}
	batch.Replace()
	s := &settable{name: "lapi"}
	s.status.Store(new(lookup.Status))
	e, err := engine.New(engine.Config{Sources: []engine.Source{s}, Table: table})
	if err != nil {
		b.Fatal(err)
	}
	p.Engine = e
	a := &App{engine: p}
	ip := lapitest.BulkPrefix(500_000).Addr()
	for name, ask := range map[string]func() any{
		"check":  func() any { return a.Check(b.Context(), ip) },
		"status": func() any { return a.Status() },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := json.Marshal(ask()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
