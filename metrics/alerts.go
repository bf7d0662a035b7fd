package metrics

import (
	"github.com/tocsin-project/tocsin/engine"
)

// The metrics of alerts, and those of detection that the engine counts.
var (
	alerts        = own.counter("alerts_total", "Alerts of scenarios.", labelScenario)
	alertsDecided = own.counter("alerts_decided_total", "Alerts with a local decision.")
	alertsSpared  = own.counter("alerts_spared_total", "Alerts about exempt clients.")
	alertsVoid    = own.counter("alerts_without_effect_total",
		"Alerts without consequences, by reason: crawler (verified), unchecked (claimed to be a crawler while too many checks waited), merged "+
			"(the same client waits for a check already), late (the table was busy).", labelOutcome)
	alertsGuarded = own.counter("alerts_guarded_total", "Alerts with a guard.")
	guards        = own.gauge("guards", "Guards in force: requests that need a pass from any client.")
	crawlers      = own.counter("crawlers_checked_total",
		"Clients that claimed to be a crawler, by the answer of DNS: verified, refuted, or failed (no answer).", labelOutcome)
	detectPanics = own.counter("detect_panics_total", "Requests on which a scenario failed because of a bug in tocsin.")
	reports      = own.counter("reports_total",
		"Alerts for a reporter: sent (accepted), refused, or dropped because the queue was full.", labelReporter, labelOutcome)
	reportsQueued    = own.gauge("reports_queued", "Alerts that wait for a reporter.", labelReporter)
	responses        = own.counter("detect_responses_total", "Responses that scenarios judged.")
	responsesDropped = own.counter("detect_dropped_total", "Responses that were not judged, because too many waited.")
)

// alerts adds the counts of alerts.
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
