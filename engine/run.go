package engine

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// supervise runs a source until ctx ends. Run is not supposed to return before,
// nor to panic; if it does, protection must not end with it, nor the server.
func (e *Engine) supervise(ctx context.Context, s Source) {
	for {
		err := e.runGuarded(ctx, s)
		if ctx.Err() != nil {
			return
		}
		e.logger.Error("source stopped, starting it again",
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
			e.logger.Error("source panicked", zap.String("source", s.Name()), zap.Any("panic", p), zap.Stack("stack"))
			err = fmt.Errorf("running source %s: panic: %v", s.Name(), p)
		}
	}()
	return s.Run(ctx, e.table)
}

// sweep frees what has ended and saves what has changed, once a minute.
func (e *Engine) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	defer e.table.Rest()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-second.C:
			e.table.Tick(now)
		case now := <-tick.C:
			e.table.Expire(now)
			e.guards.sweep(now)
			e.own.refresh()
			if err := e.save(); err != nil {
				e.logger.Error("the table would not survive a restart", zap.Error(err))
			}
		}
	}
}
