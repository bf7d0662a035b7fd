package engine_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/lookup"
)

// fixed is a source of decisions that never change.
type fixed []lookup.Decision

func (fixed) Name() string { return "fixed" }

func (f fixed) Run(ctx context.Context, t *lookup.Table) error {
	t.Replace("fixed", f)
	<-ctx.Done()
	return ctx.Err()
}

func (fixed) Status() lookup.Status { return lookup.Status{Synced: time.Now()} }

// An engine runs its sources, and finds decisions.
func Example() {
	e, err := engine.New(engine.Config{Sources: []engine.Source{
		fixed{{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Action: lookup.Ban}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	e.Start()
	defer func() { _ = e.Close() }()
	for range time.Tick(time.Millisecond) {
		if e.Stats().Decisions > 0 {
			break
		}
	}
	d, found := e.Lookup(context.Background(), netip.MustParseAddr("192.0.2.7"))
	fmt.Println(found, d.Action)
	// Output: true ban
}
