package appsec

import (
	"net/netip"

	"github.com/tocsin-project/tocsin/lookup"
)

// Bits of the network that one customer of a provider has, or a few neighbours:
// what all clients share is shared out between these.
const (
	networkBits4 = 24
	networkBits6 = 40
)

// networkOf returns the network of a client, whose address is normalized.
func networkOf(client netip.Addr) netip.Prefix {
	return lookup.Network(client, networkBits4, networkBits6)
}
