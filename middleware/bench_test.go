package middleware

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// listed is the size of the community list, the table most sites have.
const listed = 15_000

// noResponse is a ResponseWriter that costs nothing.
type noResponse struct{ header http.Header }

func (w noResponse) Header() http.Header         { return w.header }
func (w noResponse) Write(p []byte) (int, error) { return len(p), nil }
func (w noResponse) WriteHeader(int)             {}

// bare is the yardstick: the handler behind the middleware.
var bare http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusNoContent)
})

// crowded returns a table of n decisions, most of them about single IPv4
// addresses, none of them about 203.0.113.0/24, 198.51.100.0/24 or 2001:db8::/32.
func crowded(n int) *lookup.Table {
	rnd := rand.New(rand.NewPCG(1, 2))
	all := make([]lookup.Decision, n)
	for i := range all {
		var p netip.Prefix
		if v := rnd.Uint64(); i%10 != 0 {
			p = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(v)%100 + 1, byte(v >> 8), byte(v >> 16), byte(v >> 24)}), 32)
		} else {
			p = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x24, byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24), 1}), 64)
		}
		all[i] = lookup.Decision{Prefix: p, Action: lookup.Ban, Origin: "CAPI", Reason: "http:scan"}
	}
	t := new(lookup.Table)
	t.Replace("lapi", all)
	return t
}

// in makes a function for Config.Lookup of a table.
func in(t *lookup.Table) func(context.Context, netip.Addr) (lookup.Decision, bool) {
	return func(_ context.Context, ip netip.Addr) (lookup.Decision, bool) { return t.Lookup(ip) }
}

func from(addr string) *http.Request {
	r, err := http.NewRequest(http.MethodGet, "http://example.com/some/page", nil)
	if err != nil {
		panic(err)
	}
	r.RemoteAddr = addr
	return r
}

// observed returns a middleware that asks the built-in scenarios, both before the
// handler and after it: the engine does the latter elsewhere.
func observed(b *testing.B, table *lookup.Table) *Middleware {
	b.Helper()
	rules, err := detect.Builtin()
	if err != nil {
		b.Fatal(err)
	}
	m, err := New(Config{Lookup: in(table), Observe: scenarios{detect.New(detect.Config{Rules: rules})}})
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// scenarios is an Observer without an engine.
type scenarios struct{ *detect.Detector }

func (s scenarios) Request(e *event.Event) (lookup.Decision, bool) {
	return lookup.Decision{}, len(s.Detector.Request(e)) > 0
}

func (s scenarios) Response(e *event.Event) { s.Detector.Response(e) }

// browsing is what a browser sends.
func browsing() *http.Request {
	r := from("203.0.113.7:51234")
	r.RequestURI = "/2026/11/hello-world/?replytocom=12"
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:147.0) Gecko/20100101 Firefox/147.0")
	r.Header.Set("Referer", "https://example.com/")
	r.Header.Set("Accept", "text/html,application/xhtml+xml")
	return r
}

// withCookies returns a request of somebody who is logged in to a WordPress with
// statistics: five cookies, none of them ours.
func withCookies() *http.Request {
	r := from("203.0.113.7:51234")
	r.Header.Set("Cookie", "_ga=GA1.2.1234567890.1700000000; _gid=GA1.2.987654321.1700000000; "+
		"wordpress_test_cookie=WP%20Cookie%20check; wp-settings-time-1=1700000000; "+
		"wordpress_logged_in_0123456789abcdef=admin%7C1700000000%7CAbCdEfGhIjKlMnOpQrStUvWxYz%7C0123456789abcdef0123456789abcdef")
	return r
}

