package engine

import (
	"net/netip"

	"github.com/tocsin-project/tocsin/lookup"
)

// The reasons why a client is exempt: see [Record].
const (
	sparedUnknown  = "its address is unknown"
	sparedLoopback = "it is on this machine"
	sparedPrivate  = "it is in a private network"
	sparedBySpare  = "the configuration exempts it"
	sparedByList   = "it is on an allowlist of "
)

// whySpared returns why p, which contains ip, is exempt from decisions, or "".
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
