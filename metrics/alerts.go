package metrics

import (
	"github.com/tocsin-project/tocsin/engine"
)

// What comes of alerts. The metrics of detection are here whose counts the engine has.
var (
	alerts        = own.counter("alerts_total", "Alerts of scenarios.", labelScenario)
	alertsDecided = own.counter("alerts_decided_total", "Alerts that led to a decision here.")
	alertsSpared  = own.counter("alerts_spared_total", "Alerts about clients that nothing may be decided about.")
	alertsVoid    = own.counter("alerts_without_effect_total",
		"Alerts that led to nothing, by the reason: crawler, verified; unchecked, said to be a crawler while too many waited for DNS; merged, "+
			"beside others about the same client; late, the table was busy.", labelOutcome)
	alertsGuarded = own.counter("alerts_guarded_total", "Alerts that put up a guard.")
	guards        = own.gauge("guards", "Guards in force: requests that need a pass whoever sends them.")
	crawlers      = own.counter("crawlers_checked_total",
		"Clients that said to be a crawler, by what DNS said: verified, refuted, or failed, no answer.", labelOutcome)
	detectPanics = own.counter("detect_panics_total", "Requests at which a scenario failed for a fault of tocsin.")
	reports      = own.counter("reports_total",
		"Alerts that somebody was to be told of: sent and taken, refused for good, or dropped to make room.", labelReporter, labelOutcome)
	reportsQueued    = own.gauge("reports_queued", "Alerts that wait to be told of.", labelReporter)
	responses        = own.counter("detect_responses_total", "Responses that scenarios were asked about.")
	responsesDropped = own.counter("detect_dropped_total", "Responses that were not looked at, since too many waited.")
)

// alerts adds what became of alerts.
func (v values) alerts(stats *engine.Stats) {
	for scenario, n := range stats.Alerts.Scenarios {
		v.add(alerts, float64(n), scenario)
	}
	v.set(alertsDecided, float64(stats.Alerts.Decided))
	v.set(spared, float64(stats.Own), "own")
	v.set(alertsSpared, float64(stats.Alerts.Spared))
	v.set(alertsGuarded, float64(stats.Alerts.Guarded))
	v.set(guards, float64(stats.Guards))
	v.set(alertsVoid, float64(stats.Alerts.Crawlers), "crawler")
	v.set(alertsVoid, float64(stats.Alerts.Unchecked), "unchecked")
	v.set(alertsVoid, float64(stats.Alerts.Merged), "merged")
	v.set(alertsVoid, float64(stats.Alerts.Late), "late")
	for outcome, n := range stats.Verifier {
		v.set(crawlers, float64(n), outcome)
	}
	v.set(detectPanics, float64(stats.Detect.Panics))
	v.set(responses, float64(stats.Detect.Responses))
	v.set(responsesDropped, float64(stats.Detect.Dropped))
	for _, r := range stats.Reporters {
		v.set(reportsQueued, float64(r.Queued), r.Name)
		v.set(reports, float64(r.Sent), r.Name, "sent")
		v.set(reports, float64(r.Refused), r.Name, "refused")
		v.set(reports, float64(r.Dropped), r.Name, "dropped")
	}
}
