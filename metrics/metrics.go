// Package metrics has the metrics of tocsin for Prometheus.
//
//	registry.MustRegister(metrics.NewCollector(metrics.Config{
//		Engine:   e,
//		Counters: maps.All(map[string]*middleware.Counters{"shop": m.Counters()}),
//	}))
//
// A collector keeps no state: each scrape reads the engine and the counters, and
// takes as long for a million decisions as for ten. So any number of registries can
// have the same collector, and a new collector of the same engine continues the
// counts. A registry takes one; for a second engine, wrap it with
// [prometheus.WrapRegistererWith].
//
// # Labels
//
// No label has an address or a reason. The origins of decisions are labels, but no more
// than 256 for each source; later ones are counted together, as "other". So are
// scenarios after the first thousand.
//
// # Failure
//
// A scrape does not fail: a label that Prometheus refuses is corrected, and metrics
// with equal labels are added up. Unknown times are 0.
package metrics

import (
	"cmp"
	"iter"
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/middleware"
)

const modulePath = "github.com/tocsin-project/tocsin"

// buildInfo has the versions of the program.
var buildInfo = own.gauge("build_info", "Always 1; the labels have the versions.", labelVersion, labelGoVersion)

// Config says what to collect. All fields are optional.
type Config struct {
	// Engine has the decisions and sources. Default: none.
	Engine *engine.Engine

	// Counters yields the counters of middlewares with the names of their servers. It
	// is called for each scrape, perhaps for several at once. Counters with the same
	// name are added up. Default: none.
	Counters iter.Seq2[string, *middleware.Counters]

	// Detector has the counts of detection. Default: none.
	Detector *detect.Detector

	// Challenges has the counts of challenges. Default: none.
	Challenges *challenge.Counters

	// Proxies returns the number of lookups of trusted proxies with a decision that
	// does not apply. Default: none.
	Proxies func() uint64

	// AppSec returns the counts of inspections, such as an [appsec.Client]'s Stats. It
	// is called for each scrape. Default: none.
	AppSec func() appsec.Stats

	// Version is the version of this module. Default: that of the build information,
	// "(devel)" from a working copy.
	Version string
}

// NewCollector returns a collector of everything in cfg. It starts nothing and stores
// only cfg.
func NewCollector(cfg Config) prometheus.Collector {
	return &collector{cfg: cfg, version: cmp.Or(cfg.Version, moduleVersion())}
}

type collector struct {
	cfg     Config
	version string
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range own {
		ch <- m.desc
	}
	if c.cfg.AppSec != nil {
		NewAppSec(c.cfg.AppSec).Describe(ch)
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	v := values{}
	v.set(buildInfo, 1, c.version, runtime.Version())
	if c.cfg.Engine != nil {
		v.engine(c.cfg.Engine)
	}
	if c.cfg.Proxies != nil {
		v.set(spared, float64(c.cfg.Proxies()), "proxy")
	}
	if c.cfg.Counters != nil {
		for server, counters := range c.cfg.Counters {
			v.requests(server, counters.Snapshot())
		}
	}
	if c.cfg.Detector != nil {
		v.detector(c.cfg.Detector.Stats())
	}
	if c.cfg.Challenges != nil {
		v.challenges(c.cfg.Challenges.Counts())
	}
	if c.cfg.AppSec != nil {
		NewAppSec(c.cfg.AppSec).Collect(ch)
	}
	v.send(ch)
}

// moduleVersion returns the version of this module in the build information: "(devel)"
// from a working copy, and "unknown" if there is none.
func moduleVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == modulePath {
			return cmp.Or(m.Version, "unknown")
		}
	}
	return "unknown"
}
