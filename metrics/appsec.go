package metrics

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/lookup"
)

const (
	latencyName = "tocsin_appsec_latency_seconds"
	latencyHelp = "How long AppSec took to answer, including the wait for a connection."
)

var latency = prometheus.NewDesc(latencyName, latencyHelp, nil, nil)

// The metrics of inspections.
var (
	appsecAsked   = ofAppSec.counter("appsec_requests_total", "Requests that AppSec inspected.")
	appsecRetried = ofAppSec.counter("appsec_retries_total", "Requests that were sent to AppSec again, after a 401.")
	appsecStopped = ofAppSec.counter("appsec_stopped_total",
		"Requests that AppSec stopped, by action: ban, captcha, or challenge (its own). Dry runs count too.", labelAction)
	appsecUnknown = ofAppSec.counter("appsec_unknown_actions_total", "Answers with an unknown action, which the fallback replaced.")
	appsecFailed  = ofAppSec.counter("appsec_failures_total", "Requests without an answer of AppSec, by reason.", labelKind)
	appsecSkipped = ofAppSec.counter("appsec_skipped_total", "Requests that AppSec inspected only in part, by reason.", labelKind)
	appsecRefused = ofAppSec.counter("appsec_refused_total", "Requests refused without asking AppSec, by reason.", labelKind)
	appsecBroken  = ofAppSec.counter("appsec_broken_bodies_total", "Requests dropped because their body broke off or was malformed.")
	appsecBodies  = ofAppSec.gauge("appsec_body_bytes", "Memory that the bodies of requests in progress use.")
)

// NewAppSec returns a collector of inspections only, without the rest of
// [NewCollector]. It calls stats for each scrape.
func NewAppSec(stats func() appsec.Stats) prometheus.Collector {
	return collectorOf[appsec.Stats]{ofAppSec, []*prometheus.Desc{latency}, stats, func(s *appsec.Stats, v values, ch chan<- prometheus.Metric) {
		v.appsec(s)
		sendLatency(ch, s)
	}}
}

// appsec adds the counts of inspections. It includes kinds with the value 0, otherwise
// an alert rule would not see the first one as an increase.
func (v values) appsec(s *appsec.Stats) {
	v.set(appsecAsked, float64(s.Asked))
	v.set(appsecRetried, float64(s.Retried))
	v.set(appsecUnknown, float64(s.Unknown))
	v.set(appsecBroken, float64(s.Broken))
	v.set(appsecBodies, float64(s.BodyMemory))
	v.set(appsecStopped, float64(s.Stopped[lookup.Ban]), lookup.Ban.String())
	v.set(appsecStopped, float64(s.Stopped[lookup.Captcha]), lookup.Captcha.String())
	v.set(appsecStopped, float64(s.Challenged), "challenge")
	for i, n := range s.Failed {
		v.set(appsecFailed, float64(n), appsec.Failure(i).String())
	}
	for kind := appsec.LongBody; int(kind) < len(s.Skipped); kind++ {
		v.set(appsecSkipped, float64(s.Skipped[kind]), kind.String())
		v.set(appsecRefused, float64(s.Refused[kind]), kind.String())
	}
}

// sendLatency sends the histogram, which is not a single value.
func sendLatency(ch chan<- prometheus.Metric, s *appsec.Stats) {
	buckets := make(map[float64]uint64, len(s.Latency))
	var answers uint64
	for _, b := range s.Latency {
		answers = b.N
		if b.UpTo != math.MaxInt64 { // the last bucket, without a limit, is the number of all
			buckets[b.UpTo.Seconds()] = b.N
		}
	}
	ch <- prometheus.MustNewConstHistogram(latency, answers, s.LatencySum.Seconds(), buckets)
}
