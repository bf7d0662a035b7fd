package people

import (
	"net/netip"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// What a network may do: a /24, or a /48 of IPv6.
const (
	viewsPerSecond = 2.0
	viewsAtOnce    = 60
	formsPerSecond = 0.1
	formsAtOnce    = 20
	maxNetworks    = 20_000 // that are known; those beyond share one allowance
	maxOfWide      = maxNetworks / 8
)

// A limiter lets each network do so much in a second, and more at once after a rest.
type limiter struct {
	rate, burst float64
	now         func() time.Time

	mu    sync.Mutex
	nets  map[netip.Prefix]*allowance
	wide  map[netip.Prefix]int // how many of a /16, or of a /32 of IPv6
	swept time.Time
}

// An allowance is how much is left at a time.
type allowance struct {
	left float64
	at   time.Time
}

func newLimiter(perSecond, burst float64, now func() time.Time) *limiter {
	return &limiter{rate: perSecond, burst: burst, now: now, nets: map[netip.Prefix]*allowance{}, wide: map[netip.Prefix]int{}}
}

// take takes one from what the network of an address may do, or says when it may do more.
func (l *limiter) take(from netip.Addr) (retry time.Duration, ok bool) {
	var net netip.Prefix
	if from.IsValid() {
		net = lookup.Network(lookup.Normalize(from), 24, 48)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.of(net)
	now := l.now()
	if rest := now.Sub(a.at); rest > 0 {
		a.left, a.at = min(l.burst, a.left+rest.Seconds()*l.rate), now
	}
	if a.left < 1 {
		return max(time.Second, time.Duration((1-a.left)/l.rate*float64(time.Second))), false
	}
	a.left--
	return 0, true
}

// of returns the allowance of a network. One that has many addresses, such as a /32 of IPv6,
// takes no more than an eighth of the room: what is beyond that shares one allowance.
func (l *limiter) of(net netip.Prefix) *allowance {
	if a := l.nets[net]; a != nil {
		return a
	}
	if len(l.nets) >= maxNetworks {
		l.sweep()
	}
	wide := wideOf(net)
	if l.wide[wide] >= maxOfWide {
		net = wide
	}
	if len(l.nets) >= maxNetworks {
		net = netip.Prefix{}
	}
	a := l.nets[net]
	if a == nil {
		a = &allowance{l.burst, l.now()}
		l.nets[net] = a
		l.wide[wideOf(net)]++
	}
	return a
}

// wideOf returns the wider network that a network is in.
func wideOf(net netip.Prefix) netip.Prefix {
	if !net.IsValid() {
		return net
	}
	return lookup.Network(net.Addr(), 16, 32)
}

// sweep forgets networks that have rested. It looks once in a second, since it looks at all.
func (l *limiter) sweep() {
	now := l.now()
	if now.Sub(l.swept) < time.Second {
		return
	}
	l.swept = now
	for net, a := range l.nets {
		if a.left+now.Sub(a.at).Seconds()*l.rate < l.burst {
			continue
		}
		delete(l.nets, net)
		wide := wideOf(net)
		if l.wide[wide]--; l.wide[wide] <= 0 {
			delete(l.wide, wide)
		}
	}
}
