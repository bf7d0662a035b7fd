package lapi

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/tocsin-project/tocsin/internal/wire"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

const (
	maxBackoff    = 30 * time.Second // so a server that is back is found soon
	maxRetryAfter = 5 * time.Minute  // longest pause that a server may ask for
	minResync     = time.Minute      // pause between full answers that doubts ask for
)

// A follower is one run of a client. Only the goroutine of Run touches it.
type follower struct {
	*Client

	table    *lookup.Table
	dec      *wire.Decoder
	backoff  *backoff.ExponentialBackOff
	full     bool      // the next answer must be a full one
	nextFull time.Time // when it must be one in any case
	lastFull time.Time
	failing  string // kind of the failures up to now; "": none
	reader   reader
	guard    guard
	twins    twins
	claims   *claims // nil: rows are not told apart
	audit    audit
	seen     int64 // highest id among the rows told so far
	allowing allowing
}

// Run keeps t in sync with the stream until ctx ends, and returns ctx's error.
// It survives every failure of the API.
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
	case <-c.wake: // the first question is for everything anyway
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
		full:   true,
		reader: reader{fallback: c.cfg.Fallback, labels: map[string]string{}, log: c.log, bits: c.cfg.LogBits},
		twins:  twins{},
	}
}

// rest returns after d, or sooner if Sync was called, or with ctx's error as
// soon as ctx ends.
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

// poll gets one answer and puts it into force. It returns the pause up to the
// next try.
func (f *follower) poll(ctx context.Context) time.Duration {
	f.refreshAllowed(ctx)
	began := time.Now()
	due := !time.Now().Before(f.nextFull)
	full := f.full || due
	f.audit.on = due && !f.full
	// Whatever becomes of this answer, the server takes it for delivered: unless
	// it gets into the table, only a full one makes up for it.
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
	// The interval lasts from question to question, but half of it is rest: a
	// server that takes long to answer has enough to do.
	pause := max(f.cfg.Interval-time.Since(began), f.cfg.Interval/2)
	f.note(func(s *lookup.Status, _ *Stats) { s.Next = time.Now().Add(pause) })
	return pause
}

// query returns what the stream is asked for.
func (c *Client) query(full bool) url.Values {
	q := url.Values{"startup": {strconv.FormatBool(full)}}
	if len(c.cfg.Scopes) > 0 {
		q.Set("scopes", strings.Join(c.cfg.Scopes, ","))
	}
	if c.filter.setting {
		q.Set("dedup", "false")
	}
	return q
}

// fetch gets one answer. It gives back what was read also with an error.
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

// applyFull puts a full answer into force as the whole of what there is, unless
// the guard forbids to remove anything.
func (f *follower) applyFull(a *answer) {
	if err := f.guard.check(f, a); err != nil {
		f.withhold(a.batch.Update(), false)
		f.log.Error("a full answer is held back", zap.Error(err), zap.Int("in_a_row", f.guard.held))
		f.note(func(s *lookup.Status, stats *Stats) {
			s.Err, stats.Held = err, f.guard.held
		})
		return
	}
	change := a.batch.Replace()
	f.withhold(change, true)
	f.judgeDeltas(change.Added - a.fresh)
	f.seen = a.top
	now := time.Now()
	f.full, f.twins, f.claims, f.lastFull = false, a.twins, a.claims, now
	// The jitter keeps many bouncers of one server from asking at one time.
	f.nextFull = now.Add(f.cfg.Resync - rand.N(f.cfg.Resync/10)) //nolint:gosec // nobody gains by guessing it
	first := f.Status().Synced.IsZero()
	f.synced(now)
	f.note(func(_ *lookup.Status, s *Stats) { s.LastFull, s.Held = now, 0 })
	level := zap.DebugLevel
	if first {
		level = zap.InfoLevel
	}
	f.log.Log(level, "in step with the local API", zap.Int("decisions", f.table.Count(f.cfg.Name)),
		zap.Int("added", change.Added), zap.Int("removed", change.Removed))
}

func (f *follower) applyDelta(a *answer) {
	a.settle(time.Now())
	change := a.batch.Update()
	f.withhold(change, false)
	f.full, f.seen = false, max(f.seen, a.top)
	f.synced(time.Now())
	if change != (lookup.Change{}) {
		f.log.Debug("decisions changed", zap.Int("added", change.Added), zap.Int("removed", change.Removed))
	}
}

// withhold notes which ranges cover too much to be enforced, and says so when there
// were none before.
func (f *follower) withhold(c lookup.Change, whole bool) {
	if c.Held == 0 && !whole {
		return
	}
	var was int
	f.note(func(s *lookup.Status, _ *Stats) { was, s.Held = s.Held, c.Held })
	if c.Held > 0 && was == 0 {
		f.log.Error("the widest ranges of the local API are not enforced, since with them it would cover too many addresses, "+
			"or too many more at once: allow it with the option coverage if that is meant",
			zap.Int("ranges", c.Held), zap.Float64("coverage", f.cfg.Coverage))
	}
}

// doubt asks for a full answer soon, to settle what a delta leaves open.
func (f *follower) doubt() {
	soon := f.lastFull.Add(minResync)
	if soon.Before(f.nextFull) {
		f.nextFull = soon
	}
}

// synced notes that the table is in sync.
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

// failed notes a failure and returns the pause after it.
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
	// A refused key is a matter for the operator and is said each time; for the
	// rest, once a kind of failure is enough.
	level := zap.DebugLevel
	if isForbidden(err) || f.failing != kind {
		level = zap.ErrorLevel
	}
	f.failing = kind
	f.log.Log(level, failureText(err), zap.Error(err), zap.Duration("next_try_in", pause))
	return pause
}

// failureText says what has failed, and what to do about it.
func failureText(err error) string {
	const stays = "decisions stay until they end"
	r, ok := errors.AsType[*refusal](err)
	switch {
	case !ok:
		return "no answer from the local API: " + stays
	case isForbidden(err):
		return fmt.Sprintf("the local API answered with status %d, it refuses the key: %s; make a new key with cscli bouncers add NAME", r.code, stays)
	}
	return fmt.Sprintf("the local API answered with status %d: %s", r.code, stays)
}
