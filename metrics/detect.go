package metrics

import (
	"github.com/tocsin-project/tocsin/detect"
)

// The metrics of detection.
var (
	events      = own.counter("detect_events_total", "Requests that scenarios judged.")
	whitelisted = own.counter("detect_whitelisted_total", "Requests that a whitelist of a scenario excluded.")
	buckets     = own.gauge("detect_buckets", "Buckets in memory: one for a client and a scenario.")
	bucketBytes = own.gauge("detect_bytes", "Memory of the buckets, in bytes.")
	evicted     = own.counter("detect_evicted_total", "Buckets dropped because of their limit.")
	clients     = own.gauge("detect_clients", "Clients whose good behaviour is remembered.")
)

// detector adds the counts of a detector.
func (v values) detector(s detect.Stats) {
	v.set(events, float64(s.Events))
	v.set(whitelisted, float64(s.Dropped))
	v.set(buckets, float64(s.Buckets))
	v.set(bucketBytes, float64(s.Bytes))
	v.set(evicted, float64(s.Evicted))
	v.set(clients, float64(s.Clients))
}
