package detect

import (
	"hash/maphash"
	"slices"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// clients remembers what each client did well, which counts when it does something
// that it should not: see [scenario].credit. What is not used for the longest time
// is forgotten first. It is split like a [store].
type clients struct {
	seed  maphash.Seed
	parts []clientPart
}

type clientPart struct {
	mu    sync.Mutex
	known *simplelru.LRU[clientKey, *client]
}

// A clientKey is the address of who is meant.
type clientKey struct{ hi, lo uint64 }

// A client is what is remembered of one.
type client struct {
	found, missing uint16   // different pages that were there, and that were not, lately
	halved         int64    // when these were halved last
	knownUntil     int64    // it has shown credentials that the site accepted
	like           likeness // of the last pages, and how many had it
	alike          uint8
	recent         [recentPages]uint32
	next           uint8
	ends           [2][recentEnds]uint32 // first and last elements of paths that were not there
	nextEnd        [2]uint8
}

const (
	recentEnds   = 8                // that are one place when they are missed again
	recentPages  = 16               // that one has to leave before a page counts again
	halfLife     = int64(10 * 60e9) // after which half of what a client found is forgotten
	maxFound     = 1000
	sameAgain    = 3 // different pages with one answer that make the next with it no page
	passWorth    = 5 // pages that a solved challenge is worth
	knownByAuth  = int64(3600e9)
	knownByLogin = int64(12 * 3600e9)
)

func newClients(size int) *clients {
	n := 1
	for n < 64 && size/(2*n) >= minPart {
		n *= 2
	}
	c := &clients{seed: maphash.MakeSeed(), parts: make([]clientPart, n)}
	for i := range c.parts {
		c.parts[i].known, _ = simplelru.NewLRU[clientKey, *client](max(1, size/n), nil) // fails on a size below 1 only
	}
	return c
}

// with calls f with what is known of a client, under a lock. Of one that is not
// known it knows nothing, and remembers what f makes of that if create says so.
func (c *clients) with(k clientKey, create bool, f func(*client)) {
	part := &c.parts[0]
	if len(c.parts) > 1 {
		part = &c.parts[maphash.Comparable(c.seed, k)%uint64(len(c.parts))]
	}
	part.mu.Lock()
	defer part.mu.Unlock()
	one, ok := part.known.Get(k)
	if !ok {
		if !create {
			return
		}
		one = new(client)
		part.known.Add(k, one)
	}
	f(one)
}

// age forgets half of what the client found for each half-life that has passed.
func (c *client) age(now int64) {
	if c.halved == 0 || now < c.halved {
		c.halved = max(c.halved, now)
		return
	}
	n := (now - c.halved) / halfLife
	if n > 0 {
		c.found >>= min(n, 16)
		c.missing >>= min(n, 16)
		c.halved += n * halfLife
	}
}

// sees counts a page that was there or was not, unless the client has seen it just
// now: to load one page again and again is no merit.
func (c *client) sees(page uint64, there bool, l likeness, now int64) {
	c.age(now)
	for _, seen := range c.recent {
		if seen == uint32(page) {
			return
		}
	}
	switch {
	case l.status == 0:
	case c.like == l:
		if c.alike++; c.alike == sameAgain {
			c.found -= min(c.found, sameAgain) // those before were none either
		}
		c.alike = min(c.alike, sameAgain)
	default:
		c.like, c.alike = l, 1
	}
	c.recent[c.next] = uint32(page)
	c.next = (c.next + 1) % recentPages
	switch {
	case !there:
		c.missing = min(c.missing+1, maxFound)
	case l.status < 300 || l.status >= 400: // a redirect is no page
		c.found = min(c.found+1, maxFound)
	}
}

// misses notes how a path begins and ends that was not there.
func (c *client) misses(ends [2]uint64) {
	for i, end := range ends {
		if end == 0 || slices.Contains(c.ends[i][:], uint32(end)) {
			continue
		}
		c.ends[i][c.nextEnd[i]] = uint32(end)
		c.nextEnd[i] = (c.nextEnd[i] + 1) % recentEnds
	}
}

// missed reports whether the client has missed a path that begins or ends so.
func (c *client) missed(ends [2]uint64) bool {
	for i, end := range ends {
		if end != 0 && slices.Contains(c.ends[i][:], uint32(end)) {
			return true
		}
	}
	return false
}

// A merit is what of a client counts when a bucket is asked whether it is full.
type merit struct {
	found int
	known bool
}

// merit returns what counts of the client at now.
func (c *clients) merit(k clientKey, now int64) (m merit) {
	c.with(k, false, func(one *client) {
		one.age(now)
		m = merit{int(one.found), one.knownUntil > now}
	})
	return m
}

// knows notes that a client has shown what only the site can have given it.
func (c *clients) knows(k clientKey, until int64) {
	c.with(k, true, func(one *client) { one.knownUntil = max(one.knownUntil, until) })
}

// size returns how many clients are remembered.
func (c *clients) size() (n int) {
	for i := range c.parts {
		p := &c.parts[i]
		p.mu.Lock()
		n += p.known.Len()
		p.mu.Unlock()
	}
	return n
}
