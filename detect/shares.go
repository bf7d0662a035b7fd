package detect

import "github.com/tocsin-project/tocsin/event"

// shares are [fair], but that no network can have more than a share of the room even
// while nobody else wants it: of what is learned, the rest stays for those that come.
type shares[K comparable, V any] struct {
	share int
	all   *fair[K, V]
}

func newShares[K comparable, V any](room, share int) *shares[K, V] {
	return &shares[K, V]{share: max(1, share), all: newFair[K](room, func(V) {})}
}

func (s *shares[K, V]) get(k K) (value V, ok bool) { return s.all.peek(k) }

func (s *shares[K, V]) len() int { return s.all.len() }

// put remembers a thing for a client. One that is there stays its owner's.
func (s *shares[K, V]) put(client clientKey, k K, value V) {
	if _, ok := s.all.get(k); ok { // it is in use
		s.all.things[k].value = value
		return
	}
	if o := s.all.nets[networkOf(client)]; o != nil && o.n >= s.share {
		s.all.drop(o.things.first)
	}
	s.all.add(client, k, value)
}

// lessons are what requests have taught. What a page of somebody else, or a client that
// claims to be sent by one, can teach has a room of its own: it displaces nothing that
// the site's own visitors have taught.
type lessons[V any] struct{ own, others *shares[uint64, V] }

func newLessons[V any](own, others int) lessons[V] {
	return lessons[V]{newShares[uint64, V](own, own/ofAll), newShares[uint64, V](others, others/ofAll)}
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
