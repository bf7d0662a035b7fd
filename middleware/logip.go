package middleware

import (
	"fmt"
	"net/netip"
	"slices"

	"go.uber.org/zap"
)

// LogIP says how much of clients' addresses the log shows. They are personal data in
// many places.
type LogIP uint8

// How much of an address is logged.
const (
	LogIPFull   LogIP = iota // the whole address; the zero value
	LogIPMasked              // only the network: a /24 of IPv4, a /48 of IPv6
	LogIPOff                 // nothing
)

var logIPNames = []string{LogIPFull: "full", LogIPMasked: "masked", LogIPOff: "off"}

// The networks that addresses are masked to.
const (
	maskBits4 = 24
	maskBits6 = 48
)

// ParseLogIP returns the LogIP that s names, as [LogIP.String] spells it.
func ParseLogIP(s string) (LogIP, error) {
	if i := slices.Index(logIPNames, s); i >= 0 {
		return LogIP(i), nil
	}
	return LogIPFull, fmt.Errorf("unknown value %.64q: want full, masked or off", s)
}

// String returns the name of l: "full", "masked" or "off".
func (l LogIP) String() string {
	if int(l) < len(logIPNames) {
		return logIPNames[l]
	}
	return fmt.Sprintf("LogIP(%d)", uint8(l))
}

// Bits returns how many bits of addresses of IPv4 and IPv6 are logged.
func (l LogIP) Bits() (v4, v6 int) {
	switch l {
	case LogIPFull:
		return 32, 128
	case LogIPMasked:
		return maskBits4, maskBits6
	}
	return 0, 0
}

// Field returns a log field with the address of a client, or one that is skipped.
func (l LogIP) Field(name string, ip netip.Addr) zap.Field { return l.addr(name, ip) }

// addr returns a field with ip. It is skipped with LogIPOff, and if ip is invalid.
func (l LogIP) addr(name string, ip netip.Addr) zap.Field {
	if l == LogIPFull && ip.IsValid() {
		return zap.Stringer(name, ip)
	}
	return l.prefix(name, netip.PrefixFrom(ip, ip.BitLen()))
}

// prefix returns a field with p, masked like an address, because a range may be as
// narrow as one. It is skipped with LogIPOff, and if p is invalid.
func (l LogIP) prefix(name string, p netip.Prefix) zap.Field {
	switch {
	case !p.IsValid():
		return zap.Skip()
	case l == LogIPFull:
		return zap.Stringer(name, p)
	case l == LogIPMasked:
		bits := maskBits4
		if p.Addr().Is6() {
			bits = maskBits6
		}
		return zap.Stringer(name, netip.PrefixFrom(p.Addr(), min(p.Bits(), bits)).Masked())
	}
	return zap.Skip()
}
