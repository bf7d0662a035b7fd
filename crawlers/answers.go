package crawlers

import (
	"net/netip"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	longestNo = time.Hour        // how long a negative answer is kept, because names are sometimes set up late
	quiet     = 30 * time.Second // after a failure, before DNS is asked again
)

// A finding is the result for an address: its crawlers, and whether DNS has answered.
// An unknown address has no crawlers.
type finding struct {
	is    []*bot
	known bool
}

// An answer is a stored finding.
type answer struct {
	finding
	since time.Time // when DNS answered
	until time.Time // when DNS is asked again
}

// answers is the cache of DNS results. Only one goroutine at a time may use it.
type answers struct {
	ttl     time.Duration
	yes, no *simplelru.LRU[netip.Addr, answer] // separate, so that false claims do not displace crawlers
}

func newAnswers(size int, ttl time.Duration) answers {
	yes, _ := simplelru.NewLRU[netip.Addr, answer](size, nil) // fails on a size below 1 only
	no, _ := simplelru.NewLRU[netip.Addr, answer](size, nil)
	return answers{ttl: ttl, yes: yes, no: no}
}

// get returns the finding about ip, and whether it is still valid.
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

// put stores the answer of DNS about ip.
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

// fail records that DNS did not answer about ip, and returns the finding until it does.
// A recently verified crawler stays one for one more TTL: an outage of the local DNS
// must not shut it out, and no other client can have been verified at its address.
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
