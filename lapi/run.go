package lapi

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/tocsin-project/tocsin/internal/wire"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

const (
	maxBackoff    = 30 * time.Second // short, so that a recovered server is found soon
	maxRetryAfter = 5 * time.Minute  // longest pause that a server may ask for
	minResync     = time.Minute      // pause before an extra full answer
)

// A follower is the state of one Run. Only its goroutine uses it.
type follower struct {
	*Client

	table     *lookup.Table
	dec       *wire.Decoder
	backoff   *backoff.ExponentialBackOff
	full      bool      // the next answer must be a full one
	nextFull  time.Time // when the next scheduled one is due
	lastFull  time.Time
	failing   string // kind of the current failures; "": none
	reader    reader
	guard     guard
	spellings spellings
	seed      maphash.Seed // of hashes of spellings
	usual     usualRanges  // of the current answer
	unclear   bool         // some rows that refuse clients are not in the table
	kept      *keptRows    // nil: rows are not kept
	audit     audit
	seen      int64 // highest id among the rows so far
	allowing  allowing
}

// Run keeps t in sync with the stream until ctx ends, and returns ctx's error. No
// failure of the API ends it.
func (c *Client) Run(ctx context.Context, t *lookup.Table) error {
	defer c.http.CloseIdleConnections()
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	if c.cfg.MetricsInterval > 0 {
		wg.Go(func() { c.usageReporter(t).run(ctx) })
	}
	select {
	case <-c.wake: // the first request asks for all decisions anyway
	default:
	}
	f := c.newFollower(t)
	for {
		pause := f.poll(ctx)
		if err := f.rest(ctx, pause); err != nil {
			return err
		}
	}
}

func (c *Client) newFollower(t *lookup.Table) *follower {
	return &follower{
		Client: c,
		table:  t,
		dec:    wire.NewDecoder(),
		backoff: &backoff.ExponentialBackOff{
			InitialInterval: min(c.cfg.Interval, time.Second), Multiplier: 2,
			RandomizationFactor: backoff.DefaultRandomizationFactor, MaxInterval: maxBackoff,
		},
		full:      true,
		reader:    reader{fallback: c.cfg.Fallback, labels: map[string]string{}, log: c.log, bits: c.cfg.LogBits},
		spellings: spellings{}, seed: maphash.MakeSeed(),
	}
}

// rest returns after d, or earlier if Sync is called, or with ctx's error when ctx
// ends.
func (f *follower) rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-f.wake:
		f.full, f.allowing.next = true, time.Time{}
	case <-timer.C:
	}
	return nil
}

// poll gets one answer and applies it. It returns the pause before the next poll.
func (f *follower) poll(ctx context.Context) time.Duration {
	f.refreshAllowed(ctx)
	began := time.Now()
	due := !time.Now().Before(f.nextFull)
	full := f.full || due
	f.audit.on = due && !f.full
	// The server now counts this answer as delivered. If it does not get into the
	// table, only a full answer can replace it.
	f.full = true
	a, err := f.fetch(ctx, full)
	if ctx.Err() != nil {
		return 0
	}
	f.note(func(_ *lookup.Status, s *Stats) {
		s.Pulls++
		s.Rows.add(a.rows)
	})
	if err != nil {
		return f.failed(err)
	}
	f.backoff.Reset()
	if full {
		f.applyFull(a)
	} else {
		f.applyDelta(a)
	}
	// The interval is the time between two requests, but at least half of it is a
	// pause, to spare a slow server.
	pause := max(f.cfg.Interval-time.Since(began), f.cfg.Interval/2)
	f.note(func(s *lookup.Status, _ *Stats) { s.Next = time.Now().Add(pause) })
	return pause
}

// query returns the parameters of a pull.
func (c *Client) query(full bool) url.Values {
	q := url.Values{"startup": {strconv.FormatBool(full)}}
	if len(c.cfg.Scopes) > 0 {
		q.Set("scopes", joinNames(c.cfg.Scopes))
	}
	if c.filter.setting {
		q.Set("dedup", "false")
	}
	return q
}

// fetch gets one answer. With an error it still returns the part that was read.
func (f *follower) fetch(ctx context.Context, full bool) (*answer, error) {
	a := f.newAnswer(full)
	w := newWatch(ctx, f.bound.header)
	defer w.stop()
	resp, err := f.get(w.ctx, streamPath, f.query(full))
	if err != nil {
		return a, w.explain(err)
	}
	defer resp.Body.Close()
	w.heard(f.bound.silence)
	if err := f.judge(resp); err != nil {
		return a, err
	}
	b, err := newBody(resp, w, f.bound)
	if err != nil {
		return a, w.explain(err)
	}
	f.dec.Reset(b)
	for row, err := range f.dec.Stream() {
		if err != nil {
			return a, fmt.Errorf("reading the stream of decisions: %w", w.explain(err))
		}
		a.take(row, b.at)
	}
	return a, nil
}

