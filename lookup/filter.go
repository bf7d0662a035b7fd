package lookup

import "sync/atomic"

const (
	minFilter  = 10 // the smallest filter has 2^10 bits
	maxFilter  = 28 // the largest filter has 2^28 bits: 32 MiB
	filterBits = 16 // a new filter has at least this many bits for each decision
	filterFull = 8  // with fewer bits for each decision, a larger filter replaces it
)

// A filter shows with one bit that most addresses have no decision. Bit i is for all
// addresses whose number begins with i. Which number an address has depends on the filter: a
// hash, or for ranges of IPv4 the address itself.
//
// A set bit may be wrong: this only costs a lookup in the table. So the states of a table
// share one filter, and a writer sets bits for new decisions while readers use it. Bits are
// never cleared. A filter with too many set bits is replaced.
type filter struct {
	words []uint64 // read and written atomically
	shift uint8    // 32 minus the number of bits in a bit's index
	most  int      // the number of decisions that it is made for
}

func newFilter(decisions int) filter {
	log := uint8(minFilter)
	for log < maxFilter && 1<<log < decisions*filterBits {
		log++
	}
	return filter{words: make([]uint64, 1<<log/64), shift: 32 - log, most: 1 << log / filterFull}
}

// has reports whether there may be a decision about the address with this number.
func (f *filter) has(number uint32) bool {
	bit := number >> (f.shift & 31)
	i := int(bit / 64)
	return i < len(f.words) && atomic.LoadUint64(&f.words[i])>>(bit%64)&1 != 0
}

func (f *filter) set(number uint32) { f.fill(number, 32) }

// Bits of a pair: there may be decisions about single addresses of an IPv6 network, or about
// the network itself.
const (
	pairHosts   = 1 << 0
	pairNetwork = 1 << 1
)

// pair returns the two bits for a network with this number. They are side by side, so that one
// access to memory tells which keys to look up.
func (f *filter) pair(number uint32) uint64 {
	bit := number >> (f.shift & 31) &^ 1
	i := int(bit / 64)
	if i >= len(f.words) {
		return 0
	}
	return atomic.LoadUint64(&f.words[i]) >> (bit % 64) & (pairHosts | pairNetwork)
}

// setPair sets one of the two bits.
func (f *filter) setPair(number uint32, network bool) {
	bit := number >> f.shift &^ 1
	if network {
		bit++
	}
	f.set(bit << f.shift)
}

// fill sets the bits for all numbers with the same first bits.
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
