package admin

import (
	"runtime/metrics"
	"time"

	"github.com/tocsin-project/tocsin/engine"
)

// NewSource returns the state of a source of this kind.
func NewSource(s *engine.SourceStats, kind string, now time.Time) Source {
	a := Source{
		Name: s.Name, Kind: kind, Ready: s.Ready, Synced: InSeconds(s.Synced), Carried: InSeconds(s.Carried),
		Decisions: s.Decisions, Held: s.Held, Failures: s.Failures, Next: InSeconds(s.Next),
		Counts: s.Counts,
	}
	if !s.Synced.IsZero() {
		age := int64(max(now.Sub(s.Synced), 0) / time.Second)
		a.AgeSeconds = &age
	}
	if s.Err != nil {
		a.Error = s.Err.Error()
	}
	return a
}

// NewMemory returns the memory of the process.
func NewMemory() Memory {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/total:bytes"},
	}
	metrics.Read(samples)
	return Memory{Heap: samples[0].Value.Uint64(), Total: samples[1].Value.Uint64()}
}

// NewPending returns the entry of a source that has not been in sync yet.
func NewPending(s *engine.SourceStats) Pending {
	a := Pending{Source: s.Name, Next: InSeconds(s.Next)}
	if s.Err != nil {
		a.Error = s.Err.Error()
	}
	return a
}
