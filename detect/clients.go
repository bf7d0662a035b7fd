package detect

import (
	"hash/maphash"
	"math"
	"slices"
	"sync"
)

// clients remembers the good behaviour of each client. It gives the client credit when it
// later does something suspicious: see [pouredEvent].credit. It is split like a [store], and
// evicts like one: see [fairStore].
//
// Clients that have shown credentials that the site accepted are kept separately, so that
// other clients cannot displace them: see [shares].
type clients struct {
	seed  maphash.Seed
	parts []clientPart

	mu          sync.Mutex
	accepted    *shares[clientKey, int64] // the time until which each is remembered
	credentials *shares[uint64, int64]    // hashes of what they have shown, likewise
}

// acceptedShare is how many accepted clients are remembered for one network.
const acceptedShare = 128

type clientPart struct {
	mu    sync.Mutex
	known *fairStore[clientKey, *client]
}

// A clientKey is the address of a client.
type clientKey struct{ hi, lo uint64 }

// A client has the remembered behaviour of one client.
type client struct {
	found, missing uint16                // different pages it requested recently that existed, and that did not
	halved         int64                 // when both counts were last halved
	answers        [recentAnswers]answer // recent answers for different pages, the newest first
	recent         [recentPages]uint32
	next           uint8
	ends           [2][recentEnds]uint32 // first and last elements of paths that did not exist
	nextEnd        [2]uint8
	stepped        int64 // until when a code completes its login, because the password was right
	unused         unusedLogins
}

const (
	recentEnds    = 8                // paths with the same first or last element count as one place when they are missing again
	recentPages   = 16               // a page counts again after this many other pages
	recentAnswers = 4                // different answers that a site may give for missing paths, mixed with real pages
	halfLife      = int64(10 * 60e9) // after this time the counts of a client are halved
	maxFound      = 1000
	sameAgain     = 3 // after this many different pages with the same answer, the next one counts as missing
	passWorth     = 5 // a solved challenge counts as this many pages
	knownByAuth   = int64(3600e9)
	knownByLogin  = int64(12 * 3600e9)
	stepLasts     = int64(10 * 60e9)
)

func newClients(size int) *clients {
	n := partsFor(size)
	c := &clients{
		seed: maphash.MakeSeed(), parts: make([]clientPart, n),
		accepted: newShares[clientKey, int64](size, acceptedShare), credentials: newShares[uint64, int64](size, credentialShare),
	}
	for i := range c.parts {
		c.parts[i].known = newFairStore[clientKey](size/n, func(*client) {})
	}
	return c
}

// with calls f with the data of a client, under a lock. For an unknown client the data is
// empty, and is stored only if create is set.
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

// age halves the counts for each half-life that has passed.
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

// An answer is a short form of an [answerShape]: the same for two requests whose pages do not
// really exist.
type answer struct {
	kind  uint32 // hash of the status and of the redirect's target or the content type; 0 for none
	size  uint32
	path  uint16 // the length of the path, because many error pages repeat the path
	times uint8  // how many different pages had this answer
	moved bool
}

func answerOf(l answerShape, path int) answer {
	if l.status == 0 {
		return answer{}
	}
	return answer{
		kind: uint32(l.kind) | 1, size: uint32(min(l.size, math.MaxUint32)), path: uint16(min(path, math.MaxUint16)), times: 1,
		moved: l.status >= 300 && l.status < 400,
	}
}

// is reports whether b may be the same answer as a for another path. Such pages differ in
// size by how often, and with how many bytes, they repeat the path, and a little more when
// they are compressed.
func (a answer) is(b answer) bool {
	const repeats, slack = 4, 4
	longer := int64(max(a.path, b.path) - min(a.path, b.path))
	bigger := int64(max(a.size, b.size) - min(a.size, b.size))
	return a.kind == b.kind && a.moved == b.moved && bigger <= repeats*longer+slack
}

// find returns the index of the recent answer that is like a, or -1.
func (c *client) find(a answer) int {
	if a.kind == 0 {
		return -1
	}
	return slices.IndexFunc(c.answers[:], a.is)
}

// noteAnswer records the answer for a page, unless the client has just requested this page.
// It returns how often the client got such an answer, or 0 if the page is not new.
func (c *client) noteAnswer(page uint64, a answer) int {
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

// countPage counts a page that existed or did not. Repeated requests for the same page do not
// count, because anyone can reload a page.
func (c *client) countPage(page uint64, there bool, a answer, now int64) {
	c.age(now)
	switch times := c.noteAnswer(page, a); {
	case times == 0:
		return
	case times == sameAgain && !a.moved:
		c.found -= min(c.found, sameAgain-1) // the earlier pages with this answer did not exist either
		there = false
	}
	switch {
	case !there:
		c.missing = min(c.missing+1, maxFound)
	case !a.moved: // a redirect is no page
		c.found = min(c.found+1, maxFound)
	}
}

// noteMissing records the first and last element of a path that did not exist.
func (c *client) noteMissing(ends [2]uint64) {
	for i, end := range ends {
		if end == 0 || slices.Contains(c.ends[i][:], uint32(end)) {
			continue
		}
		c.ends[i][c.nextEnd[i]] = uint32(end)
		c.nextEnd[i] = (c.nextEnd[i] + 1) % recentEnds
	}
}

// missed reports whether the client has recently requested a missing path with this first or
// last element.
func (c *client) missed(ends [2]uint64) bool {
	for i, end := range ends {
		if end != 0 && slices.Contains(c.ends[i][:], uint32(end)) {
			return true
		}
	}
	return false
}

// A behaviour is the good behaviour of a client that counts when a bucket is almost full.
type behaviour struct {
	found int
	known bool
}

// behaviour returns the good behaviour of the client at now.
func (c *clients) behaviour(k clientKey, now int64) (m behaviour) {
	c.with(k, false, func(one *client) {
		one.age(now)
		m.found = int(one.found)
	})
	m.known = c.isKnown(k, now)
	return m
}

// accept records that a client has shown something that only the site can have given it.
func (c *clients) accept(k clientKey, until int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, _ := c.accepted.get(k)
	c.accepted.put(k, k, max(before, until))
}

// isKnown reports whether the client has done so recently.
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
