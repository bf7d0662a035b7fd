package metrics

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/middleware"
)

// BenchmarkScrape shows what a scrape costs by the number of decisions, and by
// that of origins, up to the bounds; beside the metrics that the Go runtime has
// for itself.
func BenchmarkScrape(b *testing.B) {
	for _, c := range []struct {
		name               string
		decisions, origins int
	}{
		{"10 decisions", 10, 3},
		{"1M decisions", 1_000_000, 3},
		{"1M decisions of 10 origins", 1_000_000, 10},
		{"1M decisions of 1000 origins", 1_000_000, 1000},
	} {
		e, n := crowded(b, c.decisions, c.origins)
		cfg := Config{Engine: e, Counters: maps.All(map[string]*middleware.Counters{"srv0": n, "srv1": n})}
		b.Run(c.name, func(b *testing.B) { benchmarkScrape(b, NewCollector(cfg)) })
	}
	b.Run("Go runtime", func(b *testing.B) { benchmarkScrape(b, collectors.NewGoCollector()) })
}

func benchmarkScrape(b *testing.B, c prometheus.Collector) {
	b.ReportAllocs()
	h := promhttp.HandlerFor(registered(b, c), promhttp.HandlerOpts{})
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	size := 0
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		size = w.Body.Len()
	}
	b.ReportMetric(float64(size), "bytes/scrape")
}

// crowded returns an engine with n decisions of so many origins, and counters
// that saw a request from a client of each.
func crowded(b *testing.B, n, origins int) (*engine.Engine, *middleware.Counters) {
	b.Helper()
	e, err := engine.New(engine.Config{Sources: []engine.Source{feed{name: "lapi"}}})
	if err != nil {
		b.Fatal(err)
	}
	batch := e.Table().Batch("lapi")
	var clients []string
	for i := range n {
		ip := netip.AddrFrom4([4]byte{20 + byte(i>>16), byte(i >> 8), byte(i), 7})
		batch.Add(lookup.Decision{
			Prefix: netip.PrefixFrom(ip, 32), Action: lookup.Ban,
			Origin: fmt.Sprintf("lists:%d", i%origins), Reason: fmt.Sprintf("scenario %d", i%50),
		})
		if i < origins {
			clients = append(clients, netip.AddrPortFrom(ip, 1).String())
		}
	}
	batch.Replace()
	return e, counted(b, e, false, clients...)
}
