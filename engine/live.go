package engine

import (
	"context"

	"github.com/tocsin-project/tocsin/lookup"
)

// follower is a live source that also needs a goroutine, for example to read
// allowlists.
type follower interface {
	Run(ctx context.Context) error
}

// runLive runs the live sources that need it.
func (e *Engine) runLive(ctx context.Context) {
	for _, l := range e.live {
		if f, ok := l.(follower); ok {
			e.wg.Go(func() { e.supervise(ctx, liveRun{l, f}) })
		}
	}
}

// A liveRun adapts a live source to [Source].
type liveRun struct {
	Live
	follower
}

// Run implements [Source].
func (r liveRun) Run(ctx context.Context, _ *lookup.Table) error { return r.follower.Run(ctx) }
