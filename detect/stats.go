package detect

// Stats are the counts of a [Detector].
type Stats struct {
	Events  uint64 // events that scenarios or whitelists have seen
	Dropped uint64 // events that a whitelist dropped

	Clients int    // clients remembered for good behaviour
	Buckets int    // the number of buckets now
	Bytes   int    // the memory that they use
	Evicted uint64 // buckets dropped because the store was full

	Scenarios map[string]ScenarioStats // by name
}

// ScenarioStats are the counts of one scenario since the detector was created.
type ScenarioStats struct {
	Overflows uint64 // overflows of its buckets
	Hidden    uint64 // overflows that the blackhole of an earlier alert suppressed
}

// Stats returns the current counts.
func (d *Detector) Stats() Stats {
	s := Stats{Events: d.events.Load(), Dropped: d.dropped.Load(), Scenarios: make(map[string]ScenarioStats)}
	s.Clients = d.clients.size()
	s.Buckets, s.Bytes, s.Evicted = d.store.stats()
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, c := range d.counts {
		s.Scenarios[name] = ScenarioStats{c.overflows.Load(), c.hidden.Load()}
	}
	return s
}
