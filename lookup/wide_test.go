package lookup

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// TestLookupsAgainstOracle fills a table with prefixes of all lengths around few
// addresses, or with many neighbours, changes them, and compares what it finds for
// listed addresses and their neighbours with the oracle.
func TestLookupsAgainstOracle(t *testing.T) {
	any4 := func(r *rand.Rand) netip.Prefix {
		ip := from4(0xcb007100 ^ r.Uint32()>>r.IntN(33))
		return netip.PrefixFrom(ip, r.IntN(33)).Masked()
	}
	any6 := func(r *rand.Rand) netip.Prefix {
		ip := from6(0x20010db8<<32^r.Uint64()>>r.IntN(65), r.Uint64()>>r.IntN(65))
		length := r.IntN(129)
		if r.IntN(3) == 0 {
			length = []int{32, 48, 64, 64, 128}[r.IntN(5)]
		}
		p, _ := NormalizePrefix(netip.PrefixFrom(ip, length))
		return p
	}
	// The table stores which lengths there are in each part of the address space. These ranges
	// are at the borders of such parts, whatever their size.
	border4 := func(r *rand.Rand) netip.Prefix {
		length := []int{9, 16, 24, 31}[r.IntN(4)]
		border := r.Uint32() &^ (^uint32(0) >> (4 + r.IntN(10)))
		return netip.PrefixFrom(from4(border-uint32(r.IntN(2))<<(32-length)), length).Masked()
	}
	of6 := func(lengths ...int) func(r *rand.Rand) netip.Prefix {
		return func(r *rand.Rand) netip.Prefix {
			ip := from6(0x20010db8<<32^r.Uint64()>>(20+r.IntN(40)), r.Uint64())
			return netip.PrefixFrom(ip, lengths[r.IntN(len(lengths))]).Masked()
		}
	}
	for _, row := range []struct {
		name   string
		prefix func(r *rand.Rand) netip.Prefix
	}{
		{"all lengths of IPv4", any4},
		{"ranges at borders", border4},
		{"the longest and shortest of IPv4", func(r *rand.Rand) netip.Prefix {
			return netip.PrefixFrom(from4(r.Uint32()), []int{0, 1, 7, 8, 31, 32}[r.IntN(6)]).Masked()
		}},
		{"two lengths of IPv4", func(r *rand.Rand) netip.Prefix {
			return netip.PrefixFrom(from4(0xcb007100^r.Uint32()>>r.IntN(20)), []int{16, 24, 32}[r.IntN(3)]).Masked()
		}},
		{"six lengths of IPv4", func(r *rand.Rand) netip.Prefix {
			return netip.PrefixFrom(from4(0xcb007100^r.Uint32()>>r.IntN(20)), 18+2*r.IntN(6)).Masked()
		}},
		{"two lengths of IPv6", of6(32, 48)},
		{"lengths around /64", of6(63, 64, 65, 128)},
		{"the longest and shortest of IPv6", of6(0, 1, 19, 20, 31, 127, 128)},
		{"all lengths of IPv6", any6},
		{"all in one /24", func(r *rand.Rand) netip.Prefix { return hostPrefix(from4(0xcb007100 | r.Uint32N(256))) }},
		{"all networks of one /48", func(r *rand.Rand) netip.Prefix {
			return netip.PrefixFrom(from6(0x2001_0db8_0007<<16|r.Uint64N(1<<16), 0), 64)
		}},
		{"many addresses of one /64", func(r *rand.Rand) netip.Prefix { return hostPrefix(from6(0x2001_0db8_0007_0001, r.Uint64N(2000))) }},
		{"neighbours, as in real lists", func(r *rand.Rand) netip.Prefix { return clustered(r, 1)[0].Prefix }},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, uint64(len(row.name))))
				var table Table
				o := oracle{}
				some := func(n int) (all []Decision) {
					for range n {
						all = append(all, Decision{Prefix: row.prefix(r), Action: Action(1 + r.IntN(3)), Until: time.Now().Add(time.Duration(1+r.IntN(100)) * time.Minute)})
					}
					return all
				}
				for _, n := range []int{5, 400, 900, 2} {
					for _, source := range []string{"a", "b"} {
						add, remove := some(n), some(n/2)
						table.Update(source, add, remove)
						o.update(source, add, remove, time.Now())
						compareLookups(t, r, &table, o, add)
					}
					advance(time.Duration(r.IntN(30)) * time.Minute)
				}
				table.Replace("a", some(3))
				o.replace("a", nil, time.Now())
				for d := range table.All() {
					if d.Source == "a" {
						o[identity{"a", d.Prefix, d.Action}] = d
					}
				}
				compareLookups(t, r, &table, o, some(300))
			})
		})
	}
}

