package lookup

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWhichAddressesAreIPv4(t *testing.T) {
	for _, row := range []struct{ name, ip, want string }{
		{"IPv4", "192.0.2.1", "192.0.2.1"},
		{"mapped", "::ffff:192.0.2.1", "192.0.2.1"},
		{"mapped, with a zone", "::ffff:192.0.2.1%eth0", "192.0.2.1"},
		{"mapped and private", "::ffff:10.0.0.1", "10.0.0.1"},
		{"compatible, which is not in use any more", "::192.0.2.1", "::c000:201"},
		{"translated", "64:ff9b::192.0.2.1", "192.0.2.1"},
		{"translated, with a zone", "64:ff9b::192.0.2.1%eth0", "192.0.2.1"},
		{"translated and private, which nobody may do", "64:ff9b::10.0.0.1", "64:ff9b::a00:1"},
		{"translated, of a carrier", "64:ff9b::100.64.0.1", "64:ff9b::6440:1"},
		{"translated, of this machine", "64:ff9b::127.0.0.1", "64:ff9b::7f00:1"},
		{"translated, none", "64:ff9b::", "64:ff9b::"},
		{"beside the well-known prefix", "64:ff9b::1:c000:201", "64:ff9b::1:c000:201"},
		{"of a translator that is not known", "64:ff9b:1::192.0.2.1", "64:ff9b:1::c000:201"},
		{"6to4, which anybody can choose", "2002:c000:201::1", "2002:c000:201::1"},
		{"Teredo, likewise", "2001:0:cb00:7101:0:fffe:3fff:fdfe", "2001:0:cb00:7101:0:fffe:3fff:fdfe"},
		{"ISATAP, likewise", "2001:db8::200:5efe:192.0.2.1", "2001:db8::200:5efe:c000:201"},
		{"IPv6", "2001:db8::1", "2001:db8::1"},
		{"IPv6 with a zone", "fe80::1%eth0", "fe80::1"},
	} {
		if got := Normalize(netip.MustParseAddr(row.ip)); got.String() != row.want {
			t.Errorf("%s: %s is %v; want %s", row.name, row.ip, got, row.want)
		}
	}
	if got := Normalize(netip.Addr{}); got.IsValid() {
		t.Errorf("no address is %v", got)
	}
}

func TestWhichRangesAreIPv4(t *testing.T) {
	for _, row := range []struct{ name, p, want string }{
		{"a translated address", "64:ff9b::c000:201", "192.0.2.1/32"},
		{"a translated range", "64:ff9b::c000:2ff/120", "192.0.2.0/24"},
		{"half of them", "64:ff9b::8000:0/97", "128.0.0.0/1"},
		{"all of them", "64:ff9b::/96", "64:ff9b::/96"},
		{"more", "64:ff9b::/64", "64:ff9b::/64"},
		{"private ones", "64:ff9b::a00:0/104", "64:ff9b::a00:0/104"},
		{"all mapped ones", "::ffff:0:0/96", "0.0.0.0/0"},
		{"6to4", "2002::/16", "2002::/16"},
		{"one of 6to4", "2002:c000:201::/48", "2002:c000:201::/48"},
		{"Teredo", "2001::/32", "2001::/32"},
	} {
		if got, err := ParsePrefix(row.p); err != nil || got.String() != row.want {
			t.Errorf("%s: %s is %v, %v; want %s", row.name, row.p, got, err, row.want)
		}
	}
}

// The examples of RFC 6052, section 2.4.
var rfc6052 = []struct{ prefix, ip string }{
	{"2001:db8::/32", "2001:db8:c000:221::"},
	{"2001:db8:100::/40", "2001:db8:1c0:2:21::"},
	{"2001:db8:122::/48", "2001:db8:122:c000:2:2100::"},
	{"2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"},
	{"2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"},
	{"2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"},
}

