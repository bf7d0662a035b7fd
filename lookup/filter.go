package lookup

import "sync/atomic"

const (
	minFilter  = 10 // bits of the number of a bit in the smallest filter
	maxFilter  = 28 // and in the largest, which has 32 MiB
	filterBits = 16 // bits for each decision, at least, when a filter is made
	filterFull = 8  // and those from which on a larger one is
)

// A filter says of most addresses that nothing is said about them, by one bit. Bit i is
// about all addresses whose number begins with i: for IPv4 that is the address itself,
// so that a filter of 2 MiB has a bit for each /24, and for IPv6 a hash.
//
// A set bit may be wrong: it costs a look into the table. So the states of a table
// share its filter, and a writer sets the bits of what it is about to announce under
// the eyes of the readers. No bit is ever cleared; a filter with too many is replaced.
type filter struct {
	words []uint64 // read and written atomically
	shift uint8    // 32 less the bits of the number of a bit
	most  int      // decisions that it is good for
}

func newFilter(decisions int) filter {
	log := uint8(minFilter)
	for log < maxFilter && 1<<log < decisions*filterBits {
		log++
	}
	return filter{words: make([]uint64, 1<<log/64), shift: 32 - log, most: 1 << log / filterFull}
}

// has reports whether something may be said about the address with this number.
func (f *filter) has(number uint32) bool {
	bit := number >> (f.shift & 31)
	i := int(bit / 64)
	return i < len(f.words) && atomic.LoadUint64(&f.words[i])>>(bit%64)&1 != 0
}

func (f *filter) set(number uint32) { f.fill(number, 32) }

// fill sets the bits of all numbers with the same first bits.
func (f *filter) fill(number uint32, same int) {
	first := uint64(number >> f.shift)
	last := uint64(number|^uint32(0)>>same) >> f.shift
	for ; first <= last; first = (first/64 + 1) * 64 {
		mask := ^uint64(0) << (first % 64)
		if last/64 == first/64 {
			mask &= ^uint64(0) >> (63 - last%64)
		}
		if word := &f.words[first/64]; atomic.LoadUint64(word)&mask != mask {
			atomic.OrUint64(word, mask)
		}
	}
}
