package caddymodule

import "github.com/tocsin-project/tocsin/admin"

// answer returns the status of detection.
func (w *watch) answer(p *pooled) *admin.Detect {
	rules := w.user.current()
	seen, stats := p.shared.rules.detector.Stats(), p.Stats()
	a := &admin.Detect{
		Scenarios: len(rules.Names()), Events: seen.Events, Dropped: stats.Detect.Dropped,
		Buckets: seen.Buckets, Bytes: seen.Bytes, Evicted: seen.Evicted,
		Alerts: stats.Alerts.Total, Decided: stats.Alerts.Decided, Spared: stats.Alerts.Spared,
		Guarded: stats.Alerts.Guarded, Guards: stats.Guards,
		Overflows: stats.Alerts.Scenarios,
	}
	a.Skipped, a.Foreign = skippedOf(rules)
	for _, r := range stats.Reporters {
		ra := admin.Reporter{
			Name: r.Name, Queued: r.Queued, Sent: r.Sent, Refused: r.Refused, Dropped: r.Dropped, Last: admin.InSeconds(r.Last),
		}
		if r.Err != nil {
			ra.Error = r.Err.Error()
		}
		a.Reporters = append(a.Reporters, ra)
	}
	return a
}