func TestLocalTranslators(t *testing.T) {
	for _, row := range rfc6052 {
		t.Run(row.prefix, func(t *testing.T) {
			p, ip := netip.MustParsePrefix(row.prefix), netip.MustParseAddr(row.ip)
			n, err := NewNAT64(p)
			if err != nil {
				t.Fatal(err)
			}
			if got := n.Normalize(ip); got.String() != "192.0.2.33" || n.wrap(0, got) != ip {
				t.Errorf("%v is %v, and that is %v", ip, got, n.wrap(0, got))
			}
			if got := n.Normalize(n.wrap(0, netip.MustParseAddr("10.0.0.1"))); got.String() != "10.0.0.1" {
				t.Errorf("a private one is %v", got)
			}
			if got := n.Normalize(n.wrap(0, netip.MustParseAddr("127.0.0.1"))); got.Is4() {
				t.Errorf("this machine is %v", got)
			}
			if got := Normalize(ip); got != ip {
				t.Errorf("without the option it is %v", got)
			}
			if got := n.Normalize(netip.MustParseAddr("64:ff9b::192.0.2.1")); got.String() != "192.0.2.1" {
				t.Errorf("of the well-known one it is %v", got)
			}
			for v4, bits := range map[string]int{"192.0.2.33": 32, "192.0.2.0": 24, "192.0.0.0": 16, "192.0.2.128": 25} {
				want := netip.PrefixFrom(netip.MustParseAddr(v4), bits)
				long := 128
				for ; long > p.Bits() && bits4(p.Bits(), long) > bits; long-- {
				}
				if got, ok := n.NormalizePrefix(netip.PrefixFrom(n.wrap(0, want.Addr()), long)); got != want || !ok {
					t.Errorf("%v/%d is %v; want %v", n.wrap(0, want.Addr()), long, got, want)
				}
			}
			if got, ok := n.NormalizePrefix(p); got != p || !ok {
				t.Errorf("the whole prefix is %v", got)
			}
		})
	}
}

func TestDecisionsHoldForTheOtherForms(t *testing.T) {
	n, err := NewNAT64(netip.MustParsePrefix("2001:db8:64::/96"), netip.MustParsePrefix("2001:db8:128::/48"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, listed, client string
		want                 bool
	}{
		{"translated", "192.0.2.0/24", "64:ff9b::192.0.2.1", true},
		{"and the other way round", "64:ff9b::c000:200/120", "192.0.2.1", true},
		{"both translated", "64:ff9b::c000:201", "64:ff9b::192.0.2.1", true},
		{"all of the well-known prefix", "64:ff9b::/96", "192.0.2.1", false},
		{"all that a translator has", "2001:db8:64::/96", "192.0.2.1", false},
		{"all that it has, as IPv6", "2001:db8::/32", "192.0.2.1", false},
		{"by a local translator", "192.0.2.0/24", "2001:db8:64::192.0.2.1", true},
		{"by another", "192.0.2.1", "2001:db8:128:c000:2:100::", true},
		{"listed as a local translator has it", "2001:db8:64::c000:201", "192.0.2.1", true},
		{"a range listed so", "2001:db8:128:c000::/64", "192.0.2.1", true},
		{"and met so", "2001:db8:64::c000:201", "2001:db8:64::192.0.2.1", true},
		{"listed for one translator, met by another", "2001:db8:64::c000:201", "2001:db8:128:c000:2:100::", true},
		{"6to4", "192.0.2.1", "2002:c000:201:9::1", true},
		{"6to4 of somebody else", "192.0.2.2", "2002:c000:201:9::1", false},
		{"listed as 6to4", "2002:c000:201::/48", "192.0.2.1", false},
		{"all of 6to4", "2002::/16", "2002:c000:201:9::1", true},
		{"Teredo", "192.0.2.0/24", "2001:0:cb00:7101:0:fffe:3fff:fdfe", true},
		{"the server of Teredo", "203.0.113.1", "2001:0:cb00:7101:0:fffe:3fff:fdfe", false},
		{"listed as Teredo", "2001:0:cb00:7101:0:fffe:3fff:fdfe", "192.0.2.1", false},
		{"ISATAP", "192.0.2.1", "2001:db8::200:5efe:192.0.2.1", true},
		{"ISATAP without its bit", "192.0.2.1", "2001:db8::5efe:192.0.2.1", true},
		{"an identifier like it", "192.0.2.1", "2001:db8::100:5efe:192.0.2.1", false},
		{"listed as ISATAP", "2001:db8::200:5efe:192.0.2.1", "192.0.2.1", false},
		{"private ones are everybody's", "10.0.0.0/8", "2001:db8::5efe:10.0.0.1", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var table Table
			table.Translate(n)
			p, err := ParsePrefix(row.listed)
			if err != nil {
				t.Fatal(err)
			}
			until := time.Now().Add(time.Hour)
			table.Replace("lapi", []Decision{{Prefix: p, Action: Captcha, Until: until}, {Prefix: p, Action: Ban, Until: until}})
			ip := netip.MustParseAddr(row.client)
			d, found := table.Lookup(ip)
			if found != row.want || found && d.Action != Ban || len(table.Covering(ip)) > 0 != row.want {
				t.Errorf("%s finds %+v, covered by %d", row.client, d, len(table.Covering(ip)))
			}
			if allocs := testing.AllocsPerRun(100, func() { table.Lookup(ip) }); allocs != 0 {
				t.Errorf("%v allocations", allocs)
			}
			if _, found := table.Clone().Lookup(ip); found != row.want {
				t.Error("a clone differs")
			}
		})
	}
}

