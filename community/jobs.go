package community

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tocsin-project/tocsin/consensus"
)

// A job runs at intervals, on one of the servers of a database.
type job struct {
	name  string
	every time.Duration
	do    func(ctx context.Context) error
}

// A claim says which server runs a job, and when it last ended.
type claim struct {
	Server string    `json:"server"`
	Until  time.Time `json:"until"`
	Done   time.Time `json:"done"`
}

const (
	claimed     = 15 * time.Minute // after this time, another server takes over an unfinished job
	tick        = time.Second
	followEvery = 5 * time.Second // for changes by other servers that do not change the list
	lookForJobs = time.Minute
	writeEvery  = 20 * time.Second
	dueAtOnce   = 200
	purgeAtOnce = 5000

	jobRetention = "job.retention"
)

func (c *Centre) jobs() []job {
	return []job{
		{"job.standings", time.Hour, c.renewStandings},
		{jobRetention, day, c.purge},
		{"job.head", day, c.signHead},
	}
}

// Run follows the store and runs jobs until ctx ends. It returns ctx's error when all its
// goroutines have ended.
func (c *Centre) Run(ctx context.Context) error {
	var all sync.WaitGroup
	all.Go(func() { c.followAlways(ctx) })
	all.Go(func() { c.repeat(ctx, followEvery, "following the store", c.followOnce) })
	all.Go(func() { c.repeat(ctx, tick, "judging what is due", c.judgeDue) })
	all.Go(func() { c.repeat(ctx, lookForJobs, "doing a job", c.runJobs) })
	all.Go(func() { c.repeat(ctx, writeEvery, "noting how far readers have read", c.writeCursors) })
	all.Wait()
	last, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	if err := c.writeCursors(last); err != nil {
		c.cfg.Log.Warn("readers will get some changes once more", zap.Error(err))
	}
	return ctx.Err()
}

