package lists

import (
	"errors"
	"fmt"
	"net/netip"
)

// A reservedRange is one that no client on the public Internet comes from.
type reservedRange struct {
	prefix netip.Prefix
	what   string
}

// The ranges that a list may only hold by the operator's leave: see the IANA
// registries of special-purpose addresses, RFC 6890. The ranges for
// documentation (RFC 5737, 3849, 9637) are left out on purpose.
var (
	reserved4 = [...]reservedRange{
		{netip.MustParsePrefix("0.0.0.0/8"), "this network"},
		{netip.MustParsePrefix("10.0.0.0/8"), "private"},
		{netip.MustParsePrefix("100.64.0.0/10"), "carrier-grade NAT"},
		{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
		{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
		{netip.MustParsePrefix("172.16.0.0/12"), "private"},
		{netip.MustParsePrefix("192.0.0.0/24"), "protocol assignments"},
		{netip.MustParsePrefix("192.168.0.0/16"), "private"},
		{netip.MustParsePrefix("198.18.0.0/15"), "benchmarking"},
		{netip.MustParsePrefix("224.0.0.0/3"), "multicast and reserved"},
	}
	reserved6 = [...]reservedRange{
		{netip.MustParsePrefix("::/8"), "unspecified, loopback and translated"},
		{netip.MustParsePrefix("100::/64"), "discard"},
		{netip.MustParsePrefix("fc00::/7"), "unique local"},
		{netip.MustParsePrefix("fe80::/10"), "link-local"},
		{netip.MustParsePrefix("fec0::/10"), "site-local"},
		{netip.MustParsePrefix("ff00::/8"), "multicast"},
	}
)

// The shortest prefixes that are believed. No registry ever handed out more at
// once, whereas "/24" and "/128" cut off by a half-written file read "/2" and
// "/12".
const (
	minBits4 = 8
	minBits6 = 16
)

var (
	errEverything = errors.New("covers every address")
	errTooWide    = fmt.Errorf("covers more than an IPv4 /%d or an IPv6 /%d", minBits4, minBits6)
)

// check reports why p, which is normalized, is not to be believed, if so.
// With private set, reserved ranges and what lies in them are welcome.
func check(p netip.Prefix, private bool) error {
	if p.Bits() == 0 {
		return fmt.Errorf("%s: %w", p, errEverything)
	}
	r, overlaps := reserved(p)
	if overlaps && !private {
		return fmt.Errorf("%s: overlaps %s (%s)", p, r.prefix, r.what)
	}
	least := minBits4
	if p.Addr().Is6() {
		least = minBits6
	}
	if inside := overlaps && p.Bits() >= r.prefix.Bits(); p.Bits() < least && !inside {
		return fmt.Errorf("%s: %w", p, errTooWide)
	}
	return nil
}

// reserved returns a reserved range that p overlaps, if there is one.
func reserved(p netip.Prefix) (reservedRange, bool) {
	ranges := reserved4[:]
	if p.Addr().Is6() {
		ranges = reserved6[:]
	}
	for _, r := range ranges {
		if r.prefix.Overlaps(p) {
			return r, true
		}
	}
	return reservedRange{}, false
}
