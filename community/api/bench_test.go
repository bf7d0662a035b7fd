package api_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// many lists n addresses at once.
func many(c *centre, n int) {
	until := c.clock().Add(100 * time.Hour)
	entries := make([]community.Listing, n)
	for i := range entries {
		entries[i] = community.Listing{
			Unit: netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(20 + i>>16), byte(i >> 8), byte(i), 7}), 32), Action: consensus.Ban,
			Behaviour: consensus.Behaviour([]string{"http:bruteforce", "http:scan", "ssh:bruteforce", "http:exploit"}[i%4]), Until: until, Surety: consensus.Micro(i),
		}
		c.changes = append(c.changes, community.Change{Seq: uint64(i) + 1, At: c.clock(), Listing: entries[i]})
	}
	c.list = community.NewList(uint64(n), c.clock(), entries)
}

type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) WriteHeader(int)             {}
func (w *nowhere) Write(b []byte) (int, error) { return len(b), nil }

// What one poll costs, without the network and the store.
func BenchmarkPolls(b *testing.B) {
	c := newCentre()
	many(c, 100_000)
	d := openAt(b, c)
	token := bearer(d.token("member"))
	seq := len(c.changes)
	for i := range 1200 { // what changes in two hours
		c.put(fmt.Sprintf("198.18.%d.%d", i/256, i%256), consensus.Ban, time.Hour)
	}
	many(c, 0)
	c.list = community.NewList(uint64(len(c.changes)), start, nil)
	for _, row := range []struct {
		name, target string
		header       header
	}{
		{"native, nothing new", "/api/v1/list?after=" + fmt.Sprint(len(c.changes)), key("member-key")},
		{"native, 10 changes", "/api/v1/list?after=" + fmt.Sprint(len(c.changes)-10), key("member-key")},
		{"native, 1,200 changes", "/api/v1/list?after=" + fmt.Sprint(seq), key("member-key")},
		{"native, 1,200 changes by token", "/api/v1/list?after=" + fmt.Sprint(seq), token},
	} {
		b.Run(row.name, func(b *testing.B) { d.bench(b, row.target, row.header) })
	}
}

// What a reader of the whole list costs, once it is encoded.
func BenchmarkWholeLists(b *testing.B) {
	c := newCentre()
	many(c, 100_000)
	d := openAt(b, c)
	token := bearer(d.token("member"))
	for _, row := range []struct {
		name, target string
		header       header
	}{
		{"native", "/api/v1/list", key("member-key")},
		{"Local API", "/v1/decisions/stream?startup=true", key("member-key")},
		{"Local API, filtered", "/v1/decisions/stream?startup=true&scenarios_containing=ssh", key("member-key")},
		{"Central API v2", "/v2/decisions/stream?startup=true", token},
		{"Central API v3", "/v3/decisions/stream?startup=true", token},
		{"text", "/lists/ban.txt", key("member-key")},
		{"text, limit 1,000", "/lists/ban.txt?limit=1000", key("member-key")},
	} {
		b.Run(row.name, func(b *testing.B) { d.bench(b, row.target, row.header) })
		if row.header == token || row.name == "native" || row.name == "text" {
			b.Run(row.name+", gzip", func(b *testing.B) { d.bench(b, row.target, row.header, header{"Accept-Encoding", "gzip"}) })
		}
	}
}

// What it costs to encode the list anew, when it has changed.
func BenchmarkEncoding(b *testing.B) {
	c := newCentre()
	many(c, 100_000)
	d := openAt(b, c)
	token := bearer(d.token("member"))
	for _, row := range []struct {
		name, target string
		header       header
	}{
		{"native", "/api/v1/list", key("member-key")},
		{"Local API", "/v1/decisions/stream?startup=true", key("member-key")},
		{"Central API v3", "/v3/decisions/stream?startup=true", token},
		{"text", "/lists/ban.txt", key("member-key")},
	} {
		b.Run(row.name, func(b *testing.B) {
			for b.Loop() {
				c.pass(31 * time.Second)
				if c.now.Sub(start) > 50*time.Minute { // the token ends
					c.now = start
				}
				d.ask(row.target, row.header)
			}
		})
	}
}

func (d *door) ask(target string, headers ...header) {
	r := httptest.NewRequestWithContext(d.t.Context(), "GET", target, http.NoBody)
	for _, h := range headers {
		r.Header.Set(h.name, h.value)
	}
	d.handler.ServeHTTP(&nowhere{http.Header{}}, r)
}

func (d *door) bench(b *testing.B, target string, headers ...header) {
	w := d.get(target, headers...)
	if w.Code != 200 {
		b.Fatalf("status %d: %s", w.Code, w.Body)
	}
	b.ReportMetric(float64(w.Body.Len()), "bytes")
	b.ReportAllocs()
	for b.Loop() {
		d.ask(target, headers...)
	}
}

// What a small server serves over real connections.
func BenchmarkServer(b *testing.B) {
	c := newCentre()
	c.now = time.Time{}
	many(c, 100_000)
	d := openAt(b, c)
	s := httptest.NewServer(d.handler)
	defer s.Close()
	for name, target := range map[string]string{"delta polls": fmt.Sprint("/api/v1/list?after=", len(c.changes)), "text lists": "/lists/ban.txt"} {
		b.Run(name, func(b *testing.B) {
			b.SetParallelism(2) // no more than one caller may ask at once
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					req, _ := http.NewRequest("GET", s.URL+target, http.NoBody)
					req.Header.Set("X-Api-Key", "member-key")
					req.Header.Set("Accept-Encoding", "gzip")
					resp, err := s.Client().Do(req)
					if err != nil {
						b.Error(err)
						return
					}
					if _, err := io.Copy(io.Discard, resp.Body); err != nil {
						b.Error(err)
					}
					resp.Body.Close()
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}
