package lookup

import (
	"iter"
	"math/bits"
	"net/netip"
)

// Ranges are all prefixes whose length an address does not show: all except single addresses
// and the /64 of IPv6.
const (
	hostBits4    = 32
	hostBits6    = 128
	networkBits6 = 64
	filedBits6   = 32 // this many bits of an IPv6 address show whether ranges may contain it
	fillBits6    = 12 // a range that is shorter by more bits than this sets them all
)

// isRange reports whether p is neither an address nor a /64.
func isRange(p netip.Prefix) bool {
	return !p.IsSingleIP() && (p.Addr().Is4() || p.Bits() != networkBits6)
}

// isRange reports whether e is about a range.
func (e *entry[A]) isRange() bool {
	if len(e.addr) == 0 {
		return e.length() < hostBits4
	}
	return e.length() != hostBits6 && e.length() != networkBits6
}

// see sets the bits of p, which had no decision.
func (s *state) see(p netip.Prefix) {
	if p.Addr().Is4() {
		s.see4(number4(p.Addr()), p.Bits())
		return
	}
	hi, lo := halves(p.Addr())
	if !isRange(p) {
		s.v6.any.setPair(s.seed.network(hi), p.Bits() == networkBits6)
		s.places = s.places || isPlace(p)
		return
	}
	s.seeRange6(hi, p.Bits())
	s.v6.wide.know(s.seed.hash(hi, lo), p.Bits())
	s.v6.ranges++
}

func (s *state) see4(a uint32, length int) {
	number := s.seed.mix(a)
	if length == hostBits4 {
		s.v4.any.set(number)
		return
	}
	s.v4.wide.note(a, length, length)
	s.v4.wide.know(number, length)
	s.v4.ranges++
}

// seeRange6 sets the bits of all /32 that share addresses with a range of IPv6.
func (s *state) seeRange6(hi uint64, length int) {
	more := max(0, filedBits6-length)
	if more > fillBits6 {
		s.v6.wide.note(0, 0, length)
		return
	}
	for i := range uint64(1) << more {
		s.v6.wide.note(s.seed.network(hi>>filedBits6+i), 32, length)
	}
}

// rangesWith yields the prefixes that contain ip and may be ranges with a decision.
func (s *state) rangesWith(ip netip.Addr) iter.Seq[netip.Prefix] {
	return func(yield func(netip.Prefix) bool) {
		var lengths, others uint64
		if ip.Is4() {
			lengths = s.v4.wide.lengths(number4(ip))
		} else {
			hi, _ := halves(ip)
			lengths, others = s.v6.wide.lengths(s.seed.network(hi>>filedBits6)), s.v6.wide.others()
		}
		for ; lengths != 0; lengths &= lengths - 1 {
			if !yield(netip.PrefixFrom(ip, bits.TrailingZeros64(lengths)).Masked()) {
				return
			}
		}
		for others &^= otherLengths; others != 0; others &= others - 1 {
			if !yield(netip.PrefixFrom(ip, 64+bits.TrailingZeros64(others)).Masked()) {
				return
			}
		}
	}
}
