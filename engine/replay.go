package engine

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// A Replay judges recorded requests in recorded time, like an engine: with the same
// alerts, decisions, guards and durations. Only one goroutine may use it. It starts
// none, sends nothing, and does not know crawlers.
//
// No client solves a challenge in a replay: a challenged client counts as stopped until
// the decision ends.
type Replay struct {
	detector   Detector
	reputation Reputation
	local      *locals
	guards     guards
}

// An Outcome is the result for a recorded request.
type Outcome struct {
	// Stopped is the decision that would have stopped the request. Its action is None
	// if there was none. Its prefix is the zero Prefix if it is from a guard.
	Stopped lookup.Decision
	// Alerts are the alerts that the request raised, with their consequences.
	Alerts []Record
	// Found is what rules would have found in it: see Findings of the event. The first one
	// would have stopped it if it says so.
	Found []event.Finding
}

// NewReplay returns a replay with the detector d and the local decisions of cfg.
func NewReplay(d Detector, cfg Local) (*Replay, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	w, _ := d.(Reputation)
	return &Replay{detector: d, reputation: w, local: newLocals(cfg, new(lookup.Table), zap.NewNop())}, nil
}

// Judge judges a request with its response. Events come in the order of their time.
func (r *Replay) Judge(ev *event.Event) Outcome {
	var o Outcome
	if d, ok := r.local.inForceAt(event.ClientOf(ev.Client), ev.Time); ok {
		o.Stopped = d
		return o
	}
	stopped := r.take(&o, r.detector.Request(ev), ev.Time)
	if d, ok := r.guards.find(ev, r.reputation, ev.Time); ok && !stopped {
		o.Stopped, stopped = d, true
	}
	if !stopped {
		r.take(&o, r.detector.Response(r.found(&o, ev)), ev.Time)
	}
	return o
}

// found shows what rules have found in a request, as [Engine.Found] does, and returns the
// event of the request as it would have been answered.
func (r *Replay) found(o *Outcome, ev *event.Event) *event.Event {
	o.Found = ev.Findings
	for i := range ev.Findings {
		if f := &ev.Findings[i]; !f.Quiet {
			r.take(o, r.detector.Request(ev.OfFinding(f)), ev.Time)
		}
	}
	if len(ev.Findings) == 0 || !ev.Findings[0].Stopped {
		return ev
	}
	refused := *ev
	refused.Status, refused.Header, refused.Answer = http.StatusForbidden, nil, nil
	return &refused
}

// take decides on alerts, and reports whether a request that is not answered yet is
// stopped by that.
func (r *Replay) take(o *Outcome, alerts []event.Alert, now time.Time) (stopped bool) {
	for i := range alerts {
		record, f := r.local.judge(&alerts[i], &r.guards, now)
		stopped = stopped || f != guarded && record.Decision.Action != lookup.None
		o.Alerts = append(o.Alerts, record)
	}
	r.local.displaced = nil // there is no table to remove them from
	return stopped
}

// inForceAt returns the strongest local decision about a client.
func (l *locals) inForceAt(p netip.Prefix, now time.Time) (lookup.Decision, bool) {
	for _, action := range []lookup.Action{lookup.Ban, lookup.Captcha, lookup.Throttle} {
		if d := l.lasting(holding{p, action}, now); d != nil {
			return d.Decision, true
		}
	}
	return lookup.Decision{}, false
}
