package engine

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/tocsin-project/tocsin/event"
)

const (
	maxEvents = 1024 // responses that may wait to be judged
	netEvents = 128  // of one network
	counters  = 4096 // that networks share by their hash
)

// A queue holds responses that wait to be judged, in their order. One network, a /24 or
// a /40 of IPv6, gets an eighth of it: who floods the site keeps no others from being
// seen.
//
// It counts by a hash of the network and takes no lock. Two networks with the same hash
// have one share between them, and nobody can choose to have another's: the seed is
// random.
type queue struct {
	events chan *event.Event
	seed   maphash.Seed
	held   [counters]atomic.Int32
}

func newQueue() *queue {
	return &queue{events: make(chan *event.Event, maxEvents), seed: maphash.MakeSeed()}
}

// put reports whether there was room for ev. It does not wait.
func (q *queue) put(ev *event.Event) bool {
	held := q.of(ev)
	if held.Add(1) > netEvents {
		held.Add(-1)
		return false
	}
	select {
	case q.events <- ev:
		return true
	default:
		held.Add(-1)
		return false
	}
}

// took notes that ev is in the queue no more.
func (q *queue) took(ev *event.Event) { q.of(ev).Add(-1) }

// of returns how many responses to the network of ev are in the queue.
func (q *queue) of(ev *event.Event) *atomic.Int32 {
	network := event.NetworkOf(ev.Client).Addr().As16()
	return &q.held[maphash.Bytes(q.seed, network[:])%counters]
}
