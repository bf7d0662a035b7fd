package lookup

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// A batch gives back all that was put into it, in the order in which the table stores it. What
// is about one address comes in the order in which it was announced.
func TestRowsComeInTheOrderOfTheTable(t *testing.T) {
	for _, n := range []int{0, 1, 4096, 4097, 60_000} {
		r := rand.New(rand.NewPCG(1, uint64(n)))
		d := newDraft(new(Table), emptyState())
		var all rows
		want := map[netip.Prefix][]int64{}
		for i := range n {
			p := hostPrefix(from4(0xcb007100 + r.Uint32N(3000)))
			if i%3 == 0 {
				p = hostPrefix(from6(0x2001_0db8<<32, r.Uint64N(3000)))
			}
			want[p] = append(want[p], int64(i))
			all.push(p, uint32(i%7), int64(i))
		}
		got, last := 0, map[bool]uint32{}
		all.drain(d, func(p netip.Prefix, k uint32, until int64) {
			got++
			if len(want[p]) == 0 || want[p][0] != until || k != uint32(until%7) {
				t.Fatalf("%d rows: %v comes with %d and %d, want %v", n, p, until, k, want[p])
			}
			want[p] = want[p][1:]
			number := d.keyOf6(p).number
			if p.Addr().Is4() {
				number = d.keyOf4(p).number
			}
			if number < last[p.Addr().Is4()] {
				t.Fatalf("%d rows: %v comes late", n, p)
			}
			last[p.Addr().Is4()] = number
		})
		if got != n || all.len() != 0 {
			t.Errorf("%d of %d rows came, and %d are left", got, n, all.len())
		}
	}
}

// A batch of several thousand decisions has the longest of equal announcements in force, as a
// small one has.
func TestLargeBatchWithEqualAnnouncements(t *testing.T) {
	end := time.Now().Add(time.Hour)
	all := population(rand.New(rand.NewPCG(2, 2)), 20_000)
	for i := range all {
		all[i].Until = end.Add(time.Duration(i%3) * time.Minute)
	}
	var table Table
	table.Replace("a", append(append(all[10_000:], all...), all[:10_000]...))
	checkState(t, &table)
	longest := map[identity]time.Time{}
	for _, d := range all {
		id := identity{"a", d.Prefix, d.Action}
		if d.Until.After(longest[id]) {
			longest[id] = d.Until
		}
	}
	n := 0
	for d := range table.All() {
		n++
		if want := longest[identity{"a", d.Prefix, d.Action}]; !d.Until.Equal(want) {
			t.Fatalf("%v ends at %v, want %v", d.Prefix, d.Until, want)
		}
	}
	if n != len(longest) {
		t.Errorf("%d decisions, want %d", n, len(longest))
	}
}
