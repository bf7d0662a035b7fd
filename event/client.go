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

// Prefix lengths of the addresses that one owner may have thousands of clients in.
const (
	ownerBits4 = 16
	ownerBits6 = 32
)

// OwnerOf returns the network of ip that counts as one owner's where clients share a
// limit: a /16, or a /32 of IPv6. A flood from it must leave room for others.
func OwnerOf(ip netip.Addr) netip.Prefix {
	return lookup.Network(ip, ownerBits4, ownerBits6)
}

const (
	// clientBits6 is the prefix length of a client of IPv6: a client usually has a
	// whole /64.
	clientBits6 = 64
	// sixToFourBits is the prefix length of an IPv4 address in 6to4.
	sixToFourBits = 48
)

var (
	sixToFour = netip.MustParsePrefix("2002::/16")
	teredo    = netip.MustParsePrefix("2001::/32")
)

// ClientOf returns the range that counts as one client: an address, or a /64 of IPv6.
// (In CrowdSec each IPv6 address is a client.) For 6to4 it is the /48 of the IPv4
// address. A /64 of Teredo has all clients of a server, so there each address is a
// client.
func ClientOf(ip netip.Addr) netip.Prefix {
	bits := ip.BitLen()
	switch {
	case !ip.Is6() || teredo.Contains(ip):
	case sixToFour.Contains(ip):
		bits = sixToFourBits
	default:
		bits = clientBits6
	}
	p, _ := ip.Prefix(bits) // fails only for an invalid address
	return p
}
