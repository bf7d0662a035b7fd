package engine

import (
	"context"

	"github.com/tocsin-project/tocsin/lookup"
)

// follower is a live source that has something to keep current besides what it is
// asked about.
type follower interface {
	Run(ctx context.Context) error
}

// runLive runs the live sources that are to be run.
func (e *Engine) runLive(ctx context.Context) {
	for _, l := range e.live {
		if f, ok := l.(follower); ok {
			e.wg.Go(func() { e.supervise(ctx, liveRun{l, f}) })
		}
	}
}

// A liveRun is a live source in the place of one that feeds the table.
type liveRun struct {
	Live
	follower
}

// Run implements [Source].
func (r liveRun) Run(ctx context.Context, _ *lookup.Table) error { return r.follower.Run(ctx) }
