package consensus

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/tocsin-project/tocsin/lookup"
)

// A Unit is what is listed: an IPv4 address, or a /64 of IPv6, since who has one address
// of a /64 has all of them. It is masked, and never a wider range.
type Unit = netip.Prefix

// UnitOf returns the unit that an address belongs to. All forms of one address, such as
// IPv4 mapped into IPv6, have one unit.
func UnitOf(ip netip.Addr) Unit { return lookup.Network(lookup.Normalize(ip), 32, 64) }

// UnitText returns a unit as people write it: an address, or a /64. [ParseUnit] reads it.
func UnitText(u Unit) string {
	if u.IsSingleIP() {
		return u.Addr().String()
	}
	return u.String()
}

// ParseUnit reads an address, or a unit as it is written. A range is none: only a
// moderator lists ranges.
func ParseUnit(s string) (Unit, error) {
	p, err := lookup.ParsePrefix(s)
	if err != nil {
		return Unit{}, fmt.Errorf("reading unit: %w", err)
	}
	if !p.IsSingleIP() && (p.Addr().Is4() || p.Bits() != 64) {
		return Unit{}, fmt.Errorf("reading unit: %s: want an IPv4 address or a /64 of IPv6", p)
	}
	return UnitOf(p.Addr()), nil
}

// unused has the ranges from which no client comes, or all clients of a relay. Those for
// documentation are not among them: examples and tests use them.
var unused = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("192.0.0.0/24"),   // protocols
	netip.MustParsePrefix("192.88.99.0/24"), // relays of 6to4
	netip.MustParsePrefix("198.18.0.0/15"),  // benchmarks
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("2001::/23"), // protocols: a /64 of Teredo has all clients of a server, and ORCHID is not routed
}

// allocated has the addresses of IPv6 that networks can have.
var allocated = netip.MustParsePrefix("2000::/3")

// Listable reports whether a unit is one that a community can decide about: by its address
// everybody knows one client. The centre and its members must agree about that.
func Listable(u Unit) bool {
	ip := u.Addr()
	return u.IsValid() && u == UnitOf(ip) && lookup.IsPublic(ip) && (ip.Is4() || allocated.Contains(ip)) &&
		!slices.ContainsFunc(unused, func(p netip.Prefix) bool { return p.Contains(ip) })
}
