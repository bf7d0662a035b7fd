package lookup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// IPv6 addresses that contain an IPv4 address. Some of them count as that IPv4 address. This
// depends on who can choose the address: a client that can must not pass for another client.
//
//   - ::ffff:0:0/96, IPv4 mapped into IPv6, never comes over a wire: a socket writes
//     IPv4 that way. It is IPv4.
//   - 64:ff9b::/96, the well-known prefix of translators (NAT64 and SIIT, RFC 6052), is
//     not routed between networks. What comes from there has come through a translator
//     of one's own network, and what is sent there goes to that translator and on to
//     the owner of the IPv4 address, so that nobody else completes a handshake. It is
//     IPv4, if the address is public: others must not be translated with this prefix
//     (section 3.1), and private ones are trusted in many places.
//   - The prefix of a local translator is like that, and may have private addresses in
//     it. It can be any, so that it has to be named: see [NAT64].
//   - 2002::/16 (6to4), 2001::/32 (Teredo) and the interface identifiers of ISATAP
//     (RFC 5214) are chosen by who sends. The first two are routed to whichever relay
//     announces them, which can be anybody's, and in a /64 of its own a client takes the
//     identifier that it likes. They stay IPv6: an allow list that has the IPv4 address
//     does not let them in, and what they do is reported about nobody else. But the
//     decisions against the IPv4 address hold for them too: see [Table.Lookup]. Who
//     poses as somebody who is banned gains nothing.
//
// A range is IPv4 if it lies within the translated addresses. A range that contains all of
// them is about the translator, and not about all of IPv4: it stays IPv6.
const (
	wellKnownBits = 96
	// wellKnownFirst is the beginning of the well-known prefix. Mapped addresses begin with
	// a smaller number.
	wellKnownFirst = 0x0064
	sixToFour      = 0x2002
	teredo         = 0x2001_0000
	isatap         = 0x0000_5efe
	isatapGlobal   = 0x0200_0000 // set if the IPv4 address is one of a kind
)

var (
	wellKnown     = netip.MustParsePrefix("64:ff9b::/96")
	wellKnownLast = netip.MustParseAddr("64:ff9b::ffff:ffff")
)

// halves returns an IPv6 address as two numbers. It uses a slice, because an array that a
// function returns is copied, which takes longer than everything else here.
func halves(ip netip.Addr) (high, low uint64) {
	b := ip.AsSlice()
	if len(b) != 16 {
		return 0, 0
	}
	return binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
}

func from4(v4 uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(v4 >> 24), byte(v4 >> 16), byte(v4 >> 8), byte(v4)})
}

// number4 returns an IPv4 address as a number.
func number4(ip netip.Addr) uint32 {
	b := ip.As4()
	return binary.BigEndian.Uint32(b[:])
}

func from6(high, low uint64) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], high)
	binary.BigEndian.PutUint64(b[8:], low)
	return netip.AddrFrom16(b)
}

// translated returns the IPv4 address in ip, which has the well-known prefix.
func translated(ip netip.Addr) netip.Addr {
	_, low := halves(ip)
	if v4 := from4(uint32(low)); IsPublic(v4) {
		return v4
	}
	return ip
}

// claimed returns the public IPv4 address that ip contains, if ip, which is normalized,
// belongs to 6to4, Teredo or ISATAP.
func claimed(ip netip.Addr) (netip.Addr, bool) {
	if !ip.Is6() {
		return netip.Addr{}, false
	}
	var v4 netip.Addr
	switch high, low := halves(ip); {
	case high>>48 == sixToFour:
		v4 = from4(uint32(high >> 16))
	case high>>32 == teredo:
		v4 = from4(^uint32(low))
	case uint32(low>>32)&^isatapGlobal == isatap:
		v4 = from4(uint32(low))
	default:
		return netip.Addr{}, false
	}
	return v4, IsPublic(v4)
}

// isPlain reports whether an IPv6 address has no other form under which decisions may be
// stored, because it contains no IPv4 address. It may return false for some addresses
// without one.
func isPlain(high, low uint64) bool {
	first := high >> 48
	return first > wellKnownFirst && first != sixToFour && high>>32 != teredo && uint32(low>>32)&^isatapGlobal != isatap
}

// A NAT64 has the prefixes of local translators, which contain all IPv4 addresses. It
// replaces such addresses of clients and decisions by the IPv4 addresses in them. Nil has
// only the well-known prefix, like [Normalize].
type NAT64 struct{ prefixes []netip.Prefix }

// NewNAT64 returns a NAT64 with these prefixes of 32, 40, 48, 56, 64 or 96 bits (RFC 6052).
// Without prefixes it returns nil.
func NewNAT64(prefixes ...netip.Prefix) (*NAT64, error) {
	if len(prefixes) == 0 {
		return nil, nil
	}
	for i, p := range prefixes {
		if err := checkNAT64(p); err != nil {
			return nil, fmt.Errorf("NAT64 prefix %v: %w", p, err)
		}
		if slices.ContainsFunc(prefixes[:i], p.Overlaps) {
			return nil, fmt.Errorf("NAT64 prefix %v: it overlaps another one", p)
		}
	}
	return &NAT64{slices.Clone(prefixes)}, nil
}

