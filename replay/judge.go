package replay

import (
	"net/netip"

	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/engine"
)

// A Judge judges recorded requests in recorded time. An [engine.Replay] is one.
type Judge interface {
	// Judge judges a request and the response to it. It keeps nothing of ev.
	Judge(ev *detect.Event) engine.Outcome
}

// clientOf returns what counts as one client: an address, or 64 bits of IPv6.
func clientOf(ip netip.Addr) netip.Prefix {
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits) // of an address that is none there is none
	return p
}
