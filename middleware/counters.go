package middleware

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/tocsin-project/tocsin/lookup"
)

// stripes is the maximum number of copies of the counters: a power of two.
const stripes = 64

// Counters count the requests of middlewares. The zero value is ready to use. It is
// safe for use by many goroutines. Several middlewares may share one, and it may
// outlive them. Do not copy it.
type Counters struct {
	stripe [stripes]stripe
	taken  atomic.Uint32 // stripes given out so far
	near   sync.Pool     // of *stripe: each processor reuses its last one
	origin origins       // results by origin of the decision

	connections, connectionsDryRun atomic.Uint64
}

// A stripe is one of the copies. With a single counter, each core would wait for the
// writes of the others, and also with random copies, because their cache lines are
// usually elsewhere. So each processor keeps its stripe. A stripe fills two cache
// lines, because processors fetch them in pairs.
type stripe struct {
	processed [families]atomic.Uint64
	unknown   atomic.Uint64
	allowed   atomic.Uint64
	_         [128 - 8*(families+2)]byte
}

// families is the number of families of addresses: IPv4 and IPv6.
const families = 2

// family returns the index of the counters for requests from ip.
func family(ip netip.Addr) int {
	if ip.Is4() {
		return 0
	}
	return 1
}

// next returns the stripe for one request. If two goroutines get the same one, the
// atomic counters are only slower.
func (c *Counters) next() *stripe {
	s, ok := c.near.Get().(*stripe)
	if !ok {
		s = &c.stripe[c.taken.Add(1)%stripes]
	}
	c.near.Put(s)
	return s
}

// Counters returns the counters of m.
func (m *Middleware) Counters() *Counters { return m.results.counters }

// stop counts a request that is stopped, or would be without the dry run.
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

// connection counts a closed connection as a stopped request, because its request never
// arrives. In a dry run it only counts the connection, because the request follows.
func (c *Counters) connection(s *Stop, dryRun bool) {
	if dryRun {
		c.connectionsDryRun.Add(1)
		return
	}
	c.connections.Add(1)
	c.stop(s, false)
}

// Counts are the values of [Counters] at one time. They only grow.
type Counts struct {
	Processed     uint64                 // all checked requests
	Processed4    uint64                 // those of them from IPv4 addresses
	Processed6    uint64                 // those of them from IPv6 addresses
	Stopped       [lookup.Ban + 1]uint64 // stopped, by action: Stopped[lookup.Ban]
	DryRun        uint64                 // passed only because of DryRun
	Passed        uint64                 // passed against a captcha decision, with a pass
	Solved        uint64                 // answers that solved a challenge
	Ended         uint64                 // passed, and ended while they were served: see Config.Established
	Allowed       uint64                 // passed against a decision, because of the allow list
	UnknownClient uint64                 // passed because the client's address is unknown

	Connections       uint64 // those of Stopped that a [Listener] stopped: connections closed before any request
	ConnectionsDryRun uint64 // connections that it would have closed without DryRun

	// ByOrigin has Stopped, DryRun, Passed, Solved and Ended by action, origin and
	// address family. It is sorted, and elements never disappear.
	ByOrigin []OriginCount
}

// An OriginCount counts the requests of one address family that met decisions with one
// origin and one action.
type OriginCount struct {
	// Action is the action of the decisions. An unknown one counts as a ban.
	Action lookup.Action

	// Origin is the origin of the decisions, cut to 255 bytes. Sources choose origins,
	// so their number is limited: after 256 pairs of action and origin, new ones count
	// as "other".
	Origin string

	IPv6    bool   // the clients have IPv6 addresses, otherwise IPv4
	Stopped uint64 // stopped requests
	DryRun  uint64 // requests that passed only because of DryRun
	Passed  uint64 // requests that passed with the pass of a solved challenge
	Solved  uint64 // challenges solved
	Relayed uint64 // those of Stopped that an [Inspector] answered with its own challenge
	Ended   uint64 // requests that passed, and were ended while they were served
}

// Snapshot returns the current counts. A request that is counted at the same time may
// be included in part.
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
