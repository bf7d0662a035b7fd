package detect

// Stats are figures of a [Detector].
type Stats struct {
	Events  uint64 // that scenarios were asked about
	Dropped uint64 // of those, how many a whitelist dropped

	Clients int    // remembered for what they did well
	Buckets int    // there are
	Bytes   int    // they take
	Evicted uint64 // buckets forgotten for want of room

	Scenarios map[string]ScenarioStats // by name
}

// ScenarioStats are figures of one scenario, since the detector was made.
type ScenarioStats struct {
	Overflows uint64 // of its buckets
	Hidden    uint64 // of those, how many fell into the blackhole of an alert
}

// Stats returns the figures of now.
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
