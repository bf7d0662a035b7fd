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

// A Visit is the state of one request that passes through several nested middlewares.
// They judge it once, and the innermost decides. Each passes the same Visit to
// [Middleware.ServeVisit], and all except the first call [Visit.Enter] before.
//
// An outer middleware stops the requests that it would stop alone, because no inner one
// may follow, and it lets its inspectors inspect the request. If it lets a request pass
// because of its allow list or dry run, the next one judges it: the request is counted
// and logged by the innermost. A solved challenge counts for all middlewares, except
// for a challenge that the request itself has caused, or that a later offence needs.
// Only the innermost observes. Scenarios that need only the request have already been
// asked by the outer one, unless [Visit.Expect] said that another one follows.
//
// A nil *Visit means that there is only one middleware. Like a request, a Visit is for
// one goroutine at a time.
type Visit struct {
	counted   bool         // the request was counted as checked
	expecting bool         // another middleware probably follows
	ended     bool         // the request was judged, and is now being answered
	asked     bool         // scenarios that need only the request were asked
	seen      *observation // the last one; nil: none

	entry    entry       // the decision about the client when the request arrived
	outcomes [2]outcome  // for the client, and for the inspection of the request
	cookies  []string    // the Cookie lines with the pass; nil: no pass was removed
	cut      atomic.Bool // the request was ended while it was served
}

// An entry is the decision about a client when its request arrived.
type entry struct {
	client   netip.Addr // the zero Addr: none was looked up
	decision lookup.Decision
	found    bool
}

// An outcome is the result so far of a decision against the request.
type outcome struct {
	noted   bool      // it is counted and logged
	due     func()    // does both when it is clear that no other middleware judges; nil: nothing to do
	cleared clearance // why the challenge was passed
	since   time.Time // the beginning of the decision that required it
	stop    *Stop     // the request was stopped
}

// Enter says that an inner middleware takes over.
func (v *Visit) Enter() {
	v.expecting = false
	for i := range v.outcomes {
		v.outcomes[i].due = nil
	}
	if v.seen != nil {
		v.seen.left = true
	}
}

// Expect says whether another middleware will probably follow. If it does not, its part
// is done at the end of the request.
func (v *Visit) Expect(another bool) { v.expecting = another }

// End says that the request was judged and is now being answered, for example by error
// routes. A middleware there uses the decision from the arrival of the request, or
// stops it because of the request itself. It neither counts nor logs nor observes. A
// newer decision applies from the next request on.
func (v *Visit) End() { v.ended, v.expecting = true, false }

func (v *Visit) hasEnded() bool { return v != nil && v.ended }

// lookup returns the decision about client. After the request was judged, it is the
// same decision as then: an alert that the request itself caused must not change its
// response.
func (v *Visit) lookup(ctx context.Context, find lookupFunc, client netip.Addr) (lookup.Decision, bool) {
	if v.hasEnded() && v.entry.client == client {
		return v.entry.decision, v.entry.found
	}
	d, ok := find(ctx, client)
	v.enters(entry{client, d, ok})
	return d, ok
}

// enters records the decision with which a request arrived.
func (v *Visit) enters(by entry) {
	if v != nil {
		v.entry = by
	}
}

func (v *Visit) expects() bool { return v != nil && v.expecting }

// begin reports whether the request must be counted as checked.
func (v *Visit) begin() bool {
	if v == nil {
		return true
	}
	first := !v.counted
	v.counted = true
	return first
}

// outcome returns the outcome of the inspection if s is from an inspector, otherwise
// that of the decision about the client.
func (v *Visit) outcome(s *Stop) *outcome {
	if s != nil && s.Inspected {
		return &v.outcomes[1]
	}
	return &v.outcomes[0]
}

// note calls do, which counts and logs that a request passes against a decision: once,
// now or when it is clear that no other middleware judges.
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

// stopped counts and logs s by do. If the request was stopped before, s gets the
// reference of the existing log line instead.
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

// settle does the part of an expected middleware that did not follow.
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

// cleared reports whether the request has already passed a challenge like that of s. An
// exemption from a decision about the client does not count if the request itself is
// the cause, and a later offence may void the pass: then the gate must be asked again.
func (v *Visit) cleared(s *Stop) bool {
	if v == nil {
		return false
	}
	o := v.outcome(s)
	enough := o.cleared == byPass || o.cleared == byExemption && s.cause != byRequest
	return enough && !s.Decision.Since.After(o.since)
}

// clear records how the request passed the challenge of s.
func (v *Visit) clear(s *Stop, how clearance) {
	if v != nil {
		o := v.outcome(s)
		o.cleared, o.since = how, s.Decision.Since
	}
}

// whole returns r with all its original cookies, for a gate.
func (v *Visit) whole(r *http.Request) *http.Request {
	if v == nil || v.cookies == nil {
		return r
	}
	whole := r.WithContext(r.Context())
	whole.Header = maps.Clone(r.Header)
	whole.Header["Cookie"] = v.cookies
	return whole
}

// cutOff records that the request was ended, and reports whether this is the first
// call. Other goroutines may use v meanwhile.
func (v *Visit) cutOff() bool { return v == nil || v.cut.CompareAndSwap(false, true) }

// forward returns r for the next handler: see [Middleware.Forward].
func (v *Visit) forward(m *Middleware, r *http.Request) *http.Request {
	stripped := m.Forward(r)
	if v != nil && stripped != r && v.cookies == nil {
		v.cookies = r.Header["Cookie"]
	}
	return stripped
}