func checkNAT64(p netip.Prefix) error {
	switch bits := p.Bits(); {
	case !p.IsValid() || !p.Addr().Is6() || p.Addr().Is4In6():
		return errors.New("want a range of IPv6")
	case !slices.Contains([]int{32, 40, 48, 56, 64, 96}, bits):
		return fmt.Errorf("want 32, 40, 48, 56, 64 or 96 bits, got %d", bits)
	case p != p.Masked():
		return fmt.Errorf("want no bits beyond the prefix: write %v", p.Masked())
	case p.Addr().As16()[8] != 0:
		return errors.New("want the bits from 64 to 71 to be zero")
	case p.Addr().IsMulticast() || p.Addr().IsLinkLocalUnicast() || p.Contains(netip.IPv6Loopback()):
		return errors.New("want a range of unicast addresses, not of one link or of this machine")
	}
	return nil
}

// Normalize is [Normalize], and also turns addresses of n's translators into IPv4, including
// private ones.
func (n *NAT64) Normalize(ip netip.Addr) netip.Addr {
	if n == nil || ip.Is4() {
		return Normalize(ip)
	}
	for _, p := range n.prefixes {
		if p.Contains(ip.WithZone("")) {
			if v4, ok := extract(p.Bits(), ip.As16()); ok {
				return v4
			}
		}
	}
	return Normalize(ip)
}

// extract returns the IPv4 address in a after a prefix of this many bits. The ninth byte,
// inside or beside it, must be zero, and so must all bytes after the address.
func extract(bits int, a [16]byte) (netip.Addr, bool) {
	var quad [4]byte
	at := bits / 8
	for i := range quad {
		if at == 8 {
			at++
		}
		quad[i] = a[at]
		at++
	}
	ip := netip.AddrFrom4(quad)
	if !ip.IsGlobalUnicast() {
		return ip, false // no client has such an address
	}
	return ip, embed(bits, a, quad) == a
}

// embed returns a with an IPv4 address after its prefix of this many bits.
func embed(bits int, a [16]byte, quad [4]byte) [16]byte {
	at := bits / 8
	clear(a[at:])
	for i := range quad {
		if at == 8 {
			at++
		}
		a[at] = quad[i]
		at++
	}
	return a
}

// NormalizePrefix is [NormalizePrefix], and also turns a range within one of n's translators
// into an IPv4 range.
func (n *NAT64) NormalizePrefix(p netip.Prefix) (netip.Prefix, bool) {
	p, ok := NormalizePrefix(p)
	if !ok || n == nil || p.Addr().Is4() {
		return p, ok
	}
	for _, q := range n.prefixes {
		if p.Bits() <= q.Bits() || !q.Contains(p.Addr()) {
			continue
		}
		if v4, ok := extract(q.Bits(), p.Addr().As16()); ok {
			return netip.PrefixFrom(v4, bits4(q.Bits(), p.Bits())).Masked(), true
		}
	}
	return p, true
}

// bits4 returns how many of the first bits of an address belong to the IPv4 address after a
// prefix.
func bits4(prefix, bits int) int {
	const gap, behind = 64, 72 // the position of the zero byte, in bits
	if prefix <= gap {
		bits = min(bits, gap) + max(0, bits-behind)
	}
	return min(bits-prefix, 32)
}

// wrap returns an IPv4 address in the form of n's translator number i.
func (n *NAT64) wrap(i int, ip netip.Addr) netip.Addr {
	p := n.prefixes[i]
	return netip.AddrFrom16(embed(p.Bits(), p.Addr().As16(), ip.As4()))
}

// Translate makes t find decisions about addresses of n's translators under the IPv4
// addresses in them. Call it before t is used.
func (t *Table) Translate(n *NAT64) { t.nat64 = n }

// isElsewhere reports whether decisions about ip, which is normalized, may be stored under
// another address.
func (t *Table) isElsewhere(ip netip.Addr) bool {
	if ip.Is4() {
		return t.nat64 != nil
	}
	_, ok := claimed(ip)
	return ok
}

// elsewhere considers the decisions of s about the other forms of ip, which is normalized.
func (w *winner) elsewhere(t *Table, s *state, ip netip.Addr) {
	t.elsewhere(ip, func(other netip.Addr, over int) { w.cover(s, other, over) })
}

// elsewhere calls look with the other addresses under which decisions about ip may be
// stored, and the length that their prefixes must exceed.
func (t *Table) elsewhere(ip netip.Addr, look func(other netip.Addr, bits int)) {
	if v4, ok := claimed(ip); ok {
		look(v4, -1)
	}
	if !ip.Is4() || t.nat64 == nil {
		return
	}
	for i, p := range t.nat64.prefixes {
		look(t.nat64.wrap(i, ip), p.Bits())
	}
}
