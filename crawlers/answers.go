package crawlers

import (
	"net/netip"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	longestNo = time.Hour        // that a no is remembered: names get set up late
	quiet     = 30 * time.Second // after a failure, until DNS is asked again
)

// An answer says what crawlers an address is.
type answer struct {
	is    []*bot
	since time.Time // when DNS said so
	until time.Time // when it is to be asked again
}

// answers remembers what DNS said. Its methods are for one goroutine at a time.
type answers struct {
	ttl     time.Duration
	yes, no *simplelru.LRU[netip.Addr, answer] // apart, so that liars don't push out crawlers
}

func newAnswers(size int, ttl time.Duration) answers {
	yes, _ := simplelru.NewLRU[netip.Addr, answer](size, nil) // fails on a size below 1 only
	no, _ := simplelru.NewLRU[netip.Addr, answer](size, nil)
	return answers{ttl: ttl, yes: yes, no: no}
}

// get returns what ip is, and whether that is known well enough now.
func (a *answers) get(ip netip.Addr, now time.Time) ([]*bot, bool) {
	got, ok := a.yes.Get(ip)
	if !ok {
		got, ok = a.no.Get(ip)
	}
	if !ok || !now.Before(got.until) {
		return nil, false
	}
	return got.is, true
}

// put takes note that ip is what is says.
func (a *answers) put(ip netip.Addr, is []*bot, now time.Time) {
	if len(is) > 0 {
		a.no.Remove(ip)
		a.yes.Add(ip, answer{is, now, now.Add(a.ttl)})
		return
	}
	a.yes.Remove(ip)
	a.no.Add(ip, answer{until: now.Add(min(a.ttl, longestNo))})
}

// fail takes note that DNS does not say what ip is, and returns what it counts as
// until it does. A crawler of late stays one, for as long again as an answer
// holds: an outage of our own DNS is no reason to shut it out, and nobody else
// can have been verified at its address.
func (a *answers) fail(ip netip.Addr, now time.Time) []*bot {
	pause := min(a.ttl, quiet)
	if old, ok := a.yes.Get(ip); ok && now.Sub(old.since) < 2*a.ttl {
		old.until = now.Add(pause)
		a.yes.Add(ip, old)
		return old.is
	}
	a.yes.Remove(ip)
	a.no.Add(ip, answer{until: now.Add(pause)})
	return nil
}