// BenchmarkHandler shows what a request costs with nothing before the handler,
// and with the middleware before it. The difference is the middleware's price. A
// gate is there unless challenges are off.
func BenchmarkHandler(b *testing.B) {
	table := crowded(listed)
	table.Update("local", []lookup.Decision{{Prefix: netip.MustParsePrefix("198.51.100.7/32"), Action: lookup.Ban}}, nil)
	direct, err := New(Config{Lookup: in(table)})
	if err != nil {
		b.Fatal(err)
	}
	proxied, err := New(Config{
		Lookup:   in(table),
		ClientIP: ForwardedFor(netip.MustParsePrefix("10.0.0.0/8")),
	})
	if err != nil {
		b.Fatal(err)
	}
	off, err := New(Config{Lookup: in(table), ChallengeOff: true})
	if err != nil {
		b.Fatal(err)
	}
	kept, err := New(Config{Lookup: in(table), KeepEstablished: true})
	if err != nil {
		b.Fatal(err)
	}
	forwarded := from("10.1.2.3:4567")
	forwarded.Header.Set("X-Forwarded-For", "192.0.2.99, 203.0.113.7, 10.1.1.1")
	for _, c := range []struct {
		name string
		h    http.Handler
		r    *http.Request
	}{
		{"bare", bare, from("203.0.113.7:51234")},
		{"allowed IPv4", direct.Handler(bare), from("203.0.113.7:51234")},
		{"allowed and kept if banned meanwhile", kept.Handler(bare), from("203.0.113.7:51234")},
		{"allowed with cookies", direct.Handler(bare), withCookies()},
		{"allowed with challenges off", off.Handler(bare), from("203.0.113.7:51234")},
		{"allowed with cookies and challenges off", off.Handler(bare), withCookies()},
		{"allowed IPv6", direct.Handler(bare), from("[2001:db8::51:7]:51234")},
		{"allowed forwarded", proxied.Handler(bare), forwarded},
		{"allowed and observed", observed(b, table).Handler(bare), browsing()},
		{"stopped", direct.Handler(bare), from("198.51.100.7:51234")},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			w := noResponse{http.Header{}}
			for b.Loop() {
				c.h.ServeHTTP(w, c.r)
			}
		})
		b.Run(c.name+" in parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				w := noResponse{http.Header{}}
				for pb.Next() {
					c.h.ServeHTTP(w, c.r)
				}
			})
		})
	}
}

// BenchmarkFlood shows what it costs to decide about requests that are stopped
// one after the other, by how much of it is logged.
func BenchmarkFlood(b *testing.B) {
	ban := func(context.Context, netip.Addr) (lookup.Decision, bool) {
		return lookup.Decision{Action: lookup.Ban, Origin: "CAPI", Reason: "http:scan"}, true
	}
	var rs []*http.Request
	for i := range 4 * 1024 {
		rs = append(rs, from(netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}), 1).String()))
	}
	for _, c := range []struct {
		name  string
		level zapcore.Level
	}{{"no line", zap.WarnLevel}, {"five lines a client", zap.InfoLevel}, {"every line", zap.DebugLevel}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			enc := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
			m, err := New(Config{Lookup: ban, Logger: zap.New(zapcore.NewCore(enc, zapcore.AddSync(io.Discard), c.level))})
			if err != nil {
				b.Fatal(err)
			}
			for i := 0; b.Loop(); i++ {
				m.Check(rs[i%len(rs)])
			}
		})
	}
}

// BenchmarkCounters shows what it costs to count one request, beside one counter
// for all.
func BenchmarkCounters(b *testing.B) {
	var (
		one  atomic.Uint64
		many Counters
		stop = stopFor("192.0.2.1", lookup.Ban, "CAPI")
	)
	for _, c := range []struct {
		name  string
		count func()
	}{
		{"one for all", func() { one.Add(1) }},
		{"striped", func() { many.next().processed[0].Add(1) }},
		{"by origin", func() { many.stop(stop, false) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				c.count()
			}
		})
		b.Run(c.name+" in parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					c.count()
				}
			})
		})
	}
}

// BenchmarkPage shows what one answer costs in each form.
func BenchmarkPage(b *testing.B) {
	page, err := NewPage(PageConfig{})
	if err != nil {
		b.Fatal(err)
	}
	for _, accept := range []string{"text/html", "application/json", "text/plain"} {
		b.Run(accept, func(b *testing.B) {
			b.ReportAllocs()
			r := from("198.51.100.7:51234")
			r.Header.Set("Accept", accept)
			r = r.WithContext(NewContext(r.Context(), sampleStops()[0]))
			w := noResponse{http.Header{}}
			for b.Loop() {
				page.ServeHTTP(w, r)
			}
		})
	}
}

// BenchmarkForwardedForHostile shows that a header of a megabyte costs no more
// than a long one.
func BenchmarkForwardedForHostile(b *testing.B) {
	ip := ForwardedFor(netip.MustParsePrefix("10.0.0.0/8"))
	for _, n := range []int{1 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%d bytes", n), func(b *testing.B) {
			r := from("10.1.2.3:4567")
			line := make([]byte, n)
			for i := range line {
				line[i] = "10.1.1.1,"[i%9]
			}
			r.Header.Set("X-Forwarded-For", string(line[:n/9*9-1]))
			for b.Loop() {
				ip(r)
			}
		})
	}
}
