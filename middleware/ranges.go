package middleware

import (
	"cmp"
	"net/netip"
	"slices"
)

// ranges is a set of addresses: sorted, normalized prefixes that do not overlap. Such
// sets are small and never change, so a binary search is enough.
type ranges []netip.Prefix

// newRanges returns the set of the addresses in ps. It keeps ps.
func newRanges(ps []netip.Prefix) ranges {
	slices.SortFunc(ps, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	rs := ps[:0]
	for _, p := range ps {
		// A prefix that covers p begins at the same address or before it, so it came
		// first.
		if n := len(rs); n == 0 || !rs[n-1].Contains(p.Addr()) {
			rs = append(rs, p)
		}
	}
	return rs
}

// contain reports whether the set contains ip, which must be normalized.
func (rs ranges) contain(ip netip.Addr) bool {
	i, found := slices.BinarySearchFunc(rs, ip, func(p netip.Prefix, ip netip.Addr) int {
		return p.Addr().Compare(ip)
	})
	return found || i > 0 && rs[i-1].Contains(ip)
}
