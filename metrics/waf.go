package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/waf"
)

// The metrics of the WAF.
var (
	wafInspected = ofWAF.counter("waf_requests_total", "Requests that the WAF inspected.")
	wafStopped   = ofWAF.counter("waf_stopped_total", "Requests that rules stopped, by action. Dry runs count too.", labelAction)
	wafObserved  = ofWAF.counter("waf_observed_total", "Requests that rules matched and did not stop.")
	wafMatched   = ofWAF.counter("waf_rule_matches_total", "Requests that a rule matched, stopped or not.", labelRule)
	wafExcepted  = ofWAF.counter("waf_rule_exceptions_total", "Requests that matched a rule, but did not count because of an exception.", labelRule)
	wafPartial   = ofWAF.counter("waf_partial_total", "Requests that were inspected only in part, by reason.", labelKind)
	wafRefused   = ofWAF.counter("waf_refused_total", "Requests refused or challenged because they were inspected only in part, by reason.", labelKind)
	wafBroken    = ofWAF.counter("waf_broken_bodies_total", "Requests dropped because their body broke off or was malformed.")
	wafFailed    = ofWAF.counter("waf_failures_total", "Requests that passed because the WAF itself failed.")
	wafBodies    = ofWAF.gauge("waf_body_bytes", "Memory that the bodies of requests in progress use.")
)

// NewWAF returns a collector of what a WAF has counted: stats is called for each scrape.
// The label rule has the names of rules that were loaded, as far as they have matched.
func NewWAF(stats func() waf.Stats) prometheus.Collector {
	return collectorOf[waf.Stats]{ofWAF, nil, stats, func(s *waf.Stats, v values, _ chan<- prometheus.Metric) { v.waf(s) }}
}

func (v values) waf(s *waf.Stats) {
	v.set(wafInspected, float64(s.Inspected))
	v.set(wafObserved, float64(s.Told))
	v.set(wafBroken, float64(s.Broken))
	v.set(wafFailed, float64(s.Failed))
	v.set(wafBodies, float64(s.Bodies))
	v.set(wafStopped, float64(s.Stopped[lookup.Ban]), lookup.Ban.String())
	v.set(wafStopped, float64(s.Stopped[lookup.Captcha]), lookup.Captcha.String())
	for why := waf.LongBody; int(why) < len(s.Partial); why++ {
		v.set(wafPartial, float64(s.Partial[why]), why.String())
		v.set(wafRefused, float64(s.Refused[why]), why.String())
	}
	for _, r := range s.Rules {
		if r.Matched > 0 {
			v.add(wafMatched, float64(r.Matched), r.Rule.Name)
		}
		if r.Excepted > 0 {
			v.add(wafExcepted, float64(r.Excepted), r.Rule.Name)
		}
	}
}
