package engine

import (
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

// kindOfRules is CrowdSec's kind for alerts from the rules of its AppSec component.
const kindOfRules = "waf"

// Found handles a request in which the rules of an inspector matched: see Findings of the
// event. Each finding that asks for it becomes an alert without a decision, because an
// honest user can match a rule with what he writes. Scenarios see each finding as a separate
// event. The scenario tocsin/waf-attacks bans a client that matches several different rules.
// Found runs before the request is served, so it never blocks.
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

// foundOne raises an alert for a finding, unless its client has enough of them already.
func (e *Engine) foundOne(ev *event.Event, f *event.Finding) {
	if e.findings.take(ev.Client, f.Rule, ev.Time) {
		e.handle(alertOf(ev, f))
	}
}

// alertOf returns the alert for a finding, in the same form as CrowdSec's own.
func alertOf(ev *event.Event, f *event.Finding) event.Alert {
	verb := "match"
	if f.Stopped {
		verb = "block"
	}
	c := event.ContextOf(ev.OfFinding(f))
	return event.Alert{
		Kind: kindOfRules, Scenario: f.Rule, Hash: f.Hash, Version: f.Version, Message: fmt.Sprintf("WAF %s: %s from %s (tocsin)", verb, f.Rule, ev.Client),
		Client: ev.Client, Prefix: event.ClientOf(ev.Client), Reflected: ev.Attribution.IsReflected(), Simulated: f.Simulated,
		Start: ev.Time, Stop: ev.Time, Count: 1, Capacity: 1, Context: []event.Context{c},
	}
}

// Known reports whether the client at ip has behaved well: it has shown credentials that a
// site accepted.
func (e *Engine) Known(ip netip.Addr) bool {
	w := e.observation.reputation
	return w != nil && w.Known(ip, time.Now())
}

// A Logins is a [Detector] that also knows who has logged in. The one in package detect
// implements it.
type Logins interface {
	// LoggedIn reports whether a request shows credentials that the site has accepted, and
	// no page of another site has made a browser send them.
	LoggedIn(r *http.Request, ip netip.Addr, at time.Time) bool
}

// LoggedIn reports whether r, from the client at ip, shows credentials that the site has
// accepted from this client before.
func (e *Engine) LoggedIn(r *http.Request, ip netip.Addr) bool {
	w, ok := e.observation.detector.(Logins)
	return ok && w.LoggedIn(r, ip, time.Now())
}