func TestTheStrongerOfTwoFormsWins(t *testing.T) {
	var table Table
	soon, late := time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
	table.Replace("lapi", []Decision{
		{Prefix: prefix("192.0.2.1"), Action: Ban, Until: soon},
		{Prefix: prefix("2002:c000:201::/48"), Action: Captcha, Until: late},
		{Prefix: prefix("192.0.2.2"), Action: Captcha, Until: soon},
		{Prefix: prefix("2002:c000:202::/48"), Action: Captcha, Until: late},
		{Prefix: prefix("192.0.2.3"), Action: Captcha, Until: soon},
		{Prefix: prefix("2002:c000:203::/48"), Action: Ban, Until: late},
	})
	for ip, want := range map[string]string{"2002:c000:201::1": "192.0.2.1/32", "2002:c000:202::1": "2002:c000:202::/48", "2002:c000:203::1": "2002:c000:203::/48"} {
		d, _ := table.Lookup(netip.MustParseAddr(ip))
		if all := table.Covering(netip.MustParseAddr(ip)); d.Prefix.String() != want || len(all) != 2 || all[0] != d {
			t.Errorf("%s: %+v, %+v", ip, d, all)
		}
	}
}

func TestNewNAT64Refuses(t *testing.T) {
	for _, row := range []struct{ prefixes, want string }{
		{"192.0.2.0/32", "want a range of IPv6"},
		{"::ffff:192.0.2.0/96", "want a range of IPv6"},
		{"2001:db8::/33", "want 32, 40, 48, 56, 64 or 96 bits, got 33"},
		{"2001:db8::1/96", "write 2001:db8::/96"},
		{"2001:db8:0:0:100::/96", "bits from 64 to 71"},
		{"ff02::/96", "unicast"},
		{"fe80::/64", "unicast"},
		{"::/96", "unicast"},
		{"2001:db8::/32 2001:db8:1::/48", "overlaps"},
	} {
		var all []netip.Prefix
		for s := range strings.FieldsSeq(row.prefixes) {
			all = append(all, netip.MustParsePrefix(s))
		}
		if _, err := NewNAT64(all...); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v; want %s", row.prefixes, err, row.want)
		}
	}
	if n, err := NewNAT64(); n != nil || err != nil {
		t.Errorf("none: %v, %v", n, err)
	}
}

// plainly is what Normalize is meant to be, in numbers.
func plainly(ip netip.Addr, translators ...netip.Prefix) netip.Addr {
	ip = ip.WithZone("")
	if !ip.Is6() {
		return ip
	}
	number := func(a netip.Addr) *big.Int { return new(big.Int).SetBytes(a.AsSlice()) }
	quad := func(n *big.Int) netip.Addr {
		var b [4]byte
		n.FillBytes(b[:])
		return netip.AddrFrom4(b)
	}
	all := big.NewInt(1 << 32)
	for _, p := range translators {
		if !p.Contains(ip) {
			continue
		}
		// The address without the ninth byte, so that IPv4 is in one piece.
		n, bits := number(ip), p.Bits()
		if bits < 96 {
			b := ip.As16()
			if b[8] != 0 {
				continue
			}
			n = new(big.Int).SetBytes(slices.Concat(b[:8], b[9:]))
			rest := new(big.Int).Mod(n, new(big.Int).Lsh(big.NewInt(1), uint(120-bits-32)))
			if rest.Sign() != 0 {
				continue
			}
			n.Rsh(n, uint(120-bits-32))
		}
		if v4 := quad(new(big.Int).Mod(n, all)); v4.IsGlobalUnicast() {
			return v4
		}
	}
	rest := new(big.Int)
	above, below := new(big.Int).DivMod(number(ip), all, rest)
	v4 := quad(below)
	switch above.Text(16) {
	case "ffff":
		return v4
	case fmt.Sprintf("64ff9b%016x", 0):
		if v4.IsGlobalUnicast() && !v4.IsPrivate() && !netip.MustParsePrefix("100.64.0.0/10").Contains(v4) {
			return v4
		}
	}
	return ip
}

