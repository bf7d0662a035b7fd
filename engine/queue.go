package engine

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"

	"github.com/tocsin-project/tocsin/event"
)

const (
	maxEvents = 1024 // waiting responses
	netEvents = 128  // of one network
	counters  = 4096 // networks are assigned to them by hash
)

// A queue holds responses that wait for the detector, in their order. One network gets
// an eighth of it, so a flood does not hide other clients.
type queue struct {
	events chan *event.Event
	shares netShares
}

func newQueue() *queue {
	return &queue{events: make(chan *event.Event, maxEvents), shares: newNetShares(netEvents)}
}

// put reports whether there was room for ev. It does not wait.
func (q *queue) put(ev *event.Event) bool {
	if !q.shares.take(ev.Client) {
		return false
	}
	select {
	case q.events <- ev:
		return true
	default:
		q.took(ev)
		return false
	}
}

// took records that ev has left the queue.
func (q *queue) took(ev *event.Event) { q.shares.give(ev.Client) }

// netShares counts how many places of a queue each network uses, a /24 or a /40 of IPv6.
//
// It counts by a hash of the network, without a lock. Two networks with the same hash
// share one part. The seed is random, so an attacker cannot choose the hash of another
// network.
type netShares struct {
	most int32
	seed maphash.Seed
	held *[counters]atomic.Int32
}

func newNetShares(most int32) netShares {
	return netShares{most: most, seed: maphash.MakeSeed(), held: new([counters]atomic.Int32)}
}

// take takes a place for the network of ip, and reports whether one was free.
func (s *netShares) take(ip netip.Addr) bool {
	held := s.of(ip)
	if held.Add(1) > s.most {
		held.Add(-1)
		return false
	}
	return true
}

// give frees a place of the network of ip.
func (s *netShares) give(ip netip.Addr) { s.of(ip).Add(-1) }

func (s *netShares) of(ip netip.Addr) *atomic.Int32 {
	network := event.NetworkOf(ip).Addr().As16()
	return &s.held[maphash.Bytes(s.seed, network[:])%counters]
}
