package lookup

import (
	"math/bits"
	"math/rand/v2"
	"testing"
)

// What was set is known, and what is not near it is not.
func TestFilter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		f := newFilter(r.IntN(3000))
		length := r.IntN(33)
		network := r.Uint32() &^ (^uint32(0) >> length)
		f.fill(network, length)
		within := func(bit uint32) bool { return bit >= network>>f.shift && bit <= (network|^uint32(0)>>length)>>f.shift }
		for range 200 {
			number := r.Uint32()
			if r.IntN(2) == 0 {
				number = network ^ number>>r.IntN(32)
			}
			if f.has(number) != within(number>>f.shift) {
				t.Fatalf("%#x/%d set, and %#x is %v", network, length, number, f.has(number))
			}
		}
	}
	if f := (filter{}); f.has(0) || f.has(^uint32(0)) {
		t.Error("no filter knows something")
	}
}

// Of random addresses a filter lets few pass, and it costs few bytes a decision.
func TestAFilterIsWorthItsMemory(t *testing.T) {
	for _, n := range []int{1000, 15_000, 100_000, 200_000} {
		var table Table
		table.Replace("a", population(rand.New(rand.NewPCG(2, uint64(n))), n))
		s := table.cur.Load()
		for name, f := range map[string]filter{"IPv4": s.v4.any, "IPv6": s.v6.any, "ranges of IPv4": s.v4.wide.filter} {
			set := 0
			for _, word := range f.words {
				set += bits.OnesCount64(word)
			}
			if share := float64(set) / float64(64*len(f.words)); share > 0.13 {
				t.Errorf("%d decisions: the filter of %s lets %.2f pass", n, name, share)
			}
		}
		words := len(s.v4.any.words) + len(s.v4.wide.words) + len(s.v6.any.words) + len(s.v6.wide.words) + len(s.v4.wide.cells) + len(s.v6.wide.cells)
		if each := float64(8*words) / float64(n); each > 6 {
			t.Errorf("%d decisions: the filters cost %.1f bytes each", n, each)
		}
	}
}

// An IPv6 network has a bit for its single addresses and one for itself, and no other network
// has them.
func TestPairsOfAFilter(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 300 {
		f := newFilter(1000)
		hosts, network := r.Uint32(), r.Uint32()
		f.setPair(hosts, false)
		f.setPair(network, true)
		for range 100 {
			number := r.Uint32()
			switch r.IntN(3) {
			case 0:
				number = hosts ^ number>>r.IntN(32)
			case 1:
				number = network ^ number>>r.IntN(32)
			}
			var want uint64
			if number>>f.shift/2 == hosts>>f.shift/2 {
				want |= 1
			}
			if number>>f.shift/2 == network>>f.shift/2 {
				want |= 2
			}
			if got := f.pair(number); got != want {
				t.Fatalf("%#x has %b, want %b", number, got, want)
			}
		}
	}
	if f := (filter{}); f.pair(0)|f.pair(^uint32(0)) != 0 {
		t.Error("no filter knows something")
	}
}
