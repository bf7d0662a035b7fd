package engine

import (
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// Stats is the state of an engine.
type Stats struct {
	Ready     bool
	Decisions int           // number in the table
	Sources   []SourceStats // in the order of the configuration
	Snapshot  time.Time     // when it was last written; zero: not yet

	Local     int    // local decisions in the table; included in Decisions
	Own       uint64 // lookups of addresses of this machine with a decision that does not apply
	Guards    int    // in force: see [Guard]
	Alerts    AlertStats
	Reporters []ReporterStats // in the order of the configuration
	Detect    DetectStats

	Verifier map[string]uint64 // counts of the verifier of crawlers: see [Counting]
}

// SourceStats is the state of one source.
type SourceStats struct {
	Name      string
	Live      bool // it is asked about one client at a time, and has no decisions in the table
	Decisions int  // held in the table
	Ready     bool
	// Carried is when the source was last in sync before this engine, according to the
	// snapshot or the previous engine; zero: unknown.
	Carried time.Time
	Counts  map[string]uint64 // the source's own counts: see [Counting]
	lookup.Status
}

// A Counting source or [Verifier] has its own counts for operators. They are in
// [Stats], and so in tocsin status and in the metrics.
type Counting interface {
	// Counts returns totals since the start, by names such as rows_malformed, in lower
	// case letters and underscores. The names never change. It may be called at any
	// time.
	Counts() map[string]uint64
}

// counts returns the counts of v, if it has any.
func counts(v any) map[string]uint64 {
	if c, ok := v.(Counting); ok {
		return c.Counts()
	}
	return nil
}

// Ready reports whether every source was in sync with the table recently enough. For a
// source that has not answered yet, a snapshot counts like a sync, if this source was
// in sync with it: see [Lasting]. Live sources do not count, because they have their
// own policy for requests without an answer.
func (e *Engine) Ready() bool {
	now := time.Now()
	for _, s := range e.sources {
		if !e.ready(s.Name(), s.Status(), now) {
			return false
		}
	}
	return true
}

// Stats returns the state of e.
func (e *Engine) Stats() Stats {
	now := time.Now()
	stats := Stats{
		Ready: true, Decisions: e.table.Len(), Local: e.table.Count(LocalSource), Guards: e.guards.count(), Own: e.own.spared.Load(),
		Alerts: e.history.counts(), Detect: e.observation.counts(),
		Verifier: counts(e.checks.verifier),
	}
	e.checks.count(&stats.Alerts)
	for _, o := range e.outboxes {
		stats.Reporters = append(stats.Reporters, o.status())
	}
	for _, s := range e.sources {
		status := s.Status()
		ready := e.ready(s.Name(), status, now)
		stats.Ready = stats.Ready && ready
		stats.Sources = append(stats.Sources, SourceStats{
			Name: s.Name(), Decisions: e.table.Count(s.Name()), Ready: ready, Status: status,
			Carried: e.carried[s.Name()].At, Counts: counts(s),
		})
	}
	for _, l := range e.live {
		status := l.Status()
		stats.Sources = append(stats.Sources, SourceStats{
			Name: l.Name(), Live: true, Ready: status.Err == nil, Status: status, Counts: counts(l),
		})
	}
	if at := e.snapshot.written.Load(); at != nil {
		stats.Snapshot = *at
	}
	return stats
}
