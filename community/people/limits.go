package people

import (
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/internal/limit"
	"github.com/tocsin-project/tocsin/lookup"
)

// Limits of a network: a /24, or a /48 of IPv6.
const (
	viewsPerSecond = 2.0
	viewsAtOnce    = 60
	formsPerSecond = 0.1
	formsAtOnce    = 20
	// Cases about somebody else's address wait for a moderator, who has time for some only.
	foreignPerSecond = 1.0 / 3600
	foreignAtOnce    = 5
	maxNetworks      = 20_000 // remembered; further ones share one allowance
)

// A limiter is a token bucket for each network. The networks of a wider one, a /16 or a /32 of
// IPv6, use at most an eighth of the memory.
type limiter struct{ *limit.Limiter[netip.Prefix] }

func newLimiter(perSecond, burst float64, now func() time.Time) limiter {
	return limiter{limit.New(limit.Config[netip.Prefix]{PerSecond: perSecond, Burst: burst, Most: maxNetworks, Now: now, Wide: wideOf})}
}

// take takes a token of the network of an address, or returns how long to wait for one.
func (l limiter) take(from netip.Addr) (retry time.Duration, ok bool) {
	var net netip.Prefix
	if from.IsValid() {
		net = lookup.Network(lookup.Normalize(from), 24, 48)
	}
	return l.Take(net, 1)
}

// wideOf returns the wider network that a network is in.
func wideOf(net netip.Prefix) netip.Prefix {
	if !net.IsValid() {
		return net
	}
	return lookup.Network(net.Addr(), 16, 32)
}
