package people

import (
	"net/netip"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// Limits of a network: a /24, or a /48 of IPv6.
const (
	viewsPerSecond = 2.0
	viewsAtOnce    = 60
	formsPerSecond = 0.1
	formsAtOnce    = 20
	maxNetworks    = 20_000 // remembered; further ones share one allowance
	maxOfWide      = maxNetworks / 8
)

// A limiter is a token bucket for each network.
type limiter struct {
	rate, burst float64
	now         func() time.Time

	mu    sync.Mutex
	nets  map[netip.Prefix]*allowance
	wide  map[netip.Prefix]int // number of networks in a /16, or in a /32 of IPv6
	swept time.Time
}

// An allowance is the number of tokens at a time.
type allowance struct {
	left float64
	at   time.Time
}

func newLimiter(perSecond, burst float64, now func() time.Time) *limiter {
	return &limiter{rate: perSecond, burst: burst, now: now, nets: map[netip.Prefix]*allowance{}, wide: map[netip.Prefix]int{}}
}

// take takes a token of the network of an address, or returns how long to wait for one.
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

// of returns the allowance of a network. The networks of a wider one, such as a /32 of IPv6,
// use at most an eighth of the memory; further ones share one allowance.
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

// sweep forgets networks with a full bucket. It runs at most once a second, because it checks
// all of them.
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
