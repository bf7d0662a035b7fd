package engine

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

// kindOfRules is what CrowdSec calls alerts about what rules of its AppSec have found.
const kindOfRules = "waf"

// Found is told of a request in which rules of an inspector have found something: see
// Findings of the event. Each finding that asks for it is an alert, which decides nothing:
// people trip a rule by what they write. Scenarios see each as an event of its own; the
// one named tocsin/waf-attacks bans who trips different rules. It stands in front of
// requests, and does not wait.
func (e *Engine) Found(ev *event.Event) {
	for i := range ev.Findings {
		f := &ev.Findings[i]
		if f.Alert {
			e.foundOne(ev, f)
		}
		if f.Quiet || e.observation.detector == nil {
			continue
		}
		for _, a := range e.observation.judge(e.observation.detector.Request, ev.OfFinding(f)) {
			e.handle(a)
		}
	}
}

// foundOne makes an alert of a finding, unless its client gets enough of them already.
func (e *Engine) foundOne(ev *event.Event, f *event.Finding) {
	if e.findings.take(ev.Client, f.Rule, ev.Time) {
		e.handle(alertOf(ev, f))
	}
}

// alertOf returns the alert about a finding, in the form of CrowdSec's own.
func alertOf(ev *event.Event, f *event.Finding) event.Alert {
	verb := "match"
	if f.Stopped {
		verb = "block"
	}
	c := event.ContextOf(ev.OfFinding(f))
	return event.Alert{
		Kind: kindOfRules, Scenario: f.Rule, Message: fmt.Sprintf("WAF %s: %s from %s (tocsin)", verb, f.Rule, ev.Client),
		Client: ev.Client, Prefix: event.ClientOf(ev.Client), Reflected: ev.Attribution.IsReflected(), Simulated: f.Simulated,
		Start: ev.Time, Stop: ev.Time, Count: 1, Capacity: 1, Context: []event.Context{c},
	}
}

// Known reports whether the detector knows something good of the client at ip: it has
// shown credentials that a site accepted.
func (e *Engine) Known(ip netip.Addr) bool {
	w := e.observation.reputation
	return w != nil && w.Known(ip, time.Now())
}
