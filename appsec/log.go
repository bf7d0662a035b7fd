package appsec

import (
	"sync/atomic"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// logPause is the shortest time between two log lines of one kind.
const logPause = time.Minute

// A reporter logs failures: the first of each kind at once, then at most one line a
// minute with their number. The rest is logged at the next failure or answer after that
// minute, or when the client is closed.
type reporter struct {
	log       *zap.Logger
	onFailure lookup.Action
	overload  string // what clients get if requests are the cause
	began     time.Time
	failures  [failures]logPoint
	word      logPoint
	late      logPoint
}

// An occasion says when events of one kind are logged next.
type logPoint struct {
	unlogged atomic.Uint64
	next     atomic.Int64 // since the start of the reporter
}

func newReporter(log *zap.Logger, onFailure lookup.Action) reporter {
	return reporter{log: log, onFailure: onFailure, began: time.Now()}
}

// due counts an event and returns the number to log; 0: log nothing now.
func (r *reporter) due(o *logPoint) uint64 {
	o.unlogged.Add(1)
	return r.unlogged(o)
}

// unlogged returns the number of events not logged yet; 0: log nothing now.
func (r *reporter) unlogged(o *logPoint) uint64 {
	now, next := int64(time.Since(r.began)), o.next.Load()
	if now < next || !o.next.CompareAndSwap(next, now+int64(logPause)) {
		return 0
	}
	return o.unlogged.Swap(0)
}

func (r *reporter) failure(kind Failure, err error) { r.failed(kind, r.due(&r.failures[kind]), err) }

// settle logs the rest of each kind whose pause is over.
func (r *reporter) settle() {
	for kind := range r.failures {
		if o := &r.failures[kind]; o.unlogged.Load() > 0 {
			r.failed(Failure(kind), r.unlogged(o), nil)
		}
	}
}

// close logs the rest of all kinds.
func (r *reporter) close() {
	for kind := range r.failures {
		r.failed(Failure(kind), r.failures[kind].unlogged.Swap(0), nil)
	}
}

func (r *reporter) failed(kind Failure, requests uint64, err error) {
	switch {
	case requests == 0:
	case kind == ByRequest || kind == InDoubt:
		r.log.Error("AppSec fails on single requests: see the log of CrowdSec for the reason", zap.Stringer("kind", kind), zap.String("reason", failureReasons[kind]),
			zap.Error(err), zap.Uint64("requests", requests), zap.String("clients_get", r.overload))
	case kind.ofRequests():
		r.log.Warn("AppSec does not inspect requests in time, because they are too large or too many",
			zap.Stringer("kind", kind), zap.String("reason", failureReasons[kind]), zap.Uint64("requests", requests), zap.String("clients_get", r.overload))
	default:
		r.log.Error("AppSec does not answer", zap.Stringer("kind", kind), zap.Error(err),
			zap.Uint64("requests", requests), zap.Stringer("clients_get", r.onFailure))
	}
}

// slow logs a request that has kept AppSec busy.
func (r *reporter) slow(weight, busy time.Duration) {
	if n := r.due(&r.late); n > 0 {
		r.log.Warn("a large request has delayed others in AppSec: raise routines in its acquisition file and in tocsin's appsec block, "+
			"or lower body_limit", zap.Int64("bytes", int64(weight/perByte)), zap.Duration("took", busy), zap.Uint64("requests", n))
	}
}

func (r *reporter) unknown(action string, err error) {
	if n := r.due(&r.word); n > 0 {
		r.log.Warn("AppSec asks for an action that tocsin cannot apply", zap.String("action", action[:min(len(action), 64)]),
			zap.Error(err), zap.Uint64("requests", n))
	}
}
