package inflate

import "encoding/binary"

// A bitReader reads bits from bytes, the lowest first. Behind the end there are
// zeros.
type bitReader struct {
	s    []byte
	at   int
	held uint64
	n    int // of bits in held; negative: bits behind the end were taken
}

// fill makes sure that there are 48 bits, or all that are left.
func (b *bitReader) fill() {
	if b.n >= 48 {
		return
	}
	if b.n >= 0 && len(b.s)-b.at >= 8 {
		b.held |= binary.LittleEndian.Uint64(b.s[b.at:]) << b.n
		b.at += (63 - b.n) / 8
		b.n |= 56
		return
	}
	for b.n >= 0 && b.n <= 56 && b.at < len(b.s) {
		b.held |= uint64(b.s[b.at]) << b.n
		b.at++
		b.n += 8
	}
}

// take returns the next n bits. They have to be there: see fill.
func (b *bitReader) take(n int) int {
	v := int(b.held & (1<<n - 1))
	b.skip(n)
	return v
}

func (b *bitReader) skip(n int) {
	b.held >>= n
	b.n -= n
}

// isOver reports whether more bits were taken than there are.
func (b *bitReader) isOver() bool { return b.n < 0 }

// align drops the rest of a byte, and goes back to the bytes.
func (b *bitReader) align() {
	b.at -= b.n / 8
	b.held, b.n = 0, 0
}

// rest returns the bytes behind the last bit that was taken.
func (b *bitReader) rest() []byte {
	if b.isOver() {
		return nil
	}
	return b.s[b.at-b.n/8:]
}
