package engine

import (
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// A Replay judges recorded requests in recorded time, as an engine would have judged
// them: the same alerts, decisions, guards and durations. It is for one goroutine,
// starts none, asks nobody, and does not know crawlers.
//
// Nobody solves a challenge in a replay: whoever would have been asked to is taken
// for stopped until the decision ends.
type Replay struct {
	detector   Detector
	reputation Reputation
	local      *locals
	guards     guards
}

// An Outcome is what would have become of a recorded request.
type Outcome struct {
	// Stopped is the decision in force when the request came, which would have
	// stopped it. Its action is None if there was none, and its prefix the zero
	// Prefix if a guard would have.
	Stopped lookup.Decision
	// Alerts are those that it led to, with what they led to.
	Alerts []Record
}

// NewReplay returns a replay of what d sees, decided by cfg.
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
		r.take(&o, r.detector.Response(ev), ev.Time)
	}
	return o
}

// take decides on alerts, and reports whether a request that is not answered yet is
// stopped by that.
func (r *Replay) take(o *Outcome, alerts []event.Alert, now time.Time) (stopped bool) {
	for i := range alerts {
		record, f := r.local.judge(&alerts[i], &r.guards, now)
		stopped = stopped || f != guarded && record.Decision.Action != lookup.None
		o.Alerts = append(o.Alerts, record)
	}
	r.local.displaced = nil // there is no table to take them out of
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
