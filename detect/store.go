package detect

import (
	"hash/maphash"
	"sync"

	"github.com/tocsin-project/tocsin/event"
)

// A store holds the buckets. It is split, so that events of different clients
// seldom wait for one another; those of one bucket always do.
//
// Whoever sends from enough addresses can fill any table. This one forgets the bucket,
// in each of its parts, that was not used for the longest time by the network that has
// the most of them there, of the provider that has: see [fair]. All buckets of a network's clients are in one
// part; which one is not for clients to know.
type store struct {
	seed  maphash.Seed
	parts []*shard
}

// A shard is a part of the store.
type shard struct {
	mu      sync.Mutex
	buckets *fair[bucketKey, *bucket]
	bytes   int // of all of them
	most    int
	evicted uint64
}

// A part of a store is for so many buckets at least.
const minPart = 256

// partsFor returns how many parts what holds size things is split into.
func partsFor(size int) int {
	n := 1
	for n < 64 && size/(2*n) >= minPart {
		n *= 2
	}
	return n
}

func newStore(buckets, bytes int) *store {
	n := partsFor(buckets)
	s := &store{seed: maphash.MakeSeed()}
	for range n {
		s.parts = append(s.parts, newPart(max(1, buckets/n), bytes/n))
	}
	return s
}

func newPart(buckets, bytes int) *shard {
	p := &shard{most: bytes}
	p.buckets = newFair[bucketKey](buckets, func(b *bucket) {
		p.bytes -= b.size
		p.evicted++
	})
	return p
}

// part returns the part for a key: by the network of the client, or else by the texts
// that events are grouped by.
func (s *store) part(k bucketKey) *shard {
	if len(s.parts) == 1 {
		return s.parts[0]
	}
	of := networkOf(clientKey{k.hi, k.lo})
	if of == (clientKey{}) {
		of.lo = k.rest
	}
	return s.parts[maphash.Comparable(s.seed, of)%uint64(len(s.parts))]
}

// pour puts an event into its bucket. It returns the alert, if one is due.
func (s *store) pour(k bucketKey, p pouredEvent) (event.Alert, bool) {
	part := s.part(k)
	part.mu.Lock()
	defer part.mu.Unlock()
	b, ok := part.buckets.get(k)
	if !ok {
		b = &bucket{}
		part.buckets.add(p.view.clientKey(), k, b)
	}
	over := b.pour(p)
	part.measure(b)
	if !over {
		return event.Alert{}, false
	}
	p.rule.count.overflows.Add(1)
	if !b.report(p.rule, p.now) {
		p.rule.count.hidden.Add(1)
		return event.Alert{}, false
	}
	return p.alert(b), true
}

// measure takes note of how large the bucket has become, and makes room for it.
func (p *shard) measure(b *bucket) {
	size := b.measure()
	p.bytes += size - b.size
	b.size = size
	for p.bytes > p.most && p.buckets.len() > 1 {
		p.buckets.forget()
	}
}

// forgive takes back what somebody who was let in is counted for in a bucket: see
// [bucket.forgive].
func (s *store) forgive(k bucketKey, m refund) {
	part := s.part(k)
	part.mu.Lock()
	defer part.mu.Unlock()
	if b, ok := part.buckets.peek(k); ok && b.live {
		b.forgive(m.owner, m.rule.maxUnnamed())
		if m.relieves > 0 {
			b.relieve(m)
		}
	}
}

// retain forgets the buckets of rules that are not among those to be kept.
func (s *store) retain(rules map[uint32]bool) {
	for _, part := range s.parts {
		part.mu.Lock()
		for k, h := range part.buckets.things {
			if !rules[k.rule] {
				part.bytes -= h.value.size
				part.buckets.remove(k)
			}
		}
		part.mu.Unlock()
	}
}

// stats returns how many buckets there are, how much they take, and how many were
// forgotten for want of room.
func (s *store) stats() (buckets, bytes int, evicted uint64) {
	for _, part := range s.parts {
		part.mu.Lock()
		buckets += part.buckets.len()
		bytes += part.bytes
		evicted += part.evicted
		part.mu.Unlock()
	}
	return buckets, bytes, evicted
}
