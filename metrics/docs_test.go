package metrics

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tocsin-project/tocsin/internal/golden"
)

var update = flag.Bool("update", false, "write docs/metrics.md")

// metricsPage is docs/metrics.md.
func metricsPage() string {
	var b strings.Builder
	b.WriteString("# Metrics\n\n" +
		"Made from the declarations in [metrics](../metrics) by `go test ./metrics -run TestTheListOfMetrics -update`: change those, not this page.\n\n" +
		"Caddy serves them at its admin endpoint (`curl localhost:2019/metrics`) when the global option `metrics` is there. Counters grow since the server began and\n" +
		"survive a reload. No label ever holds an address. [A dashboard](../examples/grafana/dashboard.json) for Grafana shows most of them.\n\n" +
		"| metric | kind | labels | what it says |\n|---|---|---|---|\n")
	row := func(name, kind, labels, help string) {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, kind, labels, help)
	}
	for _, m := range slices.Concat(own, ofAppSec, ofWAF, ofCommunity) {
		kind := "counter"
		if m.kind == prometheus.GaugeValue {
			kind = "gauge"
		}
		row(m.name, kind, strings.Join(m.labels, ", "), m.help)
	}
	row(latencyName, "histogram", "", latencyHelp)
	return b.String()
}

func TestTheListOfMetricsIsUpToDate(t *testing.T) {
	golden.File(t, "../docs/metrics.md", metricsPage(), *update, "go test ./metrics -run TestTheListOfMetrics -update")
}
