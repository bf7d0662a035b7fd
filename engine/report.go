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
	reportBatch  = 100              // alerts in one report
	firstPause   = time.Second      // after a failed report
	longestPause = 30 * time.Second // short, so that a recovered reporter is found soon
	beatInterval = time.Minute
	flushTimeout = 1500 * time.Millisecond // for the remaining alerts at the end; less than closeTimeout
)

// A Reporter sends alerts to another system. The client in package lapi is one. It may
// also have a method Heartbeat(context.Context) error, which is called at the start and
// once a minute. That also shows a wrong password before the first alert.
type Reporter interface {
	// Name is the name of the reporter in the log and in Stats. Reporters have
	// different names. If a source has the same name, it is an authority, which decides
	// about the alerts itself: see [Local]. If it has a method Advises() bool that returns true,
	// it is not an authority: local decisions then stand beside its own, as beside those of a
	// community.
	Name() string
	// Report sends alerts in their order. It returns how many were accepted, and how
	// many were refused permanently. Together these are the first alerts of the list.
	// If err is not nil, it is the reason why the next alert failed: that one and all
	// after it are reported again later. Without an error all are done. One goroutine
	// at a time calls it.
	Report(ctx context.Context, alerts []event.Alert) (taken, refused int, err error)
}

// An adviser is a source that is told of alerts, and does not decide about them.
type adviser interface{ Advises() bool }

type beater interface {
	Heartbeat(ctx context.Context) error
}

// ReporterStats is the state of a reporter.
type ReporterStats struct {
	Name    string
	Queued  int       // waiting alerts
	Sent    uint64    // accepted alerts
	Refused uint64    // permanently refused alerts
	Dropped uint64    // alerts dropped because the queue was full, or at the end
	Last    time.Time // when one was last accepted; zero: never
	Err     error     // of the last try; nil if it succeeded
}

// An outbox is the queue of a reporter, in memory. It holds at most size alerts: see
// [backlog] for which it drops.
type outbox struct {
	reporter Reporter
	size     int
	log      *zap.Logger
	wake     chan struct{}
	failing  bool // the last try failed and was logged

	mu      sync.Mutex
	waiting backlog
	busy    int // alerts that are being reported
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

// put adds an alert. It does not wait.
func (o *outbox) put(a event.Alert) {
	o.mu.Lock()
	o.stats.Dropped += uint64(o.waiting.put(a, o.size-o.busy))
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default: // it has been woken already
	}
}

// run reports alerts until stop ends, and then the remaining ones until limit ends.
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

// rest waits until there is work, and returns true, or until stop ends, and returns
// false.
func (o *outbox) rest(stop context.Context, beat <-chan time.Time, failures int) bool {
	if stop.Err() != nil {
		return false // even if there is work
	}
	wake := o.wake
	var again <-chan time.Time
	if failures > 0 {
		pause := min(firstPause<<min(failures-1, 10), longestPause)
		// The jitter spreads the reports of a site's servers.
		timer := time.NewTimer(pause/2 + rand.N(pause)) //nolint:gosec // guessing it has no use
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

// flush reports the remaining alerts. Those that fail now are lost.
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
		o.log.Warn("alerts were lost: they could not be reported before the end", zap.Int("alerts", lost), zap.Error(err))
	}
}

// send reports some alerts, and returns whether there are more.
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
	o.waiting.putBack(batch[taken+refused:]) // there is room, because they have always counted
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

// guarded is Report with a recover: after a panic the alerts are reported again.
func (o *outbox) guarded(ctx context.Context, batch []event.Alert) (taken, refused int, err error) {
	defer func() {
		if p := recover(); p != nil {
			o.log.Error("the reporter panicked", zap.Any("panic", p), zap.Stack("stack"))
			err = fmt.Errorf("running reporter %s: panic: %v", o.reporter.Name(), p)
		}
	}()
	return o.reporter.Report(ctx, batch)
}

// beat sends a heartbeat if the reporter has that method. Its failure shows that
// reports would fail too.
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

// note logs when reports begin to fail, and when they succeed again.
func (o *outbox) note(err error) {
	switch {
	case err == nil && o.failing:
		o.log.Info("alerts can be reported again", zap.Int("waiting", o.status().Queued))
	case err != nil && !o.failing:
		o.log.Error("alerts cannot be reported: they are kept and sent again", zap.Error(err), zap.Int("most", o.size))
	}
	o.failing = err != nil
}
