package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"go.uber.org/zap"
)

const (
	defaultQueue = 4096
	reportBatch  = 100              // alerts handed to a reporter at once
	firstPause   = time.Second      // after a report that failed
	longestPause = 30 * time.Second // so that one who is back is found soon
	beatInterval = time.Minute
	flushTimeout = 1500 * time.Millisecond // for what is left at the end; less than closeTimeout
)

// A Reporter tells somebody of alerts. The client in package lapi is one. It may
// have a method Heartbeat(context.Context) error, too, which is then called at
// the start and once a minute; that way, too, one hears of a wrong password
// before the first alert.
type Reporter interface {
	// Name is what the reporter is called in the log and in Stats. Reporters have
	// different names. A reporter with the name of a source is an authority: that
	// source decides about its alerts: see [Local].
	Name() string
	// Report tells of alerts, in their order. It returns how many were taken and
	// how many were refused for good. The two make up the alerts at the
	// beginning of the list that are dealt with. The err says why the next one
	// is not; it is reported again later, with all that follow. Without an err
	// all are dealt with. It is called by one goroutine at a time.
	Report(ctx context.Context, alerts []event.Alert) (taken, refused int, err error)
}

type beater interface {
	Heartbeat(ctx context.Context) error
}

// ReporterStats says how a reporter stands.
type ReporterStats struct {
	Name    string
	Queued  int       // alerts that wait to be told of
	Sent    uint64    // alerts that were taken
	Refused uint64    // alerts that were not, and never will be
	Dropped uint64    // alerts for which there was no room, or which were left at the end
	Last    time.Time // when one was last taken; zero: never
	Err     error     // why the last try failed; nil if it did not
}

// An outbox holds the alerts that a reporter has not told of yet, in memory, and no
// more than size of them: see [backlog] for which is dropped then.
type outbox struct {
	reporter Reporter
	size     int
	log      *zap.Logger
	wake     chan struct{}
	failing  bool // the last try failed, and that stands in the log

	mu      sync.Mutex
	waiting backlog
	busy    int // alerts at the reporter
	stats   ReporterStats
}

func newOutbox(r Reporter, size int, log *zap.Logger) *outbox {
	return &outbox{
		reporter: r, size: size, log: log.With(zap.String("reporter", r.Name())),
		wake: make(chan struct{}, 1), waiting: newBacklog(), stats: ReporterStats{Name: r.Name()},
	}
}

func (o *outbox) status() ReporterStats {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.stats
	s.Queued = o.waiting.len() + o.busy
	return s
}

// put adds an alert. It does not wait for anybody.
func (o *outbox) put(a event.Alert) {
	o.mu.Lock()
	o.stats.Dropped += uint64(o.waiting.put(a, o.size-o.busy))
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default: // it is awake
	}
}

// run reports alerts until stop ends, and then what is left, until limit ends.
func (o *outbox) run(stop, limit context.Context) {
	beat := time.NewTicker(beatInterval)
	defer beat.Stop()
	o.beat(stop)
	for failures := 0; ; {
		more, err := o.send(limit)
		switch {
		case err != nil:
			failures++
		case more && stop.Err() == nil:
			failures = 0
			continue
		default:
			failures = 0
		}
		if !o.rest(stop, beat.C, failures) {
			o.flush(limit)
			return
		}
	}
}

// rest waits until there is something to do. It reports whether that is so, or
// stop has ended.
func (o *outbox) rest(stop context.Context, beat <-chan time.Time, failures int) bool {
	if stop.Err() != nil {
		return false // whatever else there is to do
	}
	wake := o.wake
	var again <-chan time.Time
	if failures > 0 {
		pause := min(firstPause<<min(failures-1, 10), longestPause)
		// The jitter keeps all of a site's servers from coming at one time.
		timer := time.NewTimer(pause/2 + rand.N(pause)) //nolint:gosec // nobody gains by guessing it
		defer timer.Stop()
		wake, again = nil, timer.C
	}
	for {
		select {
		case <-stop.Done():
			return false
		case <-wake:
			return true
		case <-again:
			return true
		case <-beat:
			o.beat(stop)
		}
	}
}

// flush reports what is left. What cannot be told now never will be.
func (o *outbox) flush(limit context.Context) {
	more, err := true, error(nil)
	for more && err == nil && limit.Err() == nil {
		more, err = o.send(limit)
	}
	o.mu.Lock()
	lost := o.waiting.len()
	o.waiting = newBacklog()
	o.stats.Dropped += uint64(lost)
	o.mu.Unlock()
	if lost > 0 {
		o.log.Warn("alerts were not reported before the end", zap.Int("alerts", lost), zap.Error(err))
	}
}

// send has some alerts reported. It reports whether there are more.
func (o *outbox) send(ctx context.Context) (more bool, err error) {
	batch := o.take()
	if len(batch) == 0 {
		return false, nil
	}
	taken, refused, err := o.guarded(ctx, alertsOf(batch))
	taken = max(0, min(taken, len(batch)))
	refused = max(0, min(refused, len(batch)-taken))
	if err == nil {
		refused = len(batch) - taken
	}
	o.note(err)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stats.Sent += uint64(taken)
	o.stats.Refused += uint64(refused)
	if o.stats.Err = err; taken > 0 {
		o.stats.Last = time.Now()
	}
	o.busy = 0
	o.waiting.putBack(batch[taken+refused:]) // there is room: they have counted all the time
	return o.waiting.len() > 0, err
}

// take takes the oldest alerts out of the outbox.
func (o *outbox) take() []waitingAlert {
	o.mu.Lock()
	defer o.mu.Unlock()
	batch := o.waiting.take(reportBatch)
	o.busy = len(batch)
	return batch
}

// guarded is Report, but for a panic: the alerts may be told the next time.
func (o *outbox) guarded(ctx context.Context, batch []event.Alert) (taken, refused int, err error) {
	defer func() {
		if p := recover(); p != nil {
			o.log.Error("reporter panicked", zap.Any("panic", p), zap.Stack("stack"))
			err = fmt.Errorf("running reporter %s: panic: %v", o.reporter.Name(), p)
		}
	}()
	return o.reporter.Report(ctx, batch)
}

// beat sends a heartbeat if the reporter has any. One that fails says what a
// report would run into.
func (o *outbox) beat(ctx context.Context) {
	b, ok := o.reporter.(beater)
	if !ok {
		return
	}
	err := b.Heartbeat(ctx)
	if ctx.Err() != nil {
		return
	}
	o.note(err)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stats.Err = err
}

// note says in the log when reports begin to fail, and when they get through
// again.
func (o *outbox) note(err error) {
	switch {
	case err == nil && o.failing:
		o.log.Info("alerts can be reported again", zap.Int("waiting", o.status().Queued))
	case err != nil && !o.failing:
		o.log.Error("alerts can't be reported: they are kept for later", zap.Error(err), zap.Int("most", o.size))
	}
	o.failing = err != nil
}