// applyFull replaces the source's decisions by those of a full answer. If the guard
// rejects the answer, it only adds decisions.
func (f *follower) applyFull(a *answer) {
	if err := f.guard.check(f, a); err != nil {
		f.withhold(a.batch.Update(), false)
		f.log.Error("a full answer of the local API removes nothing, because it is too small", zap.Error(err), zap.Int("in_a_row", f.guard.held))
		f.note(func(s *lookup.Status, stats *Stats) {
			s.Err, stats.Held = err, f.guard.held
		})
		return
	}
	change := a.batch.Replace()
	a.applied(change)
	f.withhold(change, true)
	f.judgeDeltas(change.Added - a.fresh)
	f.seen = a.top
	now := time.Now()
	f.full, f.spellings, f.kept, f.lastFull = false, a.spellings, a.kept, now
	// The jitter spreads the requests of many bouncers of one server.
	f.nextFull = now.Add(f.cfg.Resync - rand.N(f.cfg.Resync/10)) //nolint:gosec // guessing it has no use
	first := f.Status().Synced.IsZero()
	f.synced(now)
	f.note(func(_ *lookup.Status, s *Stats) { s.LastFull, s.Held = now, 0 })
	level := zap.DebugLevel
	if first {
		level = zap.InfoLevel
	}
	f.log.Log(level, "in sync with the local API", zap.Int("decisions", f.table.Count(f.cfg.Name)),
		zap.Int("added", change.Added), zap.Int("removed", change.Removed))
}

func (f *follower) applyDelta(a *answer) {
	a.settle(time.Now())
	change := a.batch.Update()
	a.applied(change)
	f.withhold(change, false)
	f.full, f.seen = false, max(f.seen, a.top)
	f.synced(time.Now())
	if change != (lookup.Change{}) {
		f.log.Debug("decisions changed", zap.Int("added", change.Added), zap.Int("removed", change.Removed))
	}
}

// withhold records how many ranges cover too much to be enforced, and logs the first
// time.
func (f *follower) withhold(c lookup.Change, whole bool) {
	if c.Held == 0 && !whole {
		return
	}
	var was int
	f.note(func(s *lookup.Status, _ *Stats) { was, s.Held = s.Held, c.Held })
	if c.Held > 0 && was == 0 {
		f.log.Error("the widest ranges of the local API are not enforced, because with them its decisions would cover too many addresses, "+
			"or too many new ones at once: raise the option coverage if you want that",
			zap.Int("ranges", c.Held), zap.Float64("coverage", f.cfg.Coverage))
	}
}

// requestFull schedules an extra full answer, because a delta was not clear.
func (f *follower) requestFull() {
	soon := f.lastFull.Add(minResync)
	if soon.Before(f.nextFull) {
		f.nextFull = soon
	}
}

// synced records that the table is in sync.
func (f *follower) synced(now time.Time) {
	var failures int
	f.note(func(s *lookup.Status, _ *Stats) {
		failures = s.Failures
		s.Synced, s.Failures, s.Err = now, 0, nil
	})
	if f.failing != "" {
		f.log.Info("the local API answers again", zap.Int("failures", failures))
		f.failing = ""
	}
}

// failed records a failure and returns the pause after it.
func (f *follower) failed(err error) time.Duration {
	pause := f.backoff.NextBackOff()
	kind, after := kindOf(err)
	pause = max(pause, min(after, maxRetryAfter))
	f.note(func(s *lookup.Status, stats *Stats) {
		stats.Failures++
		s.Failures++
		s.Failed++
		s.Err, s.Next = err, time.Now().Add(pause)
	})
	// The operator must act on a refused key, so that is logged each time. Other
	// failures are logged once for each kind.
	level := zap.DebugLevel
	if isForbidden(err) || f.failing != kind {
		level = zap.ErrorLevel
	}
	f.failing = kind
	f.log.Log(level, failureText(err), zap.Error(err), zap.Duration("next_try_in", pause))
	return pause
}

// failureText says what has failed, and what to do.
func failureText(err error) string {
	const stays = "its decisions stay in force until they expire"
	r, ok := errors.AsType[*refusal](err)
	switch {
	case !ok:
		return "no answer from the local API: " + stays
	case isForbidden(err):
		return fmt.Sprintf("the local API refuses the key (status %d): %s; make a new key with `cscli bouncers add NAME`", r.code, stays)
	}
	return fmt.Sprintf("the local API answered with status %d: %s", r.code, stays)
}
