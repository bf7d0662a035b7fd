package replay

import (
	"net/netip"
	"strings"

	"github.com/tocsin-project/tocsin/lookup"
)

// parseClient reads the address of a client as logs have it: with a port, in
// brackets or with a zone perhaps. It is normalized.
func parseClient(s string) (netip.Addr, bool) {
	ip, err := netip.ParseAddr(s)
	if err == nil {
		return lookup.Normalize(ip), true
	}
	if pair, err := netip.ParseAddrPort(s); err == nil {
		return lookup.Normalize(pair.Addr()), true
	}
	inner, bracketed := strings.CutPrefix(s, "[")
	if inner, closed := strings.CutSuffix(inner, "]"); bracketed && closed {
		if ip, err = netip.ParseAddr(inner); err == nil {
			return lookup.Normalize(ip), true
		}
	}
	return netip.Addr{}, false
}
