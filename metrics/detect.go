package metrics

import (
	"github.com/tocsin-project/tocsin/detect"
)

// What detection looks at and remembers.
var (
	events      = own.counter("detect_events_total", "Requests that scenarios were asked about.")
	whitelisted = own.counter("detect_whitelisted_total", "Requests that a whitelist kept from scenarios.")
	buckets     = own.gauge("detect_buckets", "Buckets held: of a client and a scenario each.")
	bucketBytes = own.gauge("detect_bytes", "Memory that they take.")
	evicted     = own.counter("detect_evicted_total", "Buckets forgotten for want of room.")
	clients     = own.gauge("detect_clients", "Clients remembered for what they did well.")
)

// detector adds what a detector looked at, and what it remembers.
func (v values) detector(s detect.Stats) {
	v.set(events, float64(s.Events))
	v.set(whitelisted, float64(s.Dropped))
	v.set(buckets, float64(s.Buckets))
	v.set(bucketBytes, float64(s.Bytes))
	v.set(evicted, float64(s.Evicted))
	v.set(clients, float64(s.Clients))
}
