package detect

import (
	"hash/maphash"
	"sync"

	"github.com/tocsin-project/tocsin/event"
)

// A store holds the buckets. It is split into parts, so that events of different clients
// rarely wait for one another. Events of one bucket always do.
//
// A client with enough addresses can fill any table. This one then drops, in each of its
// parts, the least recently used bucket of the network with the most buckets, of the
// provider with the most buckets: see [fairStore]. All buckets of a network's clients are in one
// part, and a client cannot find out which one.
type store struct {
	seed  maphash.Seed
	parts []*shard
}

// A shard is one part of the store.
type shard struct {
	mu      sync.Mutex
	buckets *fairStore[bucketKey, *bucket]
	bytes   int // the size of all buckets
	most    int
	evicted uint64
}

// The smallest number of buckets for which a part is worthwhile.
const minPart = 256

// partsFor returns the number of parts for a store of this size.
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
	p.buckets = newFairStore[bucketKey](buckets, func(b *bucket) {
		p.bytes -= b.size
		p.evicted++
	})
	return p
}

// part returns the part for a key, by the client's network, or else by the texts that events
// are grouped by.
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

// pour adds an event to its bucket. It returns the alert, if the bucket overflows.
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

// measure records the new size of the bucket, and makes room for it.
func (p *shard) measure(b *bucket) {
	size := b.measure()
	p.bytes += size - b.size
	b.size = size
	for p.bytes > p.most && p.buckets.len() > 1 {
		p.buckets.evict()
	}
}

// forgive takes back the failures of a user who has logged in: see [bucket.forgive].
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

// retain drops the buckets of all rules except the ones to keep.
func (s *store) retain(rules map[uint32]bool) {
	for _, part := range s.parts {
		part.mu.Lock()
		for k, h := range part.buckets.entries {
			if !rules[k.rule] {
				part.bytes -= h.value.size
				part.buckets.remove(k)
			}
		}
		part.mu.Unlock()
	}
}

// stats returns the number of buckets, their size, and how many were dropped because the
// store was full.
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
