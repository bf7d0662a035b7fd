package detect

import (
	"math"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

// A bucket counts the events of one client, or of what else a scenario groups them
// by. It is filled as CrowdSec fills it: the limiter is that of golang.org/x/time,
// down to how it rounds.
type bucket struct {
	live       bool  // there are events in it
	mutedUntil int64 // an overflow before then is not reported: see scenario.blackhole
	muted      bool  // mutedUntil means something

	tokens      float64
	refilled    int64 // when tokens was right
	first, last int64 // when events were poured
	count       int
	unmarked    bool // some of them are Unmarked

	seen    []uint64 // hashes of distinct values, the oldest at next
	owners  []uint64 // of these: whose success takes them back; empty: nobody's does
	next    int
	unnamed int // of these taken back by who did not say who it is

	refunded     []uint64 // who was let in lately, the first one at nextRefunded: see relieve
	nextRefunded int

	reported      []uint64 // distinct values of alerts, which count again from reportedUntil on
	reportedUntil int64

	places []string // that reflected events asked for: see Alert.Places

	events []record // the last ones, in a ring
	at     int      // where the next one goes

	size int // of the above, in bytes: see store
}

// A pouredEvent is an event on its way into a bucket.
type pouredEvent struct {
	rule     *rule
	now      int64
	distinct bool   // the event counts only if value is new
	value    uint64 // a hash
	owner    uint64 // of value: see rule.forgiven
	view     *view
	bound    *Config
	clients  *clients
}

// pour puts an event into the bucket, and reports whether that overflows.
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

// maxAsked is how many places a bucket remembers that reflected events asked for.
const maxAsked = 9

// asked remembers a place.
func (b *bucket) asked(place string) {
	if len(b.places) < maxAsked && !slices.Contains(b.places, place) {
		b.places = append(b.places, place)
	}
}

// take takes a token, and reports whether there was one, or the client has credit.
// Time that runs backwards brings none, and is then the time to go on from.
func (b *bucket) take(p pouredEvent) bool {
	r, now, tokens := p.rule, p.now, b.tokens
	if now > b.refilled {
		refill := float64(time.Duration(now-b.refilled).Seconds() * r.rate) // rounded before it is added, on all machines
		tokens = min(tokens+refill, float64(r.capacity))
	}
	tokens--
	// The limiter asks how long there is to wait for a token, in whole
	// nanoseconds: less than one is none.
	if r.lacks(tokens) && r.lacks(tokens+p.credit()) {
		return false
	}
	b.tokens, b.refilled = tokens, now
	return true
}

func (r *rule) lacks(tokens float64) bool {
	return tokens < 0 && time.Duration(min(-tokens/r.rate*float64(time.Second), math.MaxInt64)) > 0
}

// remember adds a value to those seen, and reports whether it is new. With too
// many of them the oldest is forgotten: it would count again.
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

// forgive takes back the values of an owner who was let in after all. Who was let
// in without saying who it is, as by the second step of a login, takes back the last
// value of anybody, maxUnnamed times at most: who has an account could log in after
// each guess.
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
		b.tokens++ // take cuts off what is too much
		b.count--
		if owner == 0 {
			return
		}
	}
}

// A refund is what a login that succeeds, or a code that the site has, does to a bucket.
type refund struct {
	rule     *rule
	owner    uint64 // 0: it does not say who it is
	relieves int    // failures that it makes up for; 0: none
}

// maxRefunded is how many names have to log in before one of them counts again.
const maxRefunded = 256

// relieve lets a name that was let in, or a code that is there, make up for others. It
// counts once: who has an account could log in after each guess at those of others.
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

// report reports whether an overflow is to be reported, or falls into the
// blackhole of one that was. That does not make it longer.
func (b *bucket) report(r *rule, now int64) bool {
	b.live = false
	if b.muted && b.mutedUntil > now {
		return false
	}
	b.muted, b.mutedUntil = r.quiet > 0, now+r.quiet
	b.settle(r, now)
	return true
}

// maxReported is how many values of alerts a bucket remembers.
const maxReported = 256

// settle remembers the values of an alert of a built-in scenario. As long as what it leads
// to lasts, they do not count again: an open page and a program ask for the same again and
// again, and only who searches goes on to something else.
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

// measure returns how many bytes the bucket takes.
func (b *bucket) measure() int {
	const fixed, perRecord, perPlace = 512, 64, 32 // with what the table of buckets takes
	n := fixed + 8*(cap(b.seen)+cap(b.owners)+cap(b.refunded)+cap(b.reported))
	for _, place := range b.places {
		n += perPlace + len(place)
	}
	for i := range b.events {
		n += perRecord + cap(b.events[i].text)
	}
	return n
}