func FuzzNormalize(f *testing.F) {
	for _, s := range []string{"192.0.2.1", "::ffff:192.0.2.1", "64:ff9b::192.0.2.1", "64:ff9b::10.0.0.1", "2002:c000:201::1", "2001:0:cb00:7101:0:fffe:3fff:fdfe", "2001:db8::5efe:c000:201", "fe80::1%eth0"} {
		ip := netip.MustParseAddr(s)
		f.Add(ip.AsSlice(), uint8(ip.BitLen()), uint8(0))
	}
	for i, row := range rfc6052 {
		f.Add(netip.MustParseAddr(row.ip).AsSlice(), uint8(96+i), uint8(i))
	}
	f.Fuzz(func(t *testing.T, b []byte, bits, which uint8) {
		ip, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		translator := netip.MustParsePrefix(rfc6052[int(which)%len(rfc6052)].prefix)
		n, err := NewNAT64(translator)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := Normalize(ip), plainly(ip); got != want || Normalize(got) != got {
			t.Errorf("%v is %v; want %v", ip, got, want)
		}
		got, want := n.Normalize(ip), plainly(ip, translator)
		if got != want || n.Normalize(got) != got {
			t.Errorf("%v is %v to a translator; want %v", ip, got, want)
		}
		// What a range has as IPv4 it has as IPv6, and the other way round.
		p, err := ip.Prefix(int(bits) % (ip.BitLen() + 1))
		if err != nil {
			return
		}
		if q, ok := n.NormalizePrefix(p); ok && q.Addr().Is4() && p.Addr().Is6() && !q.Contains(got) && got.Is4() {
			t.Errorf("%v is %v, without %v, which is %v", p, q, ip, got)
		}
		if q, ok := NormalizePrefix(p); ok && q != q.Masked() {
			t.Errorf("%v is %v, which has more bits than it should", p, q)
		}
		if v4, ok := claimed(ip); ok && (!v4.Is4() || !IsPublic(v4)) {
			t.Errorf("%v claims %v", ip, v4)
		}
	})
}

func TestNormalizeTakesNoMemory(t *testing.T) {
	n, _ := NewNAT64(netip.MustParsePrefix("2001:db8:64::/96"))
	for _, s := range []string{"192.0.2.1", "::ffff:192.0.2.1", "64:ff9b::192.0.2.1", "2001:db8:64::192.0.2.1", "2001:db8::1", "fe80::1%eth0"} {
		ip := netip.MustParseAddr(s)
		if allocs := testing.AllocsPerRun(100, func() { Normalize(ip); n.Normalize(ip) }); allocs != 0 {
			t.Errorf("%s: %v allocations", s, allocs)
		}
	}
}

// BenchmarkNormalize does it beside what is the least that has to be done.
func BenchmarkNormalize(b *testing.B) {
	n, _ := NewNAT64(netip.MustParsePrefix("2001:db8:64::/96"))
	for _, s := range []string{"192.0.2.1", "::ffff:192.0.2.1", "64:ff9b::192.0.2.1", "2001:db8::1"} {
		ip := netip.MustParseAddr(s)
		var sink netip.Addr
		b.Run(s+"/unmap", func(b *testing.B) {
			for b.Loop() {
				sink = ip.Unmap().WithZone("")
			}
		})
		b.Run(s+"/tocsin", func(b *testing.B) {
			for b.Loop() {
				sink = Normalize(ip)
			}
		})
		b.Run(s+"/local", func(b *testing.B) {
			for b.Loop() {
				sink = n.Normalize(ip)
			}
		})
		_ = binary.BigEndian.Uint16(sink.AsSlice())
	}
}
