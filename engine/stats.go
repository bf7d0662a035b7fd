package engine

import (
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// Stats says how an engine stands.
type Stats struct {
	Ready     bool
	Decisions int           // held in the table
	Sources   []SourceStats // in the order of the configuration
	Snapshot  time.Time     // when it was last written; zero: not yet

	Local     int    // local decisions held in the table; Decisions has them, too
	Own       uint64 // lookups of addresses of this machine that a source has a decision about, which is not enforced
	Guards    int    // put up: see [detect.Guard]
	Alerts    AlertStats
	Reporters []ReporterStats // in the order of the configuration
	Detect    DetectStats

	Verifier map[string]uint64 // what the one that verifies crawlers has counted: see [Counting]
}

// SourceStats says how one source of an engine stands.
type SourceStats struct {
	Name      string
	Live      bool // it is asked about one client at a time, and holds nothing in the table
	Decisions int  // held in the table
	Ready     bool
	// Carried is when the source was last in sync before this engine, as the snapshot or
	// the engine before says; zero: neither says that it was.
	Carried time.Time
	Counts  map[string]uint64 // that the source has of its own: see [Counting]
	lookup.Status
}

// A Counting source, live or not, and a Counting [Verifier] has counts of its own that
// an operator wants to see. They stand in [Stats], and so in tocsin status and in the
// metrics.
type Counting interface {
	// Counts returns totals since it was made, by names such as rows_malformed: lower
	// case letters and underscores, always the same ones. It may be called at any time.
	Counts() map[string]uint64
}

// counts returns the counts of v, if it has any.
func counts(v any) map[string]uint64 {
	if c, ok := v.(Counting); ok {
		return c.Counts()
	}
	return nil
}

// Ready reports whether the table is fit to judge by: every source was in sync
// with it recently enough. A snapshot replaces the sync of a source that has not
// answered yet, if it says that this very source was in sync, for as long as a sync
// would: see [Lasting]. Live sources do not count: they decide themselves about a
// request when they have no answer.
func (e *Engine) Ready() bool {
	now := time.Now()
	for _, s := range e.sources {
		if !e.ready(s.Name(), s.Status(), now) {
			return false
		}
	}
	return true
}

// Stats returns how e stands.
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
