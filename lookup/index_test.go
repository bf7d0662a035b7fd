package lookup

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

func TestOnlyOneAddressHasANumber(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		s := newSeed()
		for range 2000 {
			a := r.Uint32() >> r.IntN(32)
			if got := s.unmix(s.mix(a)); got != a {
				t.Fatalf("%v has the number of %v", from4(a), from4(got))
			}
		}
	}
}

// A seek in a page of any numbers, even or not, ends where the first one is.
func TestSeek(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, row := range []struct {
		name   string
		n      int
		number func(i int) uint32
	}{
		{"nothing", 0, nil},
		{"one", 1, func(int) uint32 { return r.Uint32() }},
		{"even", 48, func(int) uint32 { return r.Uint32() }},
		{"many", 1000, func(int) uint32 { return r.Uint32() }},
		{"all low", 1000, func(i int) uint32 { return uint32(i / 3) }},
		{"all high", 1000, func(i int) uint32 { return ^uint32(0) - uint32(i/3) }},
		{"all the same", 1000, func(int) uint32 { return 1 << 31 }},
		{"in two heaps", 1000, func(i int) uint32 { return uint32(i%2)<<31 + r.Uint32N(50) }},
		{"more than a part can count", 70_000, func(int) uint32 { return r.Uint32() }},
		{"all but one the same", 1000, func(i int) uint32 { return min(7, uint32(i)) << 28 }},
	} {
		t.Run(row.name, func(t *testing.T) {
			all := make([]entry[addr4], row.n)
			for i := range all {
				all[i].number = row.number(i)
			}
			slices.SortFunc(all, func(a, b entry[addr4]) int { return int(int64(a.number) - int64(b.number)) })
			page := page[addr4]{entries: all}
			page.begin(0)
			wanted := []uint32{0, 1, 1 << 31, 1<<31 + 1, ^uint32(0)}
			for _, e := range all {
				wanted = append(wanted, e.number, e.number+1, e.number-1)
			}
			for _, number := range wanted {
				want, _ := slices.BinarySearchFunc(all, number, func(e entry[addr4], n uint32) int { return cmp.Compare(e.number, n) })
				if got := page.find(&key[addr4]{number: number}, 0); got != want {
					t.Fatalf("%d is at %d, want %d", number, got, want)
				}
			}
		})
	}
}

// checkIndex reports what is wrong with the order of x.
func checkIndex[A address](t *testing.T, x *index[A], see func(*entry[A]) bool) {
	t.Helper()
	n := 0
	for p := range x.pages() {
		page, fresh := x.pageAt(p).entries, *x.pageAt(p)
		if fresh.begin(x.depth); fresh.starts != x.pageAt(p).starts {
			t.Fatalf("parts of page %d begin at %v, want %v", p, x.pageAt(p).starts, fresh.starts)
		}
		n += len(page)
		for i := range page {
			k := key[A]{page[i].addr, page[i].number, page[i].length()}
			if x.pageOf(k.number) != p || i > 0 && !page[i-1].before(&k) && !page[i-1].is(&k) {
				t.Fatalf("entry %d of page %d is not where it belongs: %+v", i, p, page[i])
			}
			if !see(&page[i]) {
				t.Fatalf("a filter does not know %+v", page[i])
			}
		}
	}
	if n != x.n {
		t.Fatalf("%d entries, counted as %d", n, x.n)
	}
}

// checkState reports what is wrong with the order of the table.
func checkState(t *testing.T, table *Table) {
	t.Helper()
	s := table.cur.Load()
	if s == nil {
		return
	}
	checkIndex(t, &s.v4, func(e *entry[addr4]) bool {
		p := s.prefix4(&e.fact)
		if !isRange(p) {
			return s.v4.any.has(e.number)
		}
		at := number4(last(p))
		return s.v4.wide.has(at) && s.v4.wide.lengths(at)>>p.Bits()&1 == 1 && s.v4.wide.mayHave(e.number, p.Bits())
	})
	for i, g := range s.groups {
		var want covered
		for p, r := range s.all() {
			if s.groupOf[r.kind] == uint16(i) && !isPlace(p) && isWide(p) {
				want.add(p)
			}
		}
		if s.wideOf[i] != want {
			t.Fatalf("the wide ranges of %+v cover %v, want %v", g, s.wideOf[i], want)
		}
	}
	checkIndex(t, &s.v6, func(e *entry[addr6]) bool {
		p := prefix6(e)
		hi, _ := halves(last(p))
		if !isRange(p) {
			return s.v6.any.pair(s.seed.network(hi)) != 0
		}
		at, bit := s.seed.network(hi>>32), p.Bits()
		if bit == 0 || bit > 63 {
			if s.v6.wide.others()>>(bit%64)&1 == 0 {
				return false
			}
			bit = 0
		}
		return s.v6.wide.has(at) && s.v6.wide.lengths(at)>>bit&1 == 1 && s.v6.wide.mayHave(e.number, p.Bits())
	})
}

