package consensus

import (
	"fmt"
	"net/netip"

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

// listable reports whether a unit is one, of addresses by which everybody knows a client.
func listable(u Unit) bool {
	return u.IsValid() && u == UnitOf(u.Addr()) && lookup.IsPublic(u.Addr())
}
