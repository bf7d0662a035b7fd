package middleware

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// Random sets of ranges, many of them nested, against asking each prefix.
func TestRangesContainWhatTheirPrefixesDo(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	// Few different addresses, so that ranges meet.
	address := func() netip.Addr {
		v := rnd.Uint32() & 0x03030303
		if rnd.IntN(2) == 0 {
			var b [16]byte
			binary.BigEndian.PutUint32(b[:], v)
			return netip.AddrFrom16(b)
		}
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, v)))
	}
	for range 2000 {
		var ps []netip.Prefix
		for range rnd.IntN(12) {
			ip := address()
			ps = append(ps, netip.PrefixFrom(ip, rnd.IntN(ip.BitLen()+1)).Masked())
		}
		rs := newRanges(slices.Clone(ps))
		for range 40 {
			ip := address()
			want := slices.ContainsFunc(ps, func(p netip.Prefix) bool { return p.Contains(ip) })
			if got := rs.contain(ip); got != want {
				t.Fatalf("%v in %v: %t, want %t", ip, ps, got, want)
			}
		}
	}
}
