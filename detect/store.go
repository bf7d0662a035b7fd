package detect

import (
	"hash/maphash"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// A store holds the buckets. It is split, so that events of different clients
// seldom wait for one another; those of one bucket always do.
//
// Whoever sends from enough addresses can fill any table. This one forgets the
// bucket that was not used for the longest time, in each of its parts; which part
// a bucket is in is not for clients to know.
type store struct {
	seed  maphash.Seed
	parts []*shelf
}

// A shelf is a part of the store.
type shelf struct {
	mu      sync.Mutex
	buckets *simplelru.LRU[bucketKey, *bucket]
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

func newPart(buckets, bytes int) *shelf {
	p := &shelf{most: bytes}
	forget := func(_ bucketKey, b *bucket) {
		p.bytes -= b.size
		p.evicted++
	}
	p.buckets, _ = simplelru.NewLRU(buckets, forget) // fails on a size below 1 only
	return p
}

func (s *store) part(k bucketKey) *shelf {
	if len(s.parts) == 1 {
		return s.parts[0]
	}
	return s.parts[maphash.Comparable(s.seed, k)%uint64(len(s.parts))]
}

// pour puts an event into its bucket. It returns the alert, if one is due.
func (s *store) pour(k bucketKey, p pouring) (Alert, bool) {
	part := s.part(k)
	part.mu.Lock()
	defer part.mu.Unlock()
	b, ok := part.buckets.Get(k)
	if !ok {
		b = &bucket{}
		part.buckets.Add(k, b)
	}
	over := b.pour(p)
	part.measure(b)
	if !over {
		return Alert{}, false
	}
	p.rule.count.overflows.Add(1)
	if !b.report(p.rule, p.now) {
		p.rule.count.hidden.Add(1)
		return Alert{}, false
	}
	return p.alert(b), true
}

// measure takes note of how large the bucket has become, and makes room for it.
func (p *shelf) measure(b *bucket) {
	size := b.measure()
	p.bytes += size - b.size
	b.size = size
	for p.bytes > p.most && p.buckets.Len() > 1 {
		p.buckets.RemoveOldest()
	}
}

// forgive takes back what an owner is counted for in a bucket: see [bucket.forgive].
func (s *store) forgive(k bucketKey, owner uint64, gifts int) {
	part := s.part(k)
	part.mu.Lock()
	defer part.mu.Unlock()
	if b, ok := part.buckets.Peek(k); ok && b.live {
		b.forgive(owner, gifts)
	}
}

// retain forgets the buckets of rules that are not among those to be kept.
func (s *store) retain(rules map[uint32]bool) {
	for _, part := range s.parts {
		part.mu.Lock()
		for _, k := range part.buckets.Keys() {
			if !rules[k.rule] {
				part.buckets.Remove(k)
				part.evicted--
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
		buckets += part.buckets.Len()
		bytes += part.bytes
		evicted += part.evicted
		part.mu.Unlock()
	}
	return buckets, bytes, evicted
}
