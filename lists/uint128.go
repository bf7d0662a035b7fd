package lists

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// A uint128 is an address as a number. Those of IPv4 are below 2³².
type uint128 struct{ high, low uint64 }

func halves(ip netip.Addr) uint128 {
	if ip.Is4() {
		b := ip.As4()
		return uint128{low: uint64(binary.BigEndian.Uint32(b[:]))}
	}
	b := ip.As16()
	return uint128{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// addr returns the address of so many bits.
func (u uint128) addr(size int) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], u.high)
	binary.BigEndian.PutUint64(b[8:], u.low)
	if size == 32 {
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return netip.AddrFrom16(b)
}

func (u uint128) less(v uint128) bool {
	return u.high < v.high || u.high == v.high && u.low < v.low
}

func (u uint128) minus(v uint128) uint128 {
	low, borrow := bits.Sub64(u.low, v.low, 0)
	high, _ := bits.Sub64(u.high, v.high, borrow)
	return uint128{high, low}
}

// plus adds 2ⁿ. What does not fit is lost.
func (u uint128) plus(n int) uint128 {
	add := uint128{low: 1 << n}
	if n >= 64 {
		add = uint128{high: 1 << (n - 64)}
	}
	low, carry := bits.Add64(u.low, add.low, 0)
	high, _ := bits.Add64(u.high, add.high, carry)
	return uint128{high, low}
}

func (u uint128) trailingZeros() int {
	if u.low == 0 {
		return 64 + bits.TrailingZeros64(u.high)
	}
	return bits.TrailingZeros64(u.low)
}

// fits returns the greatest n for which 2ⁿ numbers, the first of them 0, go up to
// u at most.
func (u uint128) fits() int {
	next := u.plus(0)
	switch {
	case next == (uint128{}):
		return 128
	case next.high > 0:
		return 63 + bits.Len64(next.high)
	}
	return bits.Len64(next.low) - 1
}
