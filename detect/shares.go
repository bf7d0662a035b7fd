package detect

import "github.com/tocsin-project/tocsin/event"

// shares is a [fairStore] in which no network can use more than its share, even if there is free
// space. So space is left for later clients.
type shares[K comparable, V any] struct {
	share int
	all   *fairStore[K, V]
}

func newShares[K comparable, V any](room, share int) *shares[K, V] {
	return &shares[K, V]{share: max(1, share), all: newFairStore[K](room, func(V) {})}
}

func (s *shares[K, V]) get(k K) (value V, ok bool) { return s.all.peek(k) }

func (s *shares[K, V]) len() int { return s.all.len() }

// put stores an entry for a client. An existing entry keeps its owner.
func (s *shares[K, V]) put(client clientKey, k K, value V) {
	if _, ok := s.all.get(k); ok { // marks it as used
		s.all.entries[k].value = value
		return
	}
	if o := s.all.nets[networkOf(client)]; o != nil && o.n >= s.share {
		s.all.drop(o.entries.first)
	}
	s.all.add(client, k, value)
}

// A factStore has facts learned from requests. Facts from requests that other pages caused, or
// whose client claims so, are stored separately, so that they cannot displace facts that the
// site's own visitors have taught.
type factStore[V any] struct{ own, others *shares[uint64, V] }

func newFactStore[V any](own, others int) factStore[V] {
	return factStore[V]{newShares[uint64, V](own, own/ofAll), newShares[uint64, V](others, others/ofAll)}
}

// of returns the store for facts from a request of v's kind.
func (l factStore[V]) of(v *view) *shares[uint64, V] {
	if v.evt.Attribution == event.Own {
		return l.own
	}
	return l.others
}

// has reports whether any request has taught this fact.
func (l factStore[V]) has(k uint64) bool {
	_, ok := l.own.get(k)
	if !ok {
		_, ok = l.others.get(k)
	}
	return ok
}
