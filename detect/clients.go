package detect

import (
	"hash/maphash"
	"math"
	"slices"
	"sync"
)

// clients remembers what each client did well, which counts when it does something
// that it should not: see [pouredEvent].credit. It is split like a [store], and forgets like
// one: see [fair].
//
// Who has shown credentials that the site accepted is remembered apart, where nothing
// else gets in: see [shares].
type clients struct {
	seed  maphash.Seed
	parts []clientPart

	mu       sync.Mutex
	accepted *shares[clientKey, int64] // until when
}

// acceptedShare is for how many of its clients one network can be accepted at a time.
const acceptedShare = 128

type clientPart struct {
	mu    sync.Mutex
	known *fair[clientKey, *client]
}

// A clientKey is the address of who is meant.
type clientKey struct{ hi, lo uint64 }

// A client is what is remembered of one.
type client struct {
	found, missing uint16                // different pages that were there, and that were not, lately
	halved         int64                 // when these were halved last
	answers        [recentAnswers]answer // for different pages lately, the last one first
	recent         [recentPages]uint32
	next           uint8
	ends           [2][recentEnds]uint32 // first and last elements of paths that were not there
	nextEnd        [2]uint8
	stepped        int64 // until when a code of it completes a login: its password was right
	idle           idleness
}

const (
	recentEnds    = 8                // that are one place when they are missed again
	recentPages   = 16               // that one has to leave before a page counts again
	recentAnswers = 4                // that a site may give for what it has not, in turns with pages
	halfLife      = int64(10 * 60e9) // after which half of what a client found is forgotten
	maxFound      = 1000
	sameAgain     = 3 // different pages with one answer that make the next with it no page
	passWorth     = 5 // pages that a solved challenge is worth
	knownByAuth   = int64(3600e9)
	knownByLogin  = int64(12 * 3600e9)
	stepLasts     = int64(10 * 60e9)
)

func newClients(size int) *clients {
	n := partsFor(size)
	c := &clients{seed: maphash.MakeSeed(), parts: make([]clientPart, n), accepted: newShares[clientKey, int64](size, acceptedShare)}
	for i := range c.parts {
		c.parts[i].known = newFair[clientKey](size/n, func(*client) {})
	}
	return c
}

// with calls f with what is known of a client, under a lock. Of one that is not
// known it knows nothing, and remembers what f makes of that if create says so.
func (c *clients) with(k clientKey, create bool, f func(*client)) {
	part := &c.parts[0]
	if len(c.parts) > 1 {
		part = &c.parts[maphash.Comparable(c.seed, networkOf(k))%uint64(len(c.parts))]
	}
	part.mu.Lock()
	defer part.mu.Unlock()
	one, ok := part.known.get(k)
	if !ok {
		if !create {
			return
		}
		one = new(client)
		part.known.add(k, k, one)
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

// An answer is what two pages have in common that are none: a [likeness] in short.
type answer struct {
	kind  uint32 // hash of the status, and of where it leads or what it is; 0: none
	size  uint32
	path  uint16 // how long the path was, which many pages repeat
	times uint8  // it was given, for different pages
	moved bool
}

func answerOf(l likeness, path int) answer {
	if l.status == 0 {
		return answer{}
	}
	return answer{
		kind: uint32(l.kind) | 1, size: uint32(min(l.size, math.MaxUint32)), path: uint16(min(path, math.MaxUint16)), times: 1,
		moved: l.status >= 300 && l.status < 400,
	}
}

// is reports whether b may be a for another path: pages differ by how often, and in
// how many letters, they repeat it, and by a little when they are compressed.
func (a answer) is(b answer) bool {
	const repeats, slack = 4, 4
	longer := int64(max(a.path, b.path) - min(a.path, b.path))
	bigger := int64(max(a.size, b.size) - min(a.size, b.size))
	return a.kind == b.kind && a.moved == b.moved && bigger <= repeats*longer+slack
}

// find returns which of the recent answers is like a; -1 for none.
func (c *client) find(a answer) int {
	if a.kind == 0 {
		return -1
	}
	return slices.IndexFunc(c.answers[:], a.is)
}

// resembles notes the answer for a page, unless the client has asked for it just
// now, and returns how often there was such a one; 0 if the page is not new.
func (c *client) resembles(page uint64, a answer) int {
	if slices.Contains(c.recent[:], uint32(page)) {
		return 0
	}
	c.recent[c.next] = uint32(page)
	c.next = (c.next + 1) % recentPages
	if a.kind == 0 {
		return 1
	}
	i := c.find(a)
	if i < 0 {
		i = recentAnswers - 1
	} else {
		a.times = min(c.answers[i].times, sameAgain) + 1
	}
	copy(c.answers[1:i+1], c.answers[:i])
	c.answers[0] = a
	return int(a.times)
}

// sees counts a page that was there or was not, unless the client has seen it just
// now: to load one page again and again is no merit.
func (c *client) sees(page uint64, there bool, a answer, now int64) {
	c.age(now)
	switch times := c.resembles(page, a); {
	case times == 0:
		return
	case times == sameAgain && !a.moved:
		c.found -= min(c.found, sameAgain-1) // those before were none either
		there = false
	}
	switch {
	case !there:
		c.missing = min(c.missing+1, maxFound)
	case !a.moved: // a redirect is no page
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
		m.found = int(one.found)
	})
	m.known = c.isKnown(k, now)
	return m
}

// knows notes that a client has shown what only the site can have given it.
func (c *clients) knows(k clientKey, until int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, _ := c.accepted.get(k)
	c.accepted.put(k, k, max(before, until))
}

// isKnown reports whether it has, lately.
func (c *clients) isKnown(k clientKey, now int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	until, _ := c.accepted.get(k)
	return until > now
}

// size returns how many clients are remembered.
func (c *clients) size() (n int) {
	for i := range c.parts {
		p := &c.parts[i]
		p.mu.Lock()
		n += p.known.len()
		p.mu.Unlock()
	}
	return n
}
