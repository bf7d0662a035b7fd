package appsec

import "net/netip"

// Bits of the network that one customer of a provider has, or a few neighbours:
// what all clients share is shared out between these.
const (
	networkBits4 = 24
	networkBits6 = 40
)

// networkOf returns the network of a client, whose address is normalized.
func networkOf(client netip.Addr) netip.Prefix {
	bits := networkBits4
	if client.Is6() {
		bits = networkBits6
	}
	p, _ := client.Prefix(bits) // fails on an invalid address only, which is nobody's
	return p
}
