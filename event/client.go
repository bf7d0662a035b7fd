package event

import (
	"net/netip"

	"github.com/tocsin-project/tocsin/lookup"
)

const (
	netBits4 = 24
	netBits6 = 40
)

// NetworkOf returns the network of ip that GuardNetwork guards: a /24, or a /40 of
// IPv6.
func NetworkOf(ip netip.Addr) netip.Prefix {
	return lookup.Network(ip, netBits4, netBits6)
}

const (
	// clientBits6 is how many bits of an IPv6 address make a client: who has one
	// address mostly has 64 bits of them.
	clientBits6 = 64
	// sixToFourBits is how many an IPv4 address has by 6to4.
	sixToFourBits = 48
)

var (
	sixToFour = netip.MustParsePrefix("2002::/16")
	teredo    = netip.MustParsePrefix("2001::/32")
)

// ClientOf returns what counts as one client, wherever clients are told apart: an
// address, or a /64 of IPv6. To CrowdSec, each address of IPv6 is one. Behind one IPv4
// address is a /48 of 6to4; a /64 of Teredo has all clients of a server, and each
// address counts for itself.
func ClientOf(ip netip.Addr) netip.Prefix {
	bits := ip.BitLen()
	switch {
	case !ip.Is6() || teredo.Contains(ip):
	case sixToFour.Contains(ip):
		bits = sixToFourBits
	default:
		bits = clientBits6
	}
	p, _ := ip.Prefix(bits) // fails on an invalid address only, which is nobody's
	return p
}
