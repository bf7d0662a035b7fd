package lookup

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// The addresses of a range know its length. Addresses that are far from all ranges know none.
func TestSpans(t *testing.T) {
	for _, row := range []struct {
		ranges  int
		number  uint32
		same    int // equal bits of the numbers in the range
		length  int
		within  uint32
		outside uint32
		want    uint64
	}{
		{1, 0xcb007100, 24, 24, 0xcb0071ff, 0x0b007100, 1 << 24},
		{1, 0xcb007100, 31, 31, 0xcb007101, 0x0b007100, 1 << 31},
		{1, 0xc0000000, 8, 8, 0xc0ffffff, 0x40000000, 1 << 8},
		{5000, 0xcb007100, 24, 24, 0xcb0071ff, 0xcc007100, 1 << 24},
		{5000, 0xcb000000, 8, 8, 0xcbffffff, 0xcc000000, 1 << 8},
		{5000, 0xffffff00, 24, 24, 0xffffffff, 0x00000000, 1 << 24},
		{5000, 0x00000000, 24, 24, 0x000000ff, 0xffffffff, 1 << 24},
		{1, 0x12345678, 32, 48, 0x12345678, 0xf2345678, 1 << 48},
		{1, 0x12345678, 32, 127, 0x12345678, 0xf2345678, 1}, // as all longer than a /63
	} {
		s := newSpans(row.ranges)
		s.note(row.number, row.same, row.length)
		for _, in := range []uint32{row.number, row.within} {
			if !s.has(in) || s.lengths(in) != row.want {
				t.Errorf("%+v: at %#x there is %v, %#x", row, in, s.has(in), s.lengths(in))
			}
		}
		if s.has(row.outside) || s.lengths(row.outside) != 0 {
			t.Errorf("%+v: at %#x there is %v, %#x", row, row.outside, s.has(row.outside), s.lengths(row.outside))
		}
	}
}

// The lengths of the shortest ranges are known everywhere, and no filter knows anything else.
func TestSpansOfShortRanges(t *testing.T) {
	s := newSpans(5000)
	s.note(0x80000000, 1, 1)
	if got := s.lengths(0x00000000); got != 1<<1 || s.has(0x00000000) || !s.has(0xffffffff) {
		t.Errorf("lengths %#x, at the first address %v, at the last %v", got, s.has(0), s.has(0xffffffff))
	}
	if s := (spans{}); s.has(0) || s.lengths(0)|s.lengths(^uint32(0)) != 0 {
		t.Error("no spans know something")
	}
}

// After its last range is removed, a part of the address space has no lengths any more when the
// filters are made again, and before that no range is found there.
func TestSpansAfterRemoval(t *testing.T) {
	var table Table
	r := rand.New(rand.NewPCG(1, 1))
	var all []Decision
	for range 4000 {
		p := netip.PrefixFrom(from4(r.Uint32()), 24).Masked()
		all = append(all, Decision{Prefix: p, Action: Ban})
	}
	table.Update("a", append(bans("203.0.113.0/24"), all...), nil)
	at := number4(netip.MustParseAddr("203.0.113.7"))
	if table.Update("a", nil, all[:10]); table.cur.Load().v4.wide.lengths(at) != 1<<24 {
		t.Fatal("a range is not known")
	}
	table.Update("a", nil, bans("203.0.113.0/24"))
	if d, ok := table.Lookup(from4(at)); ok {
		t.Fatalf("a removed range is found: %+v", d)
	}
	table.Update("a", nil, all)
	s := table.cur.Load()
	if s.v4.n != 0 || s.v4.wide.lengths(at) != 0 || s.v4.wide.has(at) || s.v4.ranges != 0 {
		t.Errorf("%d decisions, lengths %#x, %d ranges", s.v4.n, s.v4.wide.lengths(at), s.v4.ranges)
	}
}

// Of a thousand ranges each is known by its first address and its length. Other prefixes with
// the same first address mostly are not.
func TestSpansKnowPrefixes(t *testing.T) {
	s, seed := newSpans(1000), newSeed()
	first := func(i int) uint32 { return seed.mix(0x0a000000 + uint32(i)<<16) }
	for i := range 1000 {
		s.know(first(i), 16+i%8)
	}
	wrong := 0
	for i := range 1000 {
		for length := range 33 {
			switch there := s.mayHave(first(i), length); {
			case length == 16+i%8 && !there:
				t.Errorf("range %d with length %d is not known", i, length)
			case length != 16+i%8 && there:
				wrong++
			}
		}
	}
	if wrong > 32_000/10 { // 1 of 16 has the bit of another range
		t.Errorf("%d of 32000 other prefixes may be ranges", wrong)
	}
	if (&spans{}).mayHave(0, 24) {
		t.Error("no spans know a prefix")
	}
}

// The lengths of very long ranges of IPv6, and the length 0, are known for the whole table.
func TestSpansOfOtherLengths(t *testing.T) {
	s := newSpans(5000)
	for _, length := range []int{0, 65, 96, 127} {
		s.note(0x12345678, 32, length)
	}
	if got := s.lengths(0x12345678); got != 1 {
		t.Errorf("lengths %#x", got)
	}
	if got := s.others(); got != 1|1<<1|1<<32|1<<63 {
		t.Errorf("other lengths %#x", got)
	}
}

// Spans become larger with the ranges, so that few addresses without one are searched for.
func TestSpansGrow(t *testing.T) {
	var table Table
	r := rand.New(rand.NewPCG(2, 2))
	for range 40 {
		var some []Decision
		for range 500 {
			some = append(some, Decision{Prefix: netip.PrefixFrom(from4(r.Uint32()), 24).Masked(), Action: Ban})
		}
		table.Update("a", some, nil)
	}
	s, found := table.cur.Load(), 0
	for range 10_000 {
		if s.v4.wide.has(r.Uint32()) {
			found++
		}
	}
	if found > 500 {
		t.Errorf("%d of 10000 addresses may be in one of %d ranges", found, s.v4.ranges)
	}
}
