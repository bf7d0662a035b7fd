package metrics_test

import (
	"fmt"
	"maps"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/metrics"
	"github.com/tocsin-project/tocsin/middleware"
)

// A server of its own for the metrics keeps them from the visitors of the site.
func ExampleNewCollector() {
	e, err := engine.New(engine.Config{}) // with sources
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := middleware.New(middleware.Config{Lookup: e.Lookup})
	if err != nil {
		fmt.Println(err)
		return
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.NewCollector(metrics.Config{
		Engine:   e,
		Counters: maps.All(map[string]*middleware.Counters{"shop": m.Counters()}),
	}))
	private := http.NewServeMux() // for http.ListenAndServe("localhost:9100", private), say
	private.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))

	families, err := registry.Gather()
	fmt.Println(len(families) > 0, err)
	// Output: true <nil>
}
