package appsec

import (
	"sync/atomic"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// logPause is between two lines of one kind.
const logPause = time.Minute

// A reporter logs what fails: the first of each kind, and then one line a minute
// at most, with how many there were. What is left out is told with the next failure or
// the next answer after that minute, or when the client is closed.
type reporter struct {
	log       *zap.Logger
	onFailure lookup.Action
	overload  string // likewise, where requests are the reason
	began     time.Time
	failures  [failures]occasion
	word      occasion
	late      occasion
}

// An occasion is when something of one kind is to be logged again.
type occasion struct {
	unsaid atomic.Uint64
	next   atomic.Int64 // since the reporter began
}

func newReporter(log *zap.Logger, onFailure lookup.Action) reporter {
	return reporter{log: log, onFailure: onFailure, began: time.Now()}
}

// due counts an event and returns how many to tell of; 0: say nothing now.
func (r *reporter) due(o *occasion) uint64 {
	o.unsaid.Add(1)
	return r.unsaid(o)
}

// unsaid returns how many events to tell of; 0: say nothing now.
func (r *reporter) unsaid(o *occasion) uint64 {
	now, next := int64(time.Since(r.began)), o.next.Load()
	if now < next || !o.next.CompareAndSwap(next, now+int64(logPause)) {
		return 0
	}
	return o.unsaid.Swap(0)
}

func (r *reporter) failure(kind Failure, err error) { r.failed(kind, r.due(&r.failures[kind]), err) }

// settle tells of failures that were left out, if it is time to.
func (r *reporter) settle() {
	for kind := range r.failures {
		if o := &r.failures[kind]; o.unsaid.Load() > 0 {
			r.failed(Failure(kind), r.unsaid(o), nil)
		}
	}
}

// close tells of all that was left out.
func (r *reporter) close() {
	for kind := range r.failures {
		r.failed(Failure(kind), r.failures[kind].unsaid.Swap(0), nil)
	}
}

func (r *reporter) failed(kind Failure, requests uint64, err error) {
	switch {
	case requests == 0:
	case kind == ByRequest || kind == InDoubt:
		r.log.Error("AppSec fails over requests: its own log says why", zap.Stringer("kind", kind), zap.String("reason", failureReasons[kind]),
			zap.Error(err), zap.Uint64("requests", requests), zap.String("clients_get", r.overload))
	case kind.ofRequests():
		r.log.Warn("AppSec does not judge requests in time, because of how large or how many they are",
			zap.Stringer("kind", kind), zap.String("reason", failureReasons[kind]), zap.Uint64("requests", requests), zap.String("clients_get", r.overload))
	default:
		r.log.Error("AppSec gives no answer", zap.Stringer("kind", kind), zap.Error(err),
			zap.Uint64("requests", requests), zap.Stringer("clients_get", r.onFailure))
	}
}

// slow tells of a request that has kept AppSec busy.
func (r *reporter) slow(weight, busy time.Duration) {
	if n := r.due(&r.late); n > 0 {
		r.log.Warn("a large request has kept AppSec from judging others: give its acquisition more routines, and tell tocsin how many, "+
			"or lower body_limit", zap.Int64("bytes", int64(weight/perByte)), zap.Duration("took", busy), zap.Uint64("requests", n))
	}
}

func (r *reporter) unknown(action string, err error) {
	if n := r.due(&r.word); n > 0 {
		r.log.Warn("AppSec asks for an action that cannot be done", zap.String("action", action[:min(len(action), 64)]),
			zap.Error(err), zap.Uint64("requests", n))
	}
}
