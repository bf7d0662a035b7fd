package lookup

import (
	"math/bits"
	"net/netip"
)

// manyLengths is the number of lengths above which the trie finds the ranges faster than a
// search for each length.
const manyLengths = 8

// areFew reports whether there are at most two lengths, so that a search for each takes no
// longer than one in the trie whether any range contains the address.
func areFew(lengths uint64) bool {
	rest := lengths & (lengths - 1)
	return rest&(rest-1) == 0 && lengths&otherLengths == 0
}

// within4 considers the ranges that contain an IPv4 address.
func (w *winner) within4(s *state, a uint32) {
	lengths := s.v4.wide.lengths(a)
	if !areFew(lengths) && w.walk(s, lengths, from4(a), -1) {
		return
	}
	for ; lengths != 0; lengths &= lengths - 1 {
		length := bits.TrailingZeros64(lengths)
		consider(w, s, &s.v4, addr4{}, s.seed.mix(a&(^uint32(0)<<(32-length))), uint8(length))
	}
}

// within6 considers the ranges longer than over that contain an IPv6 address.
func (w *winner) within6(s *state, hi, lo uint64, over int) {
	lengths := s.v6.wide.lengths(s.seed.network(hi >> filedBits6))
	lengths &^= (1<<(over+1) - 1) &^ otherLengths
	if !areFew(lengths) && w.walk(s, lengths, from6(hi, lo), over) {
		return
	}
	for ; lengths != 0; lengths &= lengths - 1 {
		length := bits.TrailingZeros64(lengths)
		first := hi & (^uint64(0) << (64 - length))
		consider(w, s, &s.v6, addr6{first}, s.seed.hash(first, 0), uint8(length))
	}
}

// walk considers the ranges longer than over that contain ip, and reports whether no search for
// each of the lengths is needed.
func (w *winner) walk(s *state, lengths uint64, ip netip.Addr, over int) bool {
	if !s.ranges.Contains(ip) {
		return true
	}
	if bits.OnesCount64(lengths) <= manyLengths && lengths&otherLengths == 0 {
		return false
	}
	for p := range s.ranges.Supernets(hostPrefix(ip)) {
		if p.Bits() > over {
			w.find(s, p)
		}
	}
	return true
}
