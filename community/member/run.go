package member

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/tocsin-project/tocsin/community/protocol"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

const (
	listTimeout   = 5 * time.Minute  // for a list: a million entries over a slow line
	maxBackoff    = time.Minute      // short, so that a recovered centre is found soon
	maxRetryAfter = 10 * time.Minute // longest pause that a centre may ask for
	maxMore       = 50               // answers in a row with "more" set
)

// A follower is the state of one Run. Only its goroutine uses it.
type follower struct {
	*Client

	table    *lookup.Table
	checker  checker
	backoff  *backoff.ExponentialBackOff
	seq      uint64    // the last change that is in the table
	full     bool      // the next answer must be the whole list
	nextFull time.Time // when the next scheduled one is due
	failing  string    // kind of the current failures; "": none
	faulty   bool      // the last answers had faults, and the log said so
	guard    guard
}

// Run keeps t in sync with the list until ctx ends, and returns ctx's error. No failure of
// the centre ends it.
func (c *Client) Run(ctx context.Context, t *lookup.Table) error {
	defer c.http.CloseIdleConnections()
	c.table.Store(t)
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { c.watchStanding(ctx) })
	if c.cfg.Witness != nil {
		wg.Go(func() { c.testify(ctx) })
	}
	select {
	case <-c.wake: // the first question is for the whole list anyway
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
		Client: c, table: t, full: true, checker: checker{lists: c.cfg.Lists, size: c.cfg.Size},
		backoff: &backoff.ExponentialBackOff{
			InitialInterval: min(c.cfg.Interval, 2*time.Second), Multiplier: 2,
			RandomizationFactor: backoff.DefaultRandomizationFactor, MaxInterval: maxBackoff,
		},
	}
}

// rest returns after d, or earlier if Sync is called, or with ctx's error when ctx ends.
func (f *follower) rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-f.wake:
		f.full = true
	case <-timer.C:
	}
	return nil
}

// poll synchronizes the table with the centre, and returns the pause before the next poll.
func (f *follower) poll(ctx context.Context) time.Duration {
	began := time.Now()
	f.full = f.full || !began.Before(f.nextFull)
	err := f.follow(ctx)
	if ctx.Err() != nil {
		return 0
	}
	f.counts.polls.Add(1)
	if err != nil {
		return f.failed(err)
	}
	f.backoff.Reset()
	// The interval is the time between two polls, but at least half of it is a pause, to spare
	// a slow centre. The jitter spreads the polls of many members.
	pause := max(f.cfg.Interval-time.Since(began), f.cfg.Interval/2) - rand.N(f.cfg.Interval/10) //nolint:gosec // predicting it is useless
	f.note(func(s *lookup.Status) { s.Next = time.Now().Add(pause) })
	return pause
}

// follow asks until there is no more.
func (f *follower) follow(ctx context.Context) error {
	for range maxMore {
		before := f.seq
		a, err := f.fetch(ctx)
		switch {
		case err == nil && !f.full && a.Seq < f.seq, err != nil && !f.full && isStale(err):
			// The centre no longer has the changes since this member's position, or was reset.
			f.full = true
			continue
		case err != nil:
			return err
		}
		wasFull := f.full
		if err := f.apply(a); err != nil {
			return err
		}
		if !a.More {
			return nil
		}
		if a.Seq <= before && !wasFull {
			return errSeqNumber
		}
	}
	return nil // the rest comes with the next poll
}

// isStale reports whether err means that this member needs the whole list.
func isStale(err error) bool {
	return hasCode(err, http.StatusNotFound, http.StatusGone) || err == errBigDelta //nolint:errorlint // it is never wrapped
}

// fetch asks for the whole list, or for the changes after f.seq.
func (f *follower) fetch(ctx context.Context) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	path := "list"
	if !f.full {
		path += "?after=" + strconv.FormatUint(f.seq, 10)
	}
	resp, err := f.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	a, now := &answer{changes: map[netip.Prefix]change{}, batch: f.table.Batch(f.cfg.Name).Gently()}, time.Now()
	take := func(e *protocol.Entry) error { return a.takeChange(e, &f.checker, now) }
	if f.full {
		take = func(e *protocol.Entry) error { a.takeWhole(e, &f.checker, now); return nil }
	}
	if a.List, err = readList(resp.Body, take); err != nil {
		return nil, err
	}
	if f.full && !a.Full {
		return nil, errNotWhole
	}
	return a, nil
}

// synced records that the table is in sync with the centre.
func (f *follower) synced(seq uint64) {
	f.seq = seq
	var failures int
	f.note(func(s *lookup.Status) {
		failures = s.Failures
		s.Synced, s.Failures, s.Err = time.Now(), 0, nil
	})
	if f.failing != "" {
		f.log.Info("the community answers again", zap.Int("failures", failures))
		f.failing = ""
	}
}

// failed records a failure and returns the pause after it.
func (f *follower) failed(err error) time.Duration {
	pause := max(f.backoff.NextBackOff(), min(retryAfter(err), maxRetryAfter))
	if f.guard.held > 0 {
		pause = f.cfg.Interval // the centre works
	}
	f.counts.failures.Add(1)
	err = fmt.Errorf("following the list of %s: %w", f.host, err)
	f.note(func(s *lookup.Status) {
		s.Failures++
		s.Failed++
		s.Err, s.Next = err, time.Now().Add(pause)
	})
	// The operator must act on a refused key, so that is logged each time. Other failures are
	// logged once for each kind.
	kind, level := kindOf(err), zap.DebugLevel
	if f.failing != kind || hasCode(err, http.StatusUnauthorized, http.StatusForbidden) {
		level = zap.ErrorLevel
	}
	f.failing = kind
	f.log.Log(level, "no list from the community: its decisions stay in force until they end",
		zap.String("community", f.cfg.Name), zap.Error(err), zap.Duration("next_try_in", pause))
	return pause
}