// compareLookups looks for the addresses of near, and for others about them.
func compareLookups(t *testing.T, r *rand.Rand, table *Table, o oracle, near []Decision) {
	t.Helper()
	checkState(t, table)
	now := time.Now()
	for _, d := range near[:min(len(near), 150)] {
		ip := d.Prefix.Addr()
		for _, ip := range []netip.Addr{ip, last(d.Prefix), ip.Next(), ip.Prev(), neighbour(r, ip)} {
			if ip = Normalize(ip); !ip.IsValid() {
				continue
			}
			want, found := o.lookup(ip, now)
			if v4, ok := claimed(ip); ok {
				if other, ok := o.lookup(v4, now); ok && (!found || other.Beats(&want)) {
					want, found = other, true
				}
			}
			if mapped, _ := table.Lookup(netip.AddrFrom16(ip.As16())); mapped.Until != want.Until || mapped.Action != want.Action {
				t.Fatalf("looking up %v as IPv6:\ngot  %+v\nwant %+v", ip, mapped, want)
			}
			got, ok := table.Lookup(ip)
			if ok != found || got.Action != want.Action || !got.Until.Equal(want.Until) || found && !got.Prefix.Contains(ip) {
				t.Fatalf("looking up %v:\ngot  %+v\nwant %+v", ip, got, want)
			}
			if all := table.Covering(ip); ok != (len(all) > 0) || ok && (all[0].Action != got.Action || !all[0].Until.Equal(got.Until)) {
				t.Fatalf("%v: %+v is found, and there is %+v", ip, got, all)
			}
		}
	}
}

// A decision on a huge range holds wherever it is, in each family.
func TestHugeRanges(t *testing.T) {
	for _, row := range []struct{ listed, in, out string }{
		{"0.0.0.0/0", "203.0.113.7", "2001:db8::1"},
		{"192.0.0.0/2", "203.0.113.7", "127.0.0.1"},
		{"::/0", "2001:db8::1", "203.0.113.7"},
		{"2000::/3", "2001:db8::1", "fd00::1"},
		{"2001:d00::/24", "2001:db8::1", "2001:e00::1"},
		{"2001::/20", "2001:db8::1", "2001:1d00::1"},
		{"2001:db8::/31", "2001:db9::1", "2001:dba::1"},
		{"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"},
		{"2001:db8::/63", "2001:db8:0:1::1", "2001:db8:0:2::1"},
		{"2001:db8::/64", "2001:db8::1", "2001:db8:0:1::1"},
		{"2001:db8::/65", "2001:db8::1", "2001:db8::8000:0:0:0"},
		{"2001:db8::/127", "2001:db8::1", "2001:db8::2"},
	} {
		var table Table
		table.Update("a", bans(row.listed, "198.51.100.1/32", "2001:db8:ffff::1/128"), nil)
		if d, ok := table.Lookup(netip.MustParseAddr(row.in)); !ok || d.Prefix.String() != row.listed {
			t.Errorf("%s: %s finds %+v", row.listed, row.in, d)
		}
		if d, ok := table.Lookup(netip.MustParseAddr(row.out)); ok {
			t.Errorf("%s: %s finds %+v", row.listed, row.out, d)
		}
		if table.Update("a", nil, bans(row.listed)); table.Len() != 2 {
			t.Errorf("%s: %d decisions are left", row.listed, table.Len())
		}
		if d, ok := table.Lookup(netip.MustParseAddr(row.in)); ok {
			t.Errorf("%s was taken back, and %s finds %+v", row.listed, row.in, d)
		}
	}
}
