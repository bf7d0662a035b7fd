package lookup

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// An Action is the action of a decision. A greater Action is stronger.
type Action uint8

// The actions, from none to the strongest. The names are CrowdSec's decision
// types.
const (
	None     Action = iota // let the client pass; the zero value
	Throttle               // refuse the client for now, and say for how long
	Captcha                // let the client pass after it has solved a challenge
	Ban                    // refuse the client
)

var actionNames = [...]string{None: "none", Throttle: "throttle", Captcha: "captcha", Ban: "ban"}

// ParseAction returns the action with the name s, in any case. The empty string is not
// a name.
func ParseAction(s string) (Action, error) {
	for a, name := range actionNames {
		if equalFoldASCII(s, name) {
			return Action(a), nil
		}
	}
	return None, fmt.Errorf("unknown action %q: want ban, captcha, throttle or none", s)
}

// String returns the name of a, such as "ban".
func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return fmt.Sprintf("action(%d)", uint8(a))
}

// A Decision is a decision of one source about an address or range, or about all
// addresses of a country or an autonomous system: exactly one of Prefix, Country and AS
// is set.
type Decision struct {
	Prefix netip.Prefix // the range; full length for a single address

	Country string // two letters, ISO 3166-1, in capitals
	AS      uint32 // number of an autonomous system

	Action  Action // what is to be done
	Assumed bool   // the source did not answer, so nothing is known about the client

	Source string    // the name of the source: "lapi", "local", a list's name
	Origin string    // the origin in the source: "CAPI", "cscli", "lists:tor"
	Reason string    // usually the name of a scenario
	Since  time.Time // when the source first announced it; in a lookup: of the latest decision with this action
	Until  time.Time // when it ends; the zero time means never
}

// Normalize returns the normalized ip: an IPv4 address mapped into IPv6, or in the
// well-known prefix of translators (64:ff9b::/96), becomes IPv4, and a zone is removed.
// Call it before any check of an address, so that each client has only one form. For
// prefixes of local translators use [NAT64.Normalize].
func Normalize(ip netip.Addr) netip.Addr {
	ip = ip.Unmap().WithZone("")
	// A comparison is faster than a prefix check, and almost all addresses are greater.
	if ip.Is6() && ip.Compare(wellKnownLast) <= 0 && wellKnown.Contains(ip) {
		return translated(ip)
	}
	return ip
}

// carriers is the shared address space of carriers and VPNs (RFC 6598). Such an address
// is not unique, and other networks never see it.
var carriers = netip.MustParsePrefix("100.64.0.0/10")

// IsPublic reports whether the normalized ip is a public address. Private, loopback,
// link-local, multicast and shared addresses are not. Addresses for documentation count
// as public.
func IsPublic(ip netip.Addr) bool {
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !carriers.Contains(ip)
}

var (
	errNoAddress = errors.New("not an IP address or CIDR range")
	errMappedTop = errors.New("the range covers more than the IPv4-mapped addresses")
)

// NormalizePrefix returns the masked and normalized p: a range of IPv4 addresses mapped
// into IPv6 becomes IPv4, and so does one within 64:ff9b::/96 with public addresses. It
// also reports whether p is valid.
func NormalizePrefix(p netip.Prefix) (netip.Prefix, bool) {
	if !p.IsValid() {
		return netip.Prefix{}, false
	}
	switch ip := p.Addr(); {
	case ip.Is4():
	case ip.Is4In6():
		if p.Bits() < 96 {
			return netip.Prefix{}, false
		}
		p = netip.PrefixFrom(ip.Unmap(), p.Bits()-96)
	case p.Bits() > wellKnownBits && wellKnown.Contains(ip):
		if v4 := Normalize(p.Masked().Addr()); v4.Is4() {
			p = netip.PrefixFrom(v4, p.Bits()-wellKnownBits)
		}
	}
	return p.Masked(), true
}

// ParsePrefix parses an IP address or a CIDR range, IPv4 or IPv6, and returns it
// normalized: see [NormalizePrefix]. It clears host bits. A zone is an error.
func ParsePrefix(s string) (netip.Prefix, error) {
	for i := range len(s) {
		if s[i] == '/' {
			p, err := netip.ParsePrefix(s)
			if err != nil {
				return netip.Prefix{}, fmt.Errorf("%.64q: %w", s, errNoAddress)
			}
			n, ok := NormalizePrefix(p)
			if !ok {
				return netip.Prefix{}, fmt.Errorf("%.64q: %w", s, errMappedTop)
			}
			return n, nil
		}
	}
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%.64q: %w", s, errNoAddress)
	}
	ip = Normalize(ip)
	return netip.PrefixFrom(ip, ip.BitLen()), nil
}

// equalFoldASCII reports whether s is lower, but for ASCII case.
func equalFoldASCII(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// Network returns the network of ip with bits4 bits for IPv4, or bits6 bits for IPv6,
// or the zero Prefix for an invalid address.
func Network(ip netip.Addr, bits4, bits6 int) netip.Prefix {
	bits := bits4
	if ip.Is6() {
		bits = bits6
	}
	p, _ := ip.Prefix(bits) // fails on an invalid address, and on bits that no address has
	return p
}
