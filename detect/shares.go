package detect

import (
	"slices"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/tocsin-project/tocsin/event"
)

// shares remember things, within bounds, so that nobody makes others' be forgotten. Who
// has put something there has a share of the room, and no more: with one thing too many
// the first of its own goes. When all of the room is taken, the network goes first that
// has put nothing there for the longest time. Users lock.
type shares[K comparable, V any] struct {
	room, share int
	things      map[K]shared[V]
	owners      *simplelru.LRU[clientKey, *[]K] // the things of each network, the first one first
}

// A shared is a thing, and the network that it is counted for.
type shared[V any] struct {
	owner clientKey
	value V
}

func newShares[K comparable, V any](room, share int) *shares[K, V] {
	s := &shares[K, V]{room: max(1, room), share: max(1, share), things: make(map[K]shared[V])}
	s.owners, _ = simplelru.NewLRU[clientKey, *[]K](s.room, nil) // fails on a size below 1 only
	return s
}

// networkOf returns the network that has a share: a /24, or a /48 of IPv6, which
// anybody can have.
func networkOf(client clientKey) clientKey {
	if mapped := client.hi == 0 && client.lo>>32 == 0xffff; mapped {
		return clientKey{0, client.lo &^ 0xff}
	}
	return clientKey{client.hi &^ 0xffff, 0}
}

func (s *shares[K, V]) get(k K) (value V, ok bool) {
	one, ok := s.things[k]
	return one.value, ok
}

// put remembers a thing for a client. One that is there stays its owner's.
func (s *shares[K, V]) put(client clientKey, k K, value V) {
	if one, ok := s.things[k]; ok {
		one.value = value
		s.things[k] = one
		s.owners.Get(one.owner) // it is in use
		return
	}
	owner := networkOf(client)
	own, ok := s.owners.Get(owner)
	if !ok {
		own = new([]K)
	}
	if len(*own) >= s.share {
		s.dropFirst(own)
	} else if len(s.things) >= s.room {
		s.makeRoom()
	}
	*own = append(*own, k)
	s.owners.Add(owner, own)
	s.things[k] = shared[V]{owner, value}
}

// makeRoom forgets something of the network that has put nothing there for the longest
// time.
func (s *shares[K, V]) makeRoom() {
	oldest, all, _ := s.owners.GetOldest()
	if s.dropFirst(all); len(*all) == 0 {
		s.owners.Remove(oldest)
	}
}

// dropFirst forgets the first of a network's things.
func (s *shares[K, V]) dropFirst(all *[]K) {
	delete(s.things, (*all)[0])
	*all = slices.Delete(*all, 0, 1)
}

// lessons are what requests have taught. What a page of somebody else, or a client that
// claims to be sent by one, can teach has a room of its own: it displaces nothing that
// the site's own visitors have taught.
type lessons[V any] struct{ own, others *shares[uint64, V] }

func newLessons[V any](room, share int) lessons[V] {
	return lessons[V]{newShares[uint64, V](room, share), newShares[uint64, V](room, share)}
}

// of returns those that a request of v's kind teaches.
func (l lessons[V]) of(v *view) *shares[uint64, V] {
	if v.evt.Attribution == event.Own {
		return l.own
	}
	return l.others
}

// knows reports whether somebody has taught that.
func (l lessons[V]) knows(k uint64) bool {
	_, ok := l.own.get(k)
	if !ok {
		_, ok = l.others.get(k)
	}
	return ok
}
