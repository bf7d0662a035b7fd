package middleware

import (
	"net/netip"
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
	origin origins       // what decisions did

	connections, connectionsDryRun atomic.Uint64
}

// A stripe is one of the copies. One counter for all has every core wait for
// what the others wrote to it, and so has a copy picked at random: its cache
// line is mostly somewhere else. A stripe is therefore kept by the processor
// that used it. It has cache lines of its own, two because they are fetched in
// pairs.
type stripe struct {
	processed [families]atomic.Uint64
	unknown   atomic.Uint64
	allowed   atomic.Uint64
	_         [128 - 8*(families+2)]byte
}

// families is the number of families of addresses: IPv4 and IPv6.
const families = 2

// family returns where requests from ip, which is normalized, are counted.
func family(ip netip.Addr) int {
	if ip.Is4() {
		return 0
	}
	return 1
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

// Counters returns what m counts with.
func (m *Middleware) Counters() *Counters { return m.notes.counters }

// stop counts a request that is stopped, or would be if this were no dry run.
func (c *Counters) stop(s *Stop, dryRun bool) {
	t := c.origin.of(&s.Decision)
	if dryRun {
		t.dryRun[family(s.Client)].Add(1)
		return
	}
	t.stopped[family(s.Client)].Add(1)
	if s.relay != nil {
		t.relayed[family(s.Client)].Add(1)
	}
}

// connection counts a connection that is closed, as the request that it would have
// brought, or would be if this were no dry run: then the request comes.
func (c *Counters) connection(s *Stop, dryRun bool) {
	if dryRun {
		c.connectionsDryRun.Add(1)
		return
	}
	c.connections.Add(1)
	c.stop(s, false)
}

// Counts are the values of [Counters] at one time. All of them count requests
// and only ever grow.
type Counts struct {
	Processed     uint64                 // checked, whatever came of it
	Processed4    uint64                 // those of them that came from IPv4 addresses
	Processed6    uint64                 // and from IPv6 addresses
	Stopped       [lookup.Ban + 1]uint64 // stopped, by the decision's action: Stopped[lookup.Ban]
	DryRun        uint64                 // let through only because of DryRun
	Passed        uint64                 // let through, against a captcha decision, by a pass
	Solved        uint64                 // answers that solved a challenge
	Ended         uint64                 // let through, and ended while they were served: see Config.Established
	Allowed       uint64                 // let through, against a decision, by the allow list
	UnknownClient uint64                 // let through because the client's address could not be told

	Connections       uint64 // those of Stopped that a [Listener] stopped: connections closed before any request
	ConnectionsDryRun uint64 // connections that it would have closed

	// ByOrigin splits Stopped, DryRun, Passed, Solved and Ended up. It is sorted, has an element for
	// each action, origin and family that there was, and never loses one.
	ByOrigin []OriginCount
}

// An OriginCount counts requests from one family of addresses that met
// decisions of one origin to do one thing.
type OriginCount struct {
	// Action is the decisions'; one that is not known counts as a ban.
	Action lookup.Action

	// Origin is the decisions', cut to 255 bytes. Origins are words of the
	// sources, so they are bounded: once there are 256 pairs of an action and
	// an origin, later ones count as "other".
	Origin string

	IPv6    bool   // the clients have IPv6 addresses rather than IPv4 ones
	Stopped uint64 // requests that were stopped
	DryRun  uint64 // requests let through only because of DryRun
	Passed  uint64 // requests let through by the pass of a solved challenge
	Solved  uint64 // challenges solved
	Relayed uint64 // those of Stopped that an [Inspector] answered with a challenge of its own
	Ended   uint64 // requests that had gone on, and were ended while they were served
}

// Snapshot returns the counts as they are now. Requests that are counted
// meanwhile may be in it in part.
func (c *Counters) Snapshot() Counts {
	var n Counts
	for i := range c.stripe {
		s := &c.stripe[i]
		n.Processed4 += s.processed[0].Load()
		n.Processed6 += s.processed[1].Load()
		n.UnknownClient += s.unknown.Load()
		n.Allowed += s.allowed.Load()
	}
	n.Processed = n.Processed4 + n.Processed6 + n.UnknownClient
	n.Connections, n.ConnectionsDryRun = c.connections.Load(), c.connectionsDryRun.Load()
	n.ByOrigin = c.origin.counts()
	for _, o := range n.ByOrigin {
		n.Stopped[o.Action] += o.Stopped
		n.DryRun += o.DryRun
		n.Passed += o.Passed
		n.Solved += o.Solved
		n.Ended += o.Ended
	}
	return n
}
