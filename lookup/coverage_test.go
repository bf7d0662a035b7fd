package lookup

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

func bans(prefixes ...string) (all []Decision) {
	for _, p := range prefixes {
		all = append(all, Decision{Prefix: netip.MustParsePrefix(p), Action: Ban})
	}
	return all
}

func slashes(form string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf(form, i))
	}
	return all
}

// A source covers a share of all addresses at most, and the widest ranges give way.
func TestASourceIsBoundInWhatItCovers(t *testing.T) {
	for _, row := range []struct {
		name          string
		before, after []string
		limit         float64
		held          int
		stopped, free []string
	}{
		{"single addresses", nil, []string{"192.0.2.1/32", "2001:db8::1/128"}, 0.05, 0, []string{"192.0.2.1", "2001:db8::1"}, nil},
		{"everything", nil, []string{"0.0.0.0/0", "::/0", "192.0.2.1/32"}, 0.05, 2, []string{"192.0.2.1"}, []string{"198.51.100.1", "2001:db8::1"}},
		{"everything, by word of the operator", nil, []string{"0.0.0.0/0", "::/0"}, 1, 0, []string{"198.51.100.1", "2001:db8::1"}, nil},
		{"loopback and its neighbours", nil, []string{"127.0.0.0/8"}, 0.05, 0, []string{"127.0.0.1"}, nil},
		{"the Internet in /9s", nil, slashes("%d.0.0.0/9", 200), 0.05, 175, nil, []string{"198.51.100.1"}},
		{"the Internet of IPv6 in /12s", nil, []string{"2400::/12", "2600::/12", "2800::/12", "2a00::/12", "2c00::/12"}, 0.05, 5, nil, []string{"2a01::1"}},
		{"the widest give way", nil, []string{"64.0.0.0/3", "192.0.2.0/24", "10.0.0.0/8"}, 0.05, 1, []string{"192.0.2.1", "10.0.0.1"}, []string{"80.0.0.1"}},
		{"what is covered twice counts once", nil, append(slashes("10.%d.0.0/16", 256), slashes("11.%d.0.0/16", 256)...), 0.008, 0, []string{"10.0.0.1", "11.255.0.1"}, nil},
		{"and so does what lies in another", nil, append(slashes("10.%d.0.0/16", 256), "10.0.0.0/8"), 0.004, 0, []string{"10.0.0.1"}, nil},
		{"a growth of a hundredth at once", []string{"192.0.2.0/24"}, []string{"192.0.2.0/24", "10.0.0.0/8", "11.0.0.0/8"}, 0.05, 0, []string{"10.0.0.1", "11.0.0.1"}, nil},
		{"a growth of more", []string{"192.0.2.0/24"}, []string{"192.0.2.0/24", "8.0.0.0/7", "10.0.0.0/7"}, 0.05, 1, []string{"192.0.2.1"}, nil},
		{"a new source of as much", nil, []string{"192.0.2.0/24", "8.0.0.0/7", "10.0.0.0/7"}, 0.05, 0, []string{"8.0.0.1", "10.0.0.1"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			var table Table
			table.Replace("a", bans(row.before...))
			b := table.Batch("a").Bound(row.limit)
			for _, d := range bans(row.after...) {
				b.Add(d)
			}
			if c := b.Replace(); c.Held != row.held {
				t.Errorf("%d are held back, want %d", c.Held, row.held)
			}
			for _, ip := range row.stopped {
				if _, ok := table.Lookup(netip.MustParseAddr(ip)); !ok {
					t.Errorf("%s is free", ip)
				}
			}
			for _, ip := range row.free {
				if d, ok := table.Lookup(netip.MustParseAddr(ip)); ok {
					t.Errorf("%s is stopped by %v", ip, d.Prefix)
				}
			}
		})
	}
}

// What comes in many small changes is bound as what comes at once.
func TestASourceIsBoundOverManyChanges(t *testing.T) {
	var table Table
	held := 0
	for i := range 200 {
		b := table.Batch("a").Bound(0.05)
		for _, d := range bans(fmt.Sprintf("%d.0.0.0/9", i)) {
			b.Add(d)
		}
		held += b.Update().Held
	}
	if held != 175 || table.Len() != 25 {
		t.Errorf("%d are held back, %d in force", held, table.Len())
	}
	if c := table.Update("b", bans("200.0.0.0/8"), nil); c.Added != 1 {
		t.Error("another source, which is not bound, is")
	}
}

// The quick answer by sums of ranges is never yes where the exact one is no. And many
// small changes, which it is for, get it.
func TestSumsOfRangesFitOnlyIfTheirUnionFits(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	random := func(n int) (all []netip.Prefix) {
		for range n {
			ip := netip.AddrFrom4([4]byte{byte(r.IntN(16)), byte(r.IntN(256)), 0, 0})
			all = append(all, netip.PrefixFrom(ip, 9+r.IntN(16)).Masked())
		}
		return all
	}
	quick := 0
	for range 5000 {
		held, added, whole := random(r.IntN(40)), random(1+r.IntN(20)), r.IntN(2) == 0
		var table Table
		first := table.Batch("a")
		for _, p := range held {
			first.Add(Decision{Prefix: p, Action: Ban})
		}
		first.Replace()
		b := table.Batch("a").Bound(0.05)
		if !b.fits(table.draftLocked(), sum(held), sum(added), whole) {
			continue
		}
		quick++
		before, kept := union(held).v4, held
		if whole {
			kept = nil
		}
		most := 0.05
		if len(held) > 0 {
			most = min(most, before+0.01)
		}
		if total := union(slices.Concat(kept, added)).v4; total > most {
			t.Fatalf("%v and %v cover %v, and %v is allowed", kept, added, total, most)
		}
	}
	if quick < 500 {
		t.Errorf("%d of 5000 get the quick answer", quick)
	}
}

// A change that the sum allows does not look at the ranges in force: with a million of them
// that would take longer than the change.
func TestASmallChangeWalksNoRanges(t *testing.T) {
	var table Table
	table.Replace("a", bans("192.0.2.0/24", "2001:db8::/48", "198.51.100.0/25"))
	b := table.Batch("a").Bound(0.05)
	b.Add(bans("203.0.113.0/24")[0])
	d := table.draftLocked()
	d.v4.dir, d.v6.dir = []*segment[addr4]{nil}, []*segment[addr6]{nil} // a walk would panic
	if gone := b.tooMuch(d, false); gone != nil {
		t.Errorf("%v are left out", gone)
	}
	if got := d.wideSum("a"); got != (covered{v4: 1.0 / (1 << 24), v6: 1.0 / (1 << 35)}) {
		t.Errorf("the source covers %v", got)
	}
}
