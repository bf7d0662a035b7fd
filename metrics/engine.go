package metrics

import (
	"time"

	"github.com/tocsin-project/tocsin/engine"
)

// The state of the engine and of its sources. Times are in seconds of Unix time.
var (
	ready          = own.gauge("ready", "Whether all sources were in sync recently enough: 1, or 0.")
	snapshotTime   = own.gauge("snapshot_timestamp_seconds", "When the snapshot was last written; 0: not since the start.")
	decisions      = own.gauge("decisions", "Decisions held.", labelSource, labelOrigin, labelAction)
	sourceReady    = own.gauge("source_ready", "Whether the source was in sync recently enough: 1, or 0.", labelSource)
	sourceSynced   = own.gauge("source_last_sync_timestamp_seconds", "When the source was last in sync; 0: never.", labelSource)
	sourceNext     = own.gauge("source_next_try_timestamp_seconds", "When the source is tried next; 0: unknown.", labelSource)
	sourceFailures = own.gauge("source_failures", "Failed tries since the source was last in sync.", labelSource)
	// Not failures_total: in OpenMetrics that would be another type of source_failures.
	sourceErrors = own.counter("source_errors_total", "Failed tries since the start of the source.", labelSource)
	sourceHeld   = own.gauge("source_held_ranges", "Ranges of the source that are not enforced, because they cover too many addresses.", labelSource)
	sourceEvents = own.counter("source_events_total",
		"Counts of the source. A Local API counts questions, rows of its answers by kind, lookups of mode live, and usage reports.",
		labelSource, labelEvent)
)

// engine adds the counts of e. It must not walk over the decisions: with a million of
// them, a scrape would take as long as a hundred thousand requests.
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
