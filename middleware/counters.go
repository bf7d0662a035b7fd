package middleware

import (
	"sync"
	"sync/atomic"

	"github.com/tocsin-project/tocsin/lookup"
)

// stripes is how many copies of the counters there are at most; a power of two.
const stripes = 64

// Counters count what middlewares do. The zero value is ready. A Counters is
// for many goroutines on many cores at once, may be shared by several
// middlewares and may outlive them; it must not be copied.
type Counters struct {
	stripe [stripes]stripe
	taken  atomic.Uint32 // stripes given out so far
	near   sync.Pool     // of *stripe, each the one that its processor used last
}

// A stripe is one of the copies. One counter for all has every core wait for
// what the others wrote to it, and so has a copy picked at random: its cache
// line is mostly somewhere else. A stripe is therefore kept by the processor
// that used it. It has cache lines of its own, two because they are fetched in
// pairs.
type stripe struct {
	processed atomic.Uint64
	unknown   atomic.Uint64
	allowed   atomic.Uint64
	dryRun    atomic.Uint64
	stopped   [lookup.Ban + 1]atomic.Uint64
	_         [128 - 8*(4+(lookup.Ban+1))]byte
}

// next returns the stripe to count one request in. Two goroutines may get the
// same: it is atomic, and only slower then.
func (c *Counters) next() *stripe {
	s, ok := c.near.Get().(*stripe)
	if !ok {
		s = &c.stripe[c.taken.Add(1)%stripes]
	}
	c.near.Put(s)
	return s
}

// stop counts a request that is stopped because of d.
func (s *stripe) stop(d lookup.Decision) {
	// An action that is not known is treated as a ban.
	s.stopped[min(d.Action, lookup.Ban)].Add(1)
}

// Counts are the values of [Counters] at one time. All of them count requests
// and only ever grow.
type Counts struct {
	Processed     uint64                 // checked, whatever came of it
	Stopped       [lookup.Ban + 1]uint64 // stopped, by the decision's action: Stopped[lookup.Ban]
	DryRun        uint64                 // let through only because of DryRun
	Allowed       uint64                 // let through, against a decision, by the allow list
	UnknownClient uint64                 // let through because the client's address could not be told
}

// Snapshot returns the counts as they are now. Requests that are counted
// meanwhile may be in it in part.
func (c *Counters) Snapshot() Counts {
	var n Counts
	for i := range c.stripe {
		s := &c.stripe[i]
		n.Processed += s.processed.Load()
		n.UnknownClient += s.unknown.Load()
		n.Allowed += s.allowed.Load()
		n.DryRun += s.dryRun.Load()
		for a := range s.stopped {
			n.Stopped[a] += s.stopped[a].Load()
		}
	}
	return n
}
