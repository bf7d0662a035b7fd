package lookup

import "sync/atomic"

const (
	spanBits = 64 // a new filter of spans has at least this many bits for each range
	cellBits = 5  // a cell is for 2^5 bits of the filter
	// shortLength is the length below which ranges are noted once for all cells, because
	// they would be in too many.
	shortLength = 8
	// otherLengths stands for the length 0 and for those above 63.
	otherLengths = 1 << 0
)

// Spans show where ranges are, and which lengths they have there, with one bit for each
// length. Like those of a filter, bits may be wrong, and are set while readers use them.
type spans struct {
	filter
	cells []uint64 // the lengths in each cell, after those of short ranges; read and written atomically
}

func newSpans(ranges int) spans {
	f := newFilter(ranges * (spanBits / filterBits))
	cells := 1 << (32 - f.shift - cellBits)
	f.most = cells
	return spans{filter: f, cells: make([]uint64, 1+cells)}
}

// lengths returns the lengths of the ranges in the cell of this number.
func (s *spans) lengths(number uint32) uint64 {
	if i := 1 + int(number>>(s.shift&31)>>cellBits); i < len(s.cells) {
		return atomic.LoadUint64(&s.cells[0]) | atomic.LoadUint64(&s.cells[i])
	}
	return 0
}

// note sets the bits for a range of this length. It has all numbers with the same first bits.
func (s *spans) note(number uint32, same, length int) {
	s.fill(number, same)
	bit := uint64(otherLengths)
	if length < 64 {
		bit = 1 << length
	}
	if same < shortLength {
		s.add(0, bit)
		return
	}
	last := number | uint32(uint64(1)<<(32-same)-1)
	for i := number >> s.shift >> cellBits; i <= last>>s.shift>>cellBits; i++ {
		s.add(1+int(i), bit)
	}
}

func (s *spans) add(i int, bit uint64) {
	if atomic.LoadUint64(&s.cells[i])&bit == 0 {
		atomic.OrUint64(&s.cells[i], bit)
	}
}
