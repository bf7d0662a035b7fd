package engine

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// supervise runs a source until ctx ends. If Run returns early or panics, which is a
// bug, the source is started again, and the server continues.
func (e *Engine) supervise(ctx context.Context, s Source) {
	for {
		err := e.runGuarded(ctx, s)
		if ctx.Err() != nil {
			return
		}
		e.logger.Error("a source stopped: it is started again",
			zap.String("source", s.Name()), zap.Error(err), zap.Duration("in", restartDelay))
		select {
		case <-ctx.Done():
			return
		case <-time.After(restartDelay):
		}
	}
}

func (e *Engine) runGuarded(ctx context.Context, s Source) (err error) {
	defer func() {
		if p := recover(); p != nil {
			e.logger.Error("a source panicked", zap.String("source", s.Name()), zap.Any("panic", p), zap.Stack("stack"))
			err = fmt.Errorf("running source %s: panic: %v", s.Name(), p)
		}
	}()
	return s.Run(ctx, e.table)
}

// tick tells the table the time once a second. It does nothing else: a disk that hangs must
// not make decisions last longer.
func (e *Engine) tick(ctx context.Context) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	defer e.table.Rest()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-second.C:
			e.table.Tick(now)
		}
	}
}

// sweep frees expired decisions and saves changes, once a minute. Changes of a large table are
// saved less often.
func (e *Engine) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	var due time.Time // of the next snapshot
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			e.table.Expire(now)
			e.guards.sweep(now)
			e.own.refresh()
			if now.Before(due) {
				continue
			}
			began := time.Now()
			if err := e.save(ctx); err != nil {
				e.logger.Error("the snapshot cannot be saved: after a restart the table would be empty or old", zap.Error(err))
			}
			due = began.Add(saveAfter(time.Since(began)))
		}
	}
}
