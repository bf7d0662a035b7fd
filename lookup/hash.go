package lookup

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// A seed is what a table mixes addresses with. Nobody else knows it, so that nobody can
// choose addresses that lie together.
type seed struct {
	add      uint32
	mul, inv [2]uint32 // odd, and their inverses
	six      [4]uint64
}

// newSeed returns a random seed. It is a variable for tests that choose addresses which
// do lie together.
var newSeed = func() seed {
	var b [44]byte
	_, _ = rand.Read(b[:]) // never fails
	return seedFrom(b)
}

func seedFrom(b [44]byte) (s seed) {
	s.add = binary.LittleEndian.Uint32(b[0:])
	for i := range s.mul {
		s.mul[i] = binary.LittleEndian.Uint32(b[4+4*i:]) | 1
		s.inv[i] = inverse(s.mul[i])
	}
	for i := range s.six {
		s.six[i] = binary.LittleEndian.Uint64(b[12+8*i:]) | 1
	}
	return s
}

// inverse returns what undoes a multiplication by m, which is odd. Each step doubles the
// number of right bits, from three.
func inverse(m uint32) uint32 {
	x := m
	for range 4 {
		x *= 2 - m*x
	}
	return x
}

// mix returns a number that looks random and that only one IPv4 address has.
func (s *seed) mix(a uint32) uint32 {
	a = (a ^ s.add) * s.mul[0]
	a = (a ^ a>>15) * s.mul[1]
	return a ^ a>>16
}

// unmix returns the address that has this number.
func (s *seed) unmix(a uint32) uint32 {
	a = (a ^ a>>16) * s.inv[1]
	a = (a ^ a>>15 ^ a>>30) * s.inv[0]
	return a ^ s.add
}

// hash returns a number that looks random and that few IPv6 addresses share.
func (s *seed) hash(hi, lo uint64) uint32 {
	h, l := bits.Mul64(hi^s.six[0], lo^s.six[1])
	h, l = bits.Mul64(h^l^s.six[2], s.six[3])
	return uint32((h ^ l) >> 32)
}

// network returns what a filter has the first half of an IPv6 address under, or its
// first quarter. That is of less quality than a hash, and costs a third of one.
func (s *seed) network(first uint64) uint32 { return uint32((first ^ s.six[2]) * s.six[0] >> 32) }
