package engine

import (
	"context"
	"sync/atomic"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// A Detector tells who misbehaves. The one in package detect runs scenarios.
type Detector interface {
	// Request judges a request before it is answered: what is known of a
	// response is empty. It stands in front of requests, and is called by many
	// goroutines at once.
	Request(ev *event.Event) []event.Alert
	// Response judges the same request once it has been answered. It is called
	// by one goroutine at a time, beside those of Request.
	Response(ev *event.Event) []event.Alert
}

// DetectStats counts what the detector was shown since the engine was made.
type DetectStats struct {
	Responses uint64 // judged
	Dropped   uint64 // responses that were not judged, since too many waited
	Panics    uint64 // of the detector
}

// An observation shows a detector what happens.
type observation struct {
	detector   Detector   // nil: nobody watches
	reputation Reputation // nil: it knows nothing good of anybody
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

// judge asks the detector. One that panics has seen nothing: it costs
// protection, not the site.
func (o *observation) judge(ask func(*event.Event) []event.Alert, ev *event.Event) (alerts []event.Alert) {
	defer func() {
		if p := recover(); p != nil {
			alerts = nil
			// A request that does it once does it again: few lines say it all.
			if n := o.panics.Add(1); n&(n-1) == 0 {
				o.log.Error("detector panicked", zap.Any("panic", p), zap.Uint64("times", n), zap.Stack("stack"))
			}
		}
	}()
	return ask(ev)
}

// Request shows a request to the detector before it is answered, handles the
// alerts that follow from it, and returns the strongest decision that they have
// led to, if any: the request is to be treated as if Lookup had returned it.
// Without a detector nothing happens.
//
// It is for requests that Lookup lets pass. Those of clients on an allow list,
// and all that was stopped, are not to be shown.
func (e *Engine) Request(ev *event.Event) (lookup.Decision, bool) {
	var best lookup.Decision
	if e.observation.detector == nil {
		return best, false
	}
	for _, a := range e.observation.judge(e.observation.detector.Request, ev) {
		d := e.handle(a)
		if guards := d.Action != lookup.None && !d.Prefix.IsValid(); guards {
			continue // whether this request meets the guard is asked below
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

// Response shows a request to the detector once it has been answered. It does
// not wait: another goroutine judges, in the order of the calls, and what does
// not fit into its queue, or into the share that the client's network has of it, is
// dropped and counted. The event is the engine's from then on.
func (e *Engine) Response(ev *event.Event) {
	o := &e.observation
	if o.queue != nil && !o.queue.put(ev) {
		o.dropped.Add(1) // detection suffers before the site does
	}
}

// watch judges responses until ctx ends.
func (e *Engine) watch(ctx context.Context) {
	o := &e.observation
	for {
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
	}
}
