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

// A finding is what was found out about an address: the crawlers that it is, and whether
// DNS said so. What is not known is no crawler.
type finding struct {
	is    []*bot
	known bool
}

// An answer is a finding that is remembered.
type answer struct {
	finding
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

// get returns what was found out about ip, and whether that is good enough now.
func (a *answers) get(ip netip.Addr, now time.Time) (finding, bool) {
	got, ok := a.yes.Get(ip)
	if !ok {
		got, ok = a.no.Get(ip)
	}
	if !ok || !now.Before(got.until) {
		return finding{}, false
	}
	return got.finding, true
}

// put takes note that DNS says that ip is what is says.
func (a *answers) put(ip netip.Addr, is []*bot, now time.Time) finding {
	found := finding{is, true}
	if len(is) > 0 {
		a.no.Remove(ip)
		a.yes.Add(ip, answer{found, now, now.Add(a.ttl)})
		return found
	}
	a.yes.Remove(ip)
	a.no.Add(ip, answer{finding: found, until: now.Add(min(a.ttl, longestNo))})
	return found
}

// fail takes note that DNS does not say what ip is, and returns what it counts as
// until it does. A crawler of late stays one, for as long again as an answer
// holds: an outage of our own DNS is no reason to shut it out, and nobody else
// can have been verified at its address.
func (a *answers) fail(ip netip.Addr, now time.Time) finding {
	pause := min(a.ttl, quiet)
	if old, ok := a.yes.Get(ip); ok && now.Sub(old.since) < 2*a.ttl {
		old.until = now.Add(pause)
		a.yes.Add(ip, old)
		return old.finding
	}
	a.yes.Remove(ip)
	a.no.Add(ip, answer{until: now.Add(pause)})
	return finding{}
}
