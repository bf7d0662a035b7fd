package lookup

import "math/bits"

// areFew reports whether there are at most two lengths. Then looking up each takes no longer
// than asking before whether there is such a range.
func areFew(lengths uint64) bool {
	rest := lengths & (lengths - 1)
	return rest&(rest-1) == 0
}

// within4 considers the ranges that contain an IPv4 address.
func (w *winner) within4(s *state, a uint32) {
	lengths := s.v4.wide.lengths(a)
	few := areFew(lengths)
	for ; lengths != 0; lengths &= lengths - 1 {
		length := bits.TrailingZeros64(lengths)
		number := s.seed.mix(a & (^uint32(0) << (32 - length)))
		if few || s.v4.wide.mayHave(number, length) {
			consider(w, s, &s.v4, addr4{}, number, uint8(length))
		}
	}
}

// within6 considers the ranges longer than over that contain an IPv6 address.
func (w *winner) within6(s *state, hi, lo uint64, over int) {
	lengths := s.v6.wide.lengths(s.seed.network(hi >> filedBits6))
	if lengths&otherLengths != 0 {
		w.others6(s, hi, lo, over)
	}
	lengths &^= 1<<(over+1) - 1 | otherLengths
	few := areFew(lengths)
	for ; lengths != 0; lengths &= lengths - 1 {
		length := bits.TrailingZeros64(lengths)
		w.range6(s, hi&(^uint64(0)<<(64-length)), 0, length, few)
	}
}

// others6 considers those with the length 0 or more than 64.
func (w *winner) others6(s *state, hi, lo uint64, over int) {
	others := s.v6.wide.others()
	if others&otherLengths != 0 && over < 0 {
		w.range6(s, 0, 0, 0, true)
	}
	for others &^= otherLengths; others != 0; others &= others - 1 {
		if more := bits.TrailingZeros64(others); 64+more > over {
			w.range6(s, hi, lo&(^uint64(0)<<(64-more)), 64+more, false)
		}
	}
}

// range6 considers the range with this first address and length. Sure says not to ask before
// whether there may be one.
func (w *winner) range6(s *state, hi, lo uint64, length int, sure bool) {
	number := s.seed.hash(hi, lo)
	if sure || s.v6.wide.mayHave(number, length) {
		consider(w, s, &s.v6, addr6{hi, lo}, number, uint8(length))
	}
}