// repeat calls f at once and then at intervals.
func (c *Centre) repeat(ctx context.Context, every time.Duration, what string, f func(context.Context) error) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := f(ctx); err != nil && ctx.Err() == nil {
			c.logFailure("the community's store, or its accounts, cannot be used", what, err)
		} else {
			c.health.worked(what)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// logFailure logs the first failure of a job. Jobs run each second: the others would fill the log.
func (c *Centre) logFailure(message, what string, err error) {
	level := zap.DebugLevel
	if c.health.failed(what, c.now()) {
		level = zap.ErrorLevel
	}
	c.cfg.Log.Log(level, message, zap.String("doing", what), zap.Error(err))
}

// followAlways reads changes by other servers as soon as they commit them.
func (c *Centre) followAlways(ctx context.Context) {
	for ctx.Err() == nil {
		seq, err := c.Follow(ctx)
		if err == nil {
			err = c.cfg.Store.Wait(ctx, seq)
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			c.logFailure("the community's store cannot be followed", "following the store", err)
			select {
			case <-time.After(tick):
			case <-ctx.Done():
			}
			continue
		}
		c.health.worked("following the store")
	}
}

// Follow reads the changes that other servers have committed, and returns the number of the
// latest change. Run does this all the time.
func (c *Centre) Follow(ctx context.Context) (seq uint64, err error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	err = c.view(ctx, "following the store", func(tx ReadTx) (err error) {
		if err := c.follow(tx); err != nil {
			return err
		}
		seq, err = tx.LastChange()
		return err
	})
	if err == nil {
		c.health.followed(c.now())
	}
	return seq, err
}

func (c *Centre) followOnce(ctx context.Context) error {
	_, err := c.Follow(ctx)
	return err
}

// judgeDue judges units whose tier ends, and units in the backlog.
func (c *Centre) judgeDue(ctx context.Context) error {
	if err := c.judgeAll(ctx, c.later.take()); err != nil {
		return err
	}
	for {
		var units []consensus.Unit
		now := c.now()
		err := c.view(ctx, "looking for what is due", func(tx ReadTx) (err error) {
			units, err = tx.Due(now, dueAtOnce)
			return err
		})
		if err != nil || len(units) == 0 {
			return err
		}
		if err := c.judgeStillDue(ctx, units); err != nil {
			return err
		}
	}
}

// judgeStillDue judges the units that no other server has judged since.
func (c *Centre) judgeStillDue(ctx context.Context, units []consensus.Unit) error {
	return c.update(ctx, "judging what is due", func(w *work) error {
		for _, unit := range units {
			f, err := c.open(w.Tx, unit)
			if err != nil {
				return err
			}
			if f.record.Next.IsZero() || f.record.Next.After(w.now) {
				continue
			}
			if _, err := w.settle(f); err != nil {
				return err
			}
		}
		return nil
	})
}

// runJobs runs jobs that are due and that no other server runs.
func (c *Centre) runJobs(ctx context.Context) error {
	// Each server raises its own alarms, reads the owners of addresses, and has its own removals
	// and lists of addresses.
	failed := []error{c.readOwn(ctx), c.watchDeadlines(ctx), c.forgetRemovals(), c.judgeExempt(ctx)}
	for _, j := range c.jobs() {
		mine, err := c.claim(ctx, j)
		if err == nil && mine {
			err = c.doJob(ctx, j)
		}
		if err != nil {
			failed = append(failed, doing(j.name, err))
		}
	}
	return errors.Join(failed...)
}

// claim claims a job if it is due.
func (c *Centre) claim(ctx context.Context, j job) (mine bool, err error) {
	due := func(tx ReadTx) (claim, bool, error) {
		var last claim
		err := getJSON(tx, j.name, &last)
		now := c.now()
		return last, err == nil && now.Sub(last.Done).Abs() >= j.every && (last.Server == c.server || !last.Until.After(now)), err
	}
	// Most of the time there is nothing to do, and nothing to write.
	err = c.view(ctx, "looking for jobs", func(tx ReadTx) (err error) {
		_, mine, err = due(tx)
		return err
	})
	if err != nil || !mine {
		return false, err
	}
	err = c.update(ctx, "claiming a job", func(w *work) error {
		var last claim
		last, mine, err = due(w.Tx)
		if err != nil || !mine {
			return err
		}
		return putJSON(w.Tx, j.name, claim{c.server, w.now.Add(claimed), last.Done})
	})
	return mine, err
}

func (c *Centre) doJob(ctx context.Context, j job) error {
	if err := j.do(ctx); err != nil {
		return err
	}
	return c.update(ctx, "noting that a job is done", func(w *work) error {
		return putJSON(w.Tx, j.name, claim{Done: w.now})
	})
}

func newServer() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// purge deletes old data.
func (c *Centre) purge(ctx context.Context) error {
	keep := c.cfg.Retention
	for more := true; more; {
		err := c.update(ctx, "deleting what is too old", func(w *work) (err error) {
			_, more, err = w.Purge(Limits{
				Reports: w.now.Add(-keep.Reports), Episodes: w.now.Add(-keep.Episodes),
				Cases: w.now.Add(-keep.Cases), Cursors: w.now.Add(-keep.Accounts),
			}, purgeAtOnce)
			return err
		})
		if err != nil {
			return err
		}
	}
	_, err := c.cfg.Accounts.Purge(ctx, c.now().Add(-keep.Accounts))
	return doing("deleting accounts of those who left", err)
}

// A backlog has the units to judge again.
type backlog struct {
	mu    sync.Mutex
	units map[consensus.Unit]bool
}

// maxBacklog is the limit of waiting units. Further units are judged when they are due.
const maxBacklog = 100_000

func (b *backlog) add(units []consensus.Unit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.units == nil {
		b.units = map[consensus.Unit]bool{}
	}
	for _, unit := range units {
		if len(b.units) < maxBacklog {
			b.units[unit] = true
		}
	}
}

func (b *backlog) take() (units []consensus.Unit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for unit := range b.units {
		units = append(units, unit)
	}
	b.units = nil
	return units
}