// last returns the last address of p.
func last(p netip.Prefix) netip.Addr {
	a := p.Addr().AsSlice()
	for i := p.Bits(); i < len(a)*8; i++ {
		a[i/8] |= 0x80 >> (i % 8)
	}
	ip, _ := netip.AddrFromSlice(a)
	return ip
}

// fixedSeeds makes tables take these seeds, one after the other, and then the last one,
// and returns how many were taken.
func fixedSeeds(t *testing.T, seeds ...seed) (taken *int) {
	t.Helper()
	random := newSeed
	t.Cleanup(func() { newSeed = random })
	taken = new(int)
	newSeed = func() seed {
		*taken++
		return seeds[min(*taken, len(seeds))-1]
	}
	return taken
}

// Who knew the seed could choose addresses whose numbers are all alike. The table takes
// another seed then, and where that does not help either it still finds them.
func TestAddressesThatCollide(t *testing.T) {
	one, two := newSeed(), newSeed()
	const n = 5000
	for _, row := range []struct {
		name   string
		prefix func(i int) netip.Prefix
	}{
		{"IPv4, in one page", func(i int) netip.Prefix { return hostPrefix(from4(one.unmix(0x7f00_0000 + uint32(i)))) }},
		{"IPv6, with one number", func(i int) netip.Prefix { return hostPrefix(from6(one.six[0], uint64(i))) }},
		{"ranges of IPv6, with one number", func(i int) netip.Prefix { return netip.PrefixFrom(from6(one.six[0], uint64(i)<<16), 112) }},
	} {
		for name, seeds := range map[string][]seed{"another seed": {one, two}, "the same again": {one}} {
			t.Run(row.name+"/"+name, func(t *testing.T) {
				taken := fixedSeeds(t, seeds...)
				var table Table
				var all []Decision
				for i := range n {
					all = append(all, Decision{Prefix: row.prefix(i), Action: Ban})
				}
				table.Update("a", all[:n/2], nil)
				table.Update("a", all[n/2:], nil)
				checkState(t, &table)
				for _, d := range all {
					if got, ok := table.Lookup(d.Prefix.Addr()); !ok || got.Prefix != d.Prefix {
						t.Fatalf("looking up %v finds %+v", d.Prefix, got)
					}
				}
				// A page of 1024 entries is one too many, and each time twice as many are.
				if *taken > 5 {
					t.Errorf("%d seeds taken", *taken)
				}
				if s := table.cur.Load(); len(seeds) == 2 && (s.seed == one || longest(s) > 256) {
					t.Errorf("the longest page has %d entries", longest(s))
				}
			})
		}
	}
}

func longest(s *state) (n int) {
	for p := range s.v4.pages() {
		n = max(n, len(s.v4.pageAt(p).entries))
	}
	for p := range s.v6.pages() {
		n = max(n, len(s.v6.pageAt(p).entries))
	}
	return n
}

// Decisions are near where their numbers say that they are, so that a seek need not
// search, and no page is much longer than the others.
func TestNumbersAreEven(t *testing.T) {
	var table Table
	all := population(rand.New(rand.NewPCG(3, 3)), 100_000)
	table.Replace("a", all)
	s := table.cur.Load()
	steps, far := 0, 0
	for p := range s.v4.pages() {
		page := s.v4.pageAt(p)
		for i := range page.entries {
			rest := page.entries[i].number << s.v4.depth
			first, next := page.starts[rest>>27], page.starts[rest>>27+1]
			expected := int(first) + int(uint64(rest<<5)*uint64(next-first)>>32)
			off := max(expected-i, i-expected)
			if steps += off; off > 2 {
				far++
			}
		}
	}
	if mean := float64(steps) / float64(s.v4.n); mean > 1.2 || far > s.v4.n/20 {
		t.Errorf("%.1f places beside it on average, and %d of %d are far", mean, far, s.v4.n)
	}
	if longest(s) > 360 {
		t.Errorf("the longest page has %d entries", longest(s))
	}
}
