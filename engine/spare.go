package engine

import (
	"net/netip"

	"github.com/tocsin-project/tocsin/lookup"
)

// Why a client is spared: see [Record].
const (
	sparedUnknown  = "its address is not known"
	sparedLoopback = "it is on this machine"
	sparedPrivate  = "it is in a private network"
	sparedBySpare  = "Spare says so"
	sparedByList   = "it is on an allowlist of "
)

// whySpared says why nothing may be decided about p, of which ip is one; nothing if
// it may.
func (l *locals) whySpared(p netip.Prefix, ip netip.Addr) string {
	if !p.IsValid() {
		return sparedUnknown
	}
	for _, ip := range []netip.Addr{p.Addr(), lookup.Normalize(ip)} {
		if !ip.IsValid() {
			continue
		}
		if l.cfg.Spare(ip) {
			switch {
			case ip.IsLoopback():
				return sparedLoopback
			case !lookup.IsPublic(ip):
				return sparedPrivate
			}
			return sparedBySpare
		}
		for _, a := range l.allow {
			if a.Allowlisted(ip) {
				return sparedByList + a.Name()
			}
		}
	}
	return ""
}
