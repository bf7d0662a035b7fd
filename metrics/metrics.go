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
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/middleware"
)

const modulePath = "github.com/tocsin-project/tocsin"

// Config says what is to be collected. All fields may be left out.
type Config struct {
	// Engine is asked about its decisions and sources. Default: none.
	Engine *engine.Engine

	// Counters yields what middlewares count with, and the names of their
	// servers. It is called for each scrape, perhaps for several at once.
	// Counters of the same name are added up. Default: none.
	Counters iter.Seq2[string, *middleware.Counters]

	// Detector says what it looked at, and what it remembers. Default: none.
	Detector *detect.Detector

	// Challenges counts what became of challenges. Default: none.
	Challenges *challenge.Counters

	// Proxies returns how many lookups of trusted proxies have found a decision which is
	// not enforced. Default: none.
	Proxies func() uint64

	// AppSec returns what became of inspections, such as an [appsec.Client]'s
	// Stats. It is called for each scrape. Default: none.
	AppSec func() appsec.Stats

	// Version is that of this module, as the program knows it. Default: that which the
	// program was built with, "(devel)" from a working copy.
	Version string
}

// NewCollector returns a collector of everything that cfg names. It starts
// nothing and holds nothing but cfg.
func NewCollector(cfg Config) prometheus.Collector {
	return &collector{cfg: cfg, version: cmp.Or(cfg.Version, moduleVersion())}
}

type collector struct {
	cfg     Config
	version string
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range all {
		ch <- m.desc
	}
	if c.cfg.AppSec != nil {
		appsecCollector{}.Describe(ch)
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
		appsecCollector{c.cfg.AppSec}.Collect(ch)
	}
	v.send(ch)
}

// detector adds what a detector looked at, and what it remembers.
func (v values) detector(s detect.Stats) {
	v.set(events, float64(s.Events))
	v.set(whitelisted, float64(s.Dropped))
	v.set(buckets, float64(s.Buckets))
	v.set(bucketBytes, float64(s.Bytes))
	v.set(evicted, float64(s.Evicted))
	v.set(clients, float64(s.Clients))
}

// alerts adds what became of alerts.
func (v values) alerts(stats *engine.Stats) {
	for scenario, n := range stats.Alerts.Scenarios {
		v.add(alerts, float64(n), scenario)
	}
	v.set(alertsDecided, float64(stats.Alerts.Decided))
	v.set(spared, float64(stats.Own), "own")
	v.set(alertsSpared, float64(stats.Alerts.Spared))
	v.set(alertsGuarded, float64(stats.Alerts.Guarded))
	v.set(guards, float64(stats.Guards))
	v.set(alertsVoid, float64(stats.Alerts.Crawlers), "crawler")
	v.set(alertsVoid, float64(stats.Alerts.Unchecked), "unchecked")
	v.set(alertsVoid, float64(stats.Alerts.Merged), "merged")
	v.set(alertsVoid, float64(stats.Alerts.Late), "late")
	for outcome, n := range stats.Verifier {
		v.set(crawlers, float64(n), outcome)
	}
	v.set(detectPanics, float64(stats.Detect.Panics))
	v.set(responses, float64(stats.Detect.Responses))
	v.set(responsesDropped, float64(stats.Detect.Dropped))
	for _, r := range stats.Reporters {
		v.set(reportsQueued, float64(r.Queued), r.Name)
		v.set(reports, float64(r.Sent), r.Name, "sent")
		v.set(reports, float64(r.Refused), r.Name, "refused")
		v.set(reports, float64(r.Dropped), r.Name, "dropped")
	}
}

// challenges adds what became of challenges.
func (v values) challenges(n challenge.Counts) {
	for event, count := range map[string]uint64{
		"issued": n.Issued, "solved": n.Solved, "failed": n.Failed, "replayed": n.Replayed,
		"passed": n.Passed, "barred": n.Barred, "fallback": n.Fallback, "renewed": n.Renewed, "waited": n.Waited,
	} {
		v.set(challenges, float64(count), event)
	}
}

// engine adds what e says. Nothing here may walk the decisions: a scrape of a
// million would take as long as a hundred thousand requests.
func (v values) engine(e *engine.Engine) {
	stats := e.Stats()
	v.set(ready, number(stats.Ready))
	v.set(snapshotTime, seconds(stats.Snapshot))
	for _, s := range stats.Sources {
		v.set(sourceReady, number(s.Ready), s.Name)
		v.set(sourceSynced, seconds(s.Synced), s.Name)
		v.set(sourceNext, seconds(s.Next), s.Name)
		v.set(sourceFailures, float64(s.Failures), s.Name)
		v.set(sourceErrors, float64(s.Failed), s.Name)
		v.set(sourceHeld, float64(s.Held), s.Name)
		for event, n := range s.Counts {
			v.set(sourceEvents, float64(n), s.Name, event)
		}
	}
	v.alerts(&stats)
	for _, g := range e.Table().Groups() {
		v.add(decisions, float64(g.Decisions), g.Source, g.Origin, g.Action.String())
	}
}

// requests adds what the middlewares of a server have counted.
func (v values) requests(server string, n middleware.Counts) {
	v.add(processed, float64(n.Processed4), server, ipv4)
	v.add(processed, float64(n.Processed6), server, ipv6)
	v.add(processed, float64(n.UnknownClient), server, ipUnknown)
	v.add(allowed, float64(n.Allowed), server)
	v.add(ended, float64(n.Ended), server)
	for _, o := range n.ByOrigin {
		ipType := ipv4
		if o.IPv6 {
			ipType = ipv6
		}
		// Hardly a server has both, and a series that stays 0 is a series more.
		if o.Stopped > 0 {
			v.add(stopped, float64(o.Stopped), server, o.Action.String(), o.Origin, ipType)
		}
		if o.DryRun > 0 {
			v.add(dryRun, float64(o.DryRun), server, o.Action.String(), o.Origin, ipType)
		}
		if o.Passed > 0 {
			v.add(passed, float64(o.Passed), server, o.Origin, ipType)
		}
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// seconds returns t in Unix time, 0 for the zero time.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixNano()) / 1e9
}

// moduleVersion returns the version of this module that the program was built
// with, as its build information has it: "(devel)" from a working copy, and
// "unknown" if there is none.
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
