package lookup

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// An Action is what a decision asks for. A greater Action is a stronger one.
type Action uint8

// The actions, from none to the strongest. The names are CrowdSec's decision
// types.
const (
	None     Action = iota // let the client pass; the zero value
	Throttle               // turn the client away for now, and say for how long
	Captcha                // let the client pass once it has solved a challenge
	Ban                    // turn the client away
)

var actionNames = [...]string{None: "none", Throttle: "throttle", Captcha: "captcha", Ban: "ban"}

// ParseAction returns the action that s names, as [Action.String] spells it,
// in any case. There is no action named by the empty string.
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

// A Decision is what one source says about one address or range, or about all
// addresses of a country or of an autonomous system: exactly one of Prefix,
// Country and AS is set.
type Decision struct {
	Prefix netip.Prefix // the range; a single address has a full-length prefix

	Country string // two letters, ISO 3166-1, in capitals
	AS      uint32 // number of an autonomous system

	Action  Action // what is to be done
	Assumed bool   // the source could not be asked, and nothing is known about the client

	Source string    // the feed it came through: "lapi", "local", a list's name
	Origin string    // who decided, in the feed's words: "CAPI", "cscli", "lists:tor"
	Reason string    // why, mostly a scenario's name
	Since  time.Time // when the source first announced it; of a lookup: the last one with this action
	Until  time.Time // when it ends; the zero time means never
}

// Normalize returns ip as the table sees it: an IPv4 address mapped into IPv6, or
// written with the well-known prefix of translators (64:ff9b::/96), becomes IPv4, and a
// zone is dropped. It is to be called before any question of trust, so that one client
// cannot have two names. Prefixes of local translators are for [NAT64.Normalize].
func Normalize(ip netip.Addr) netip.Addr {
	ip = ip.Unmap().WithZone("")
	// To compare costs less than to ask a prefix: all but a few come after it.
	if ip.Is6() && ip.Compare(wellKnownLast) <= 0 && wellKnown.Contains(ip) {
		return translated(ip)
	}
	return ip
}

// carriers is what carriers have instead of enough addresses, and VPNs for their
// members (RFC 6598): behind one of these there is no one client, and nobody else
// meets it.
var carriers = netip.MustParsePrefix("100.64.0.0/10")

// IsPublic reports whether ip, which is normalized, is an address by which all
// others know a client, too. Private, loopback, link-local, multicast and shared
// ones are not; those set aside for documents count as public.
func IsPublic(ip netip.Addr) bool {
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !carriers.Contains(ip)
}

var (
	errNoAddress = errors.New("no IP address or CIDR range")
	errMappedTop = errors.New("range covers more than the IPv4-mapped addresses")
)

// NormalizePrefix returns p masked and as the table sees it: a range of IPv4
// addresses mapped into IPv6 becomes one of IPv4, and so does one within 64:ff9b::/96 if
// it is of public addresses. It reports whether p is a range at all.
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

// ParsePrefix reads an IP address or a CIDR range, IPv4 or IPv6, and returns
// it normalized: see [NormalizePrefix]. Host bits may be set and are cleared.
// A zone is an error, since a range has none.
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

// Network returns the network that ip is in and that has so many bits: bits4 of an IPv4
// address, bits6 of an IPv6 one. It is the zero Prefix for an invalid address.
func Network(ip netip.Addr, bits4, bits6 int) netip.Prefix {
	bits := bits4
	if ip.Is6() {
		bits = bits6
	}
	p, _ := ip.Prefix(bits) // fails on an invalid address, and on bits that no address has
	return p
}
