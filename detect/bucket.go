package detect

import (
	"math"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

// A bucket counts the events of one client, or of another group that a scenario forms. It
// fills as in CrowdSec: the limiter works like golang.org/x/time's, and rounds in the same
// way.
type bucket struct {
	live       bool  // the bucket has events
	mutedUntil int64 // overflows before this time are not reported: see scenario.blackhole
	muted      bool  // mutedUntil is set

	tokens      float64
	refilled    int64 // when tokens was last updated
	first, last int64 // the times of the first and last event
	count       int
	unmarked    bool // some of the events are Unmarked

	seen    []uint64 // hashes of distinct values, the oldest at next
	owners  []uint64 // for each of seen, the owner whose successful login takes it back; empty if none can
	next    int
	unnamed int // how many values were taken back by logins without a user name

	refunded     []uint64 // owners who logged in recently, the oldest at nextRefunded: see relieve
	nextRefunded int

	reported      []uint64 // distinct values of earlier alerts, which do not count again before reportedUntil
	reportedUntil int64

	places []string // places that reflected events requested: see Alert.Places

	events []record // the last events, in a ring
	at     int      // the position of the next event in the ring

	size int // bytes of all of the above: see store
}

// A pouredEvent is an event that is being added to a bucket.
type pouredEvent struct {
	rule     *rule
	now      int64
	distinct bool   // the event counts only if value is new
	value    uint64 // a hash
	owner    uint64 // the owner of value: see rule.forgiven
	view     *view
	bound    *Config
	clients  *clients
}

// pour adds an event to the bucket, and reports whether the bucket overflows.
func (b *bucket) pour(p pouredEvent) bool {
	if p.rule.trigger {
		b.begin(p)
		b.add(p)
		return true
	}
	if !b.live || p.now > b.last+p.rule.life {
		b.begin(p)
	}
	if p.distinct && !b.remember(p) {
		return false
	}
	b.add(p)
	return !b.take(p)
}

// begin empties the bucket.
func (b *bucket) begin(p pouredEvent) {
	b.live, b.count, b.first, b.unmarked = true, 0, p.now, false
	b.tokens, b.refilled = float64(p.rule.capacity), p.now
	b.seen, b.owners, b.next, b.unnamed = b.seen[:0], b.owners[:0], 0, 0
	b.refunded, b.nextRefunded = b.refunded[:0], 0
	b.places = nil
	b.at = 0
	for i := range b.events {
		b.events[i].used = false
	}
}

// add counts an event.
func (b *bucket) add(p pouredEvent) {
	b.count++
	b.last = p.now
	b.unmarked = b.unmarked || p.view.evt.Attribution == event.Unmarked
	b.record(p)
	if p.rule.reflects(p.view) {
		b.asked(p.view.spot())
	}
}

// maxAsked is how many places of reflected events a bucket remembers.
const maxAsked = 9

// asked remembers a place.
func (b *bucket) asked(place string) {
	if len(b.places) < maxAsked && !slices.Contains(b.places, place) {
		b.places = append(b.places, place)
	}
}

// take takes a token, and reports whether there was one, or the client has credit. If the
// clock goes backwards, no tokens are added, and counting continues from the earlier time.
func (b *bucket) take(p pouredEvent) bool {
	r, now, tokens := p.rule, p.now, b.tokens
	if now > b.refilled {
		refill := float64(time.Duration(now-b.refilled).Seconds() * r.rate) // rounded before it is added, so that all machines give the same result
		tokens = min(tokens+refill, float64(r.capacity))
	}
	tokens--
	// The limiter computes the wait for a token in whole nanoseconds. A wait below 1 ns is
	// no wait.
	if r.lacks(tokens) && r.lacks(tokens+p.credit()) {
		return false
	}
	b.tokens, b.refilled = tokens, now
	return true
}

func (r *rule) lacks(tokens float64) bool {
	return tokens < 0 && time.Duration(min(-tokens/r.rate*float64(time.Second), math.MaxInt64)) > 0
}

// remember adds a value to the ones seen, and reports whether it is new. If there are too
// many, the oldest value is forgotten and would count again.
func (b *bucket) remember(p pouredEvent) bool {
	if slices.Contains(b.seen, p.value) || p.now < b.reportedUntil && slices.Contains(b.reported, p.value) {
		return false
	}
	limit := p.bound.Values
	if len(b.seen) < limit {
		b.seen = append(b.seen, p.value)
		if p.rule.forgiven {
			b.owners = append(b.owners, p.owner)
		}
		return true
	}
	b.seen[b.next] = p.value
	if p.rule.forgiven {
		b.owners[b.next] = p.owner
	}
	b.next = (b.next + 1) % limit
	return true
}

// forgive takes back the values of an owner who has logged in successfully. A success
// without a user name, such as the second step of a login, takes back the last value of any
// owner, but at most maxUnnamed times: otherwise an attacker with an account could log in
// after each guess.
func (b *bucket) forgive(owner uint64, maxUnnamed int) {
	if owner == 0 {
		if b.unnamed >= maxUnnamed {
			return
		}
		b.unnamed++
	}
	for i, of := range slices.Backward(slices.Clone(b.owners)) {
		if owner != 0 && of != owner {
			continue
		}
		b.seen, b.owners, b.next = slices.Delete(b.seen, i, i+1), slices.Delete(b.owners, i, i+1), 0
		b.tokens++ // take limits the tokens to the capacity
		b.count--
		if owner == 0 {
			return
		}
	}
}

// A refund is the effect of a successful login, or of a code that the site knows, on a
// bucket.
type refund struct {
	rule     *rule
	owner    uint64 // 0 if there is no user name
	relieves int    // how many failures it compensates; 0 for none
}

// maxRefunded is how many other names must log in before the same name compensates a failure
// again.
const maxRefunded = 256

// relieve lets a successful login, or a code that the site knows, compensate failures of
// others. Each name or code does so once: otherwise an attacker with an account could log in
// after each guess at other accounts.
func (b *bucket) relieve(m refund) {
	if slices.Contains(b.refunded, m.owner) {
		return
	}
	if len(b.refunded) < maxRefunded {
		b.refunded = append(b.refunded, m.owner)
	} else {
		b.refunded[b.nextRefunded] = m.owner
		b.nextRefunded = (b.nextRefunded + 1) % maxRefunded
	}
	b.tokens = min(b.tokens+float64(m.relieves), float64(m.rule.capacity))
}

// report reports whether an overflow is to be reported, or falls into the blackhole of an
// earlier one. A hidden overflow does not make the blackhole longer.
func (b *bucket) report(r *rule, now int64) bool {
	b.live = false
	if b.muted && b.mutedUntil > now {
		return false
	}
	b.muted, b.mutedUntil = r.quiet > 0, now+r.quiet
	b.settle(r, now)
	return true
}

// maxReported is how many values of earlier alerts a bucket remembers.
const maxReported = 256

// settle remembers the values of an alert of a built-in scenario. They do not count again
// while the alert's decision lasts: an open page or a program repeats the same requests, but
// only a search goes on to new ones.
func (b *bucket) settle(r *rule, now int64) {
	if !r.builtin || r.duration == 0 {
		return
	}
	if now >= b.reportedUntil {
		b.reported = b.reported[:0]
	}
	b.reported = append(b.reported, b.seen[:min(len(b.seen), maxReported-min(len(b.reported), maxReported))]...)
	b.reportedUntil = now + int64(r.duration)
}

// measure returns how many bytes of memory the bucket uses.
func (b *bucket) measure() int {
	const fixed, perRecord, perPlace = 512, 64, 32 // includes the entry in the table of buckets
	n := fixed + 8*(cap(b.seen)+cap(b.owners)+cap(b.refunded)+cap(b.reported))
	for _, place := range b.places {
		n += perPlace + len(place)
	}
	for i := range b.events {
		n += perRecord + cap(b.events[i].text)
	}
	return n
}
