package lookup

import "sync/atomic"

const (
	spanBits = 64 // a new filter of spans has at least this many bits for each range
	cellBits = 5  // a cell is for 2^5 bits of the filter
	// shortLength is the length below which ranges are noted once for all cells, because
	// they would be in too many.
	shortLength = 8
	// otherLengths stands for the length 0 and for those above 63. Which of them there are is
	// noted once for all cells: bit i for the length 64+i, and this one for the length 0.
	otherLengths = 1 << 0

	shortCell = 0 // the cell of the short lengths
	otherCell = 1 // the cell of the other lengths
	firstCell = 2
)

// Spans show where ranges are, and which lengths they have there, with one bit for each
// length. Like those of a filter, bits may be wrong, and are set while readers use them.
type spans struct {
	filter
	cells    []uint64 // the lengths in each cell; read and written atomically
	prefixes filter   // shows with one bit that most prefixes are no range with a decision
}

func newSpans(ranges int) spans {
	f := newFilter(ranges * (spanBits / filterBits))
	cells := 1 << (32 - f.shift - cellBits)
	f.most = cells
	return spans{filter: f, cells: make([]uint64, firstCell+cells), prefixes: newFilter(ranges)}
}

// lengths returns the lengths of the ranges in the cell of this number.
func (s *spans) lengths(number uint32) uint64 {
	if i := firstCell + int(number>>(s.shift&31)>>cellBits); i < len(s.cells) {
		return atomic.LoadUint64(&s.cells[shortCell]) | atomic.LoadUint64(&s.cells[i])
	}
	return 0
}

// others returns which of the other lengths there are.
func (s *spans) others() uint64 { return atomic.LoadUint64(&s.cells[otherCell]) }

// salted returns the number that prefixes has a range under. Ranges that begin with the same
// address have one number, and differ in their lengths.
func salted(number uint32, length int) uint32 { return number + uint32(length)*0x9e3779b1 }

// mayHave reports whether there may be a range with this length, and this number of its key.
func (s *spans) mayHave(number uint32, length int) bool {
	return s.prefixes.has(salted(number, length))
}

// know sets the bit that mayHave asks for.
func (s *spans) know(number uint32, length int) { s.prefixes.set(salted(number, length)) }

// note sets the bits for a range of this length. It has all numbers with the same first bits.
func (s *spans) note(number uint32, same, length int) {
	s.fill(number, same)
	bit := uint64(1) << (length % 64)
	if length == 0 || length >= 64 {
		s.add(otherCell, bit)
		bit = otherLengths
	}
	if same < shortLength {
		s.add(shortCell, bit)
		return
	}
	last := number | uint32(uint64(1)<<(32-same)-1)
	for i := number >> s.shift >> cellBits; i <= last>>s.shift>>cellBits; i++ {
		s.add(firstCell+int(i), bit)
	}
}

func (s *spans) add(i int, bit uint64) {
	if atomic.LoadUint64(&s.cells[i])&bit == 0 {
		atomic.OrUint64(&s.cells[i], bit)
	}
}
