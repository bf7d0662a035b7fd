package middleware

import (
	"context"
	"maps"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// A Visit is one request on its way through several middlewares, one inside the
// other, which judge it once, by what the innermost says. Each hands the same Visit
// to [Middleware.ServeVisit], and all but the first call [Visit.Enter] before.
//
// What a middleware further out does before the request comes further in, stays
// done. It stops whom it would stop alone, for nobody may come along who does; and
// it has the request inspected. What it lets pass, because of its allow list or its
// dry run, is for the next to judge: the request is counted and logged as the
// innermost decides. A challenge that was passed is passed for all, but for one that the
// request itself has caused or that a later offence asks for. Who observes
// is the innermost alone: scenarios that need the request alone have been asked
// already by the one further out, unless that was told by [Visit.Expect] that
// another one follows.
//
// A nil *Visit is that of a request that meets one middleware. A Visit is for one
// goroutine at a time, as a request is.
type Visit struct {
	counted   bool         // the request is among those that were checked
	expecting bool         // another middleware follows, as far as can be told
	ended     bool         // the request was judged, and is only answered any more
	asked     bool         // scenarios that need the request alone were asked
	seen      *observation // the last one; nil: nobody has observed

	entry    entry       // about the client when the request came
	outcomes [2]outcome  // of judging the client, and of inspecting the request
	cookies  []string    // the lines before a pass was taken out; nil: none was
	cut      atomic.Bool // the request was ended while it was served
}

// An entry is what was decided about a client when its request came.
type entry struct {
	client   netip.Addr // the zero Addr: nobody was looked up
	decision lookup.Decision
	found    bool
}

// An outcome is what a decision has led to so far, against which a request goes on.
type outcome struct {
	noted   bool      // it is counted and logged
	due     func()    // does both, once it is clear that nobody else judges; nil: nothing is due
	cleared clearance // why the challenge was passed
	since   time.Time // from when on the decision was that asked for it
	stop    *Stop     // the request was stopped
}

// Enter says that a middleware further in takes over.
func (v *Visit) Enter() {
	v.expecting = false
	for i := range v.outcomes {
		v.outcomes[i].due = nil
	}
	if v.seen != nil {
		v.seen.left = true
	}
}

// Expect says whether another middleware is likely to follow. If it does not, what
// was left to it is made up for when the request is over.
func (v *Visit) Expect(another bool) { v.expecting = another }

// End says that the request was judged, and is now answered, such as by error routes. A
// middleware in there stops it for the reasons that held when it arrived, or because of
// the request itself, and neither counts nor logs nor observes. A decision that was made
// meanwhile holds from the next request on.
func (v *Visit) End() { v.ended, v.expecting = true, false }

func (v *Visit) hasEnded() bool { return v != nil && v.ended }

// lookup returns what is decided about client. Once the request was judged, that is what
// it was judged by: an alert that it gave cause for does not take its own answer away.
func (v *Visit) lookup(ctx context.Context, find lookupFunc, client netip.Addr) (lookup.Decision, bool) {
	if v.hasEnded() && v.entry.client == client {
		return v.entry.decision, v.entry.found
	}
	d, ok := find(ctx, client)
	v.enters(entry{client, d, ok})
	return d, ok
}

// enters notes the verdict that a request is judged by.
func (v *Visit) enters(by entry) {
	if v != nil {
		v.entry = by
	}
}

func (v *Visit) expects() bool { return v != nil && v.expecting }

// begin reports whether the request is to be counted as checked.
func (v *Visit) begin() bool {
	if v == nil {
		return true
	}
	first := !v.counted
	v.counted = true
	return first
}

// outcome returns the outcome for s: of the inspection, or, also if s is nil, of the
// decision about the client.
func (v *Visit) outcome(s *Stop) *outcome {
	if s != nil && s.Inspected {
		return &v.outcomes[1]
	}
	return &v.outcomes[0]
}

// note has do count, and log, that a request goes on against a decision: now, or
// when it is clear that nobody else judges, and once.
func (v *Visit) note(s *Stop, do func()) {
	if v == nil {
		do()
		return
	}
	switch o := v.outcome(s); {
	case o.noted, v.ended:
	case v.expecting:
		o.due = do
	default:
		o.noted = true
		do()
	}
}

// stopped returns s, counted and logged by do unless the request was stopped before:
// then s has the reference that is in the log already.
func (v *Visit) stopped(s *Stop, do func()) *Stop {
	if v == nil {
		do()
		return s
	}
	o := v.outcome(s)
	if o.stop != nil {
		s.Ref, s.Time = o.stop.Ref, o.stop.Time
		return s
	}
	o.stop = s
	do()
	return s
}

// settle notes what was left to a middleware that did not follow.
func (v *Visit) settle() {
	if v == nil {
		return
	}
	for i := range v.outcomes {
		if o := &v.outcomes[i]; o.due != nil {
			o.due()
			o.due, o.noted = nil, true
		}
	}
}

// cleared reports whether a challenge like that of s was passed already. What is exempt
// because of a decision about the client is not if the request itself is the cause, and a
// later offence may void the pass: then the gate has to be asked again.
func (v *Visit) cleared(s *Stop) bool {
	if v == nil {
		return false
	}
	o := v.outcome(s)
	enough := o.cleared == byPass || o.cleared == byExemption && s.cause != byRequest
	return enough && !s.Decision.Since.After(o.since)
}

// clear notes that the challenge of s was passed, and how.
func (v *Visit) clear(s *Stop, how clearance) {
	if v != nil {
		o := v.outcome(s)
		o.cleared, o.since = how, s.Decision.Since
	}
}

// whole returns r with the cookies that it came with, for a gate to judge.
func (v *Visit) whole(r *http.Request) *http.Request {
	if v == nil || v.cookies == nil {
		return r
	}
	whole := r.WithContext(r.Context())
	whole.Header = maps.Clone(r.Header)
	whole.Header["Cookie"] = v.cookies
	return whole
}

// cutOff notes that the request was ended, and reports whether this is the first time.
// It may be called while others use v.
func (v *Visit) cutOff() bool { return v == nil || v.cut.CompareAndSwap(false, true) }

// forward returns r as the next handler is to see it: see [Middleware.Forward].
func (v *Visit) forward(m *Middleware, r *http.Request) *http.Request {
	stripped := m.Forward(r)
	if v != nil && stripped != r && v.cookies == nil {
		v.cookies = r.Header["Cookie"]
	}
	return stripped
}
