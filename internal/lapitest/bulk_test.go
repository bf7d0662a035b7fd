package lapitest

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

func TestBulkValues(t *testing.T) {
	const n = 200_000
	seen := make(map[netip.Prefix]bool, n)
	kinds := make(map[string]int)
	origins := make(map[string]int)
	names := make(map[string]bool)
	for i := range n {
		d := bulkDecision(i)
		if seen[d.prefix] {
			t.Fatalf("%v comes twice", d.prefix)
		}
		seen[d.prefix] = true
		if ip := d.prefix.Addr(); d.prefix != d.prefix.Masked() || ip.IsPrivate() || ip.IsLoopback() || !ip.IsGlobalUnicast() {
			t.Fatalf("%v is not a public prefix", d.prefix)
		}
		kinds[kind(d.prefix)]++
		origins[d.origin]++
		names[d.scenario] = true
	}
	for k, want := range map[string]float64{"v4 host": 85, "v4 /24": 5, "v6 host": 8, "v6 /64": 2} {
		if got := 100 * float64(kinds[k]) / n; math.Abs(got-want) > 0.1 {
			t.Errorf("%.1f %% %s, want %.0f", got, k, want)
		}
	}
	for o, want := range map[string]float64{"CAPI": 70, "lists": 20, "crowdsec": 8, "cscli": 2} {
		if got := 100 * float64(origins[o]) / n; math.Abs(got-want) > 1 {
			t.Errorf("%.1f %% of %s, want %.0f", got, o, want)
		}
	}
	if len(names) < 50 {
		t.Errorf("%d scenario names, want at least 50", len(names))
	}
	if BulkPrefix(12345) != bulkDecision(12345).prefix {
		t.Error("BulkPrefix gives another value than the stream")
	}
}

func TestAppendDuration(t *testing.T) {
	for i := range 1000 {
		d := time.Duration(mix(uint64(i))>>(1+i%40)) >> 1
		for _, d := range []time.Duration{d, -d, d.Round(time.Second), d.Round(time.Hour), d.Round(100 * time.Millisecond)} {
			if got := string(appendDuration(nil, Old, d)); got != d.String() {
				t.Errorf("%v is written %s", d, got)
			}
		}
	}
}

func kind(p netip.Prefix) string {
	switch {
	case p.Addr().Is4() && p.IsSingleIP():
		return "v4 host"
	case p.Addr().Is4() && p.Bits() == 24:
		return "v4 /24"
	case p.IsSingleIP():
		return "v6 host"
	case p.Bits() == 64:
		return "v6 /64"
	}
	return p.String()
}

func TestBulkStream(t *testing.T) {
	both(t, func(t *testing.T, s *Server, c *client) {
		s.SetBulk(Bulk{N: 1000, Churn: 30})
		s.Add(Decision{Value: "192.0.2.1"})
		values := make(map[string]bool)
		for _, d := range c.pull("startup=true").New {
			values[d.Value] = true
		}
		if len(values) != 1001 {
			t.Fatalf("%d values, want 1001", len(values))
		}
		for range 50 { // more than once around
			d := c.pull("")
			if len(d.New) != 30 || len(d.Deleted) != 30 {
				t.Fatalf("%d new and %d deleted, want 30 of each", len(d.New), len(d.Deleted))
			}
			for _, gone := range d.Deleted {
				if !values[gone.Value] || gone.left(t) > 0 {
					t.Fatalf("%v is deleted, but was not there or has not ended", gone)
				}
				delete(values, gone.Value)
			}
			for _, d := range d.New {
				if values[d.Value] || d.left(t) < 0 {
					t.Fatalf("%v is new, but was there or has ended", d)
				}
				values[d.Value] = true
			}
		}
		for _, d := range c.pull("startup=true").New {
			if !values[d.Value] {
				t.Fatalf("%v was never new", d)
			}
			delete(values, d.Value)
		}
		if len(values) != 0 {
			t.Errorf("%d values are missing in the full list", len(values))
		}
	})
}

func TestBulkRefresh(t *testing.T) {
	both(t, func(t *testing.T, s *Server, c *client) {
		s.SetBulk(Bulk{N: 100})
		first := c.pull("startup=true")
		s.Reannounce()
		again := c.pull("")
		if len(again.New) != 100 || len(again.Deleted) != 0 {
			t.Fatalf("%d new and %d deleted, want 100 and 0", len(again.New), len(again.Deleted))
		}
		for i, d := range again.New {
			if d.ID == first.New[i].ID || d.Value != first.New[i].Value {
				t.Fatalf("%v came again as %v", first.New[i], d)
			}
		}
		expect(t, c.pull(""), "", "")
	})
}

// The generator must not be what a benchmark of a client measures, and must not
// hold what it makes.
func BenchmarkBulk(b *testing.B) {
	for name, gen := range map[string]Generation{"old": Old, "new": New} {
		b.Run(name, func(b *testing.B) {
			const n = 100_000
			h := NewHandler(Config{Generation: gen, Bulk: Bulk{N: n}})
			r := httptest.NewRequest(http.MethodGet, streamPath+"?startup=true", nil)
			r.Header.Set("X-Api-Key", DefaultKey)
			b.ReportAllocs()
			for b.Loop() {
				w := &counter{header: make(http.Header)}
				h.ServeHTTP(w, r)
				b.SetBytes(w.n)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/decision")
		})
	}
}

type counter struct {
	header http.Header
	n      int64
}

func (c *counter) Header() http.Header { return c.header }
func (c *counter) WriteHeader(int)     {}
func (c *counter) Flush()              {}
func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

func TestBulkIsValidJSON(t *testing.T) {
	both(t, func(t *testing.T, s *Server, c *client) {
		s.SetBulk(Bulk{N: 31_000}) // more than a page
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+streamPath+"?startup=true", http.NoBody)
		req.Header.Set("X-Api-Key", c.key)
		resp, err := c.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || !json.Valid(body) {
			t.Fatalf("%d bytes, valid: %v, %v", len(body), json.Valid(body), err)
		}
		if got := len(parse[stream](t, string(body)).New); got != 31_000 {
			t.Errorf("%d decisions, want 31000", got)
		}
	})
}
