package engine

import (
	"context"
	"runtime"
	"sync/atomic"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// A Detector finds clients that misbehave. The one in package detect runs scenarios.
type Detector interface {
	// Request judges a request before its response, so the response fields are empty.
	// Many goroutines call it at once, and requests wait for it.
	Request(ev *event.Event) []event.Alert
	// Response judges the same request after its response. One goroutine at a time
	// calls it, at the same time as calls of Request.
	Response(ev *event.Event) []event.Alert
}

// DetectStats counts the events of the detector since the start of the engine.
type DetectStats struct {
	Responses uint64 // judged responses
	Dropped   uint64 // responses that were not judged, because too many waited
	Panics    uint64 // of the detector
}

// An observation passes events to a detector.
type observation struct {
	detector   Detector   // nil: nobody watches
	reputation Reputation // nil: the detector has no reputations
	queue      *queue     // nil: nobody watches
	log        *zap.Logger

	responses, dropped, panics atomic.Uint64
}

func (o *observation) init(d Detector, log *zap.Logger) {
	o.detector, o.log = d, log
	o.reputation, _ = d.(Reputation)
	if d != nil {
		o.queue = newQueue()
	}
}

func (o *observation) counts() DetectStats {
	return DetectStats{Responses: o.responses.Load(), Dropped: o.dropped.Load(), Panics: o.panics.Load()}
}

// judge asks the detector. A panic counts as no alert: it must not stop the site.
func (o *observation) judge(ask func(*event.Event) []event.Alert, ev *event.Event) (alerts []event.Alert) {
	defer func() {
		if p := recover(); p != nil {
			alerts = nil
			// A client may cause it repeatedly, so only the 1st, 2nd, 4th, 8th … is
			// logged.
			if n := o.panics.Add(1); n&(n-1) == 0 {
				o.log.Error("the detector panicked", zap.Any("panic", p), zap.Uint64("times", n), zap.Stack("stack"))
			}
		}
	}()
	return ask(ev)
}

// Request passes a request to the detector before its response, handles the resulting
// alerts, and returns the strongest decision from them, if any: treat the request as if
// Lookup had returned it. Without a detector it does nothing.
//
// Call it only for requests that Lookup lets pass, not for stopped requests, nor for
// clients on an allow list.
func (e *Engine) Request(ev *event.Event) (lookup.Decision, bool) {
	var best lookup.Decision
	if e.observation.detector == nil {
		return best, false
	}
	for _, a := range e.observation.judge(e.observation.detector.Request, ev) {
		d := e.handle(a)
		if guards := d.Action != lookup.None && !d.Prefix.IsValid(); guards {
			continue // the guards are asked below
		}
		if best.Action == lookup.None || d.Beats(&best) {
			best = d
		}
	}
	if d, ok := e.guards.find(ev, e.observation.reputation, ev.Time); ok && d.Beats(&best) {
		best = d
	}
	return best, best.Action != lookup.None
}

// Response passes a request to the detector after its response. It does not wait:
// another goroutine judges, in the order of the calls. If the queue, or the share of
// the client's network in it, is full, the event is dropped and counted. The caller
// must not use the event any more.
func (e *Engine) Response(ev *event.Event) {
	o := &e.observation
	if o.queue != nil && !o.queue.put(ev) {
		o.dropped.Add(1) // losing an event is better than delaying the site
	}
}

// inARow is how many responses are judged before requests get the core. Without a pause
// a full queue delays them by up to 10 ms, the time after which Go interrupts a goroutine.
const inARow = 16

// watch judges responses until ctx ends.
func (e *Engine) watch(ctx context.Context) {
	o := &e.observation
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case ev := <-o.queue.events:
			o.queue.took(ev)
			for _, a := range o.judge(o.detector.Response, ev) {
				e.handle(a)
			}
			o.responses.Add(1)
		}
		if n%inARow == 0 {
			runtime.Gosched()
		}
	}
}
