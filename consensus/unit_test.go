package consensus_test

import (
	"net/netip"
	"testing"

	"github.com/tocsin-project/tocsin/consensus"
)

func unitOf(ip string) consensus.Unit { return consensus.UnitOf(netip.MustParseAddr(ip)) }

func TestAllFormsOfAnAddressAreOneUnit(t *testing.T) {
	for ip, want := range map[string]string{
		"203.0.113.7":                  "203.0.113.7/32",
		"::ffff:203.0.113.7":           "203.0.113.7/32",
		"64:ff9b::203.0.113.7":         "203.0.113.7/32",
		"2001:db8:1:2::1":              "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff:ffff::":     "2001:db8:1:2::/64",
		"2001:db8:1:2:3:4:5:6%eth0":    "2001:db8:1:2::/64",
		"2001:db8:1:3::1":              "2001:db8:1:3::/64",
		"2002:cb00:7107::1":            "2002:cb00:7107::/64",
		"2001:db8:1:2:0:0:203.0.113.7": "2001:db8:1:2::/64",
	} {
		if got := unitOf(ip).String(); got != want {
			t.Errorf("%s: %s, want %s", ip, got, want)
		}
	}
}

func TestUnitsAreReadAsTheyAreWritten(t *testing.T) {
	for s, want := range map[string]string{
		"203.0.113.7": "203.0.113.7/32", "203.0.113.7/32": "203.0.113.7/32", "2001:db8::1": "2001:db8::/64",
		"2001:db8::/64": "2001:db8::/64", "2001:db8::1/128": "2001:db8::/64", "::ffff:203.0.113.7": "203.0.113.7/32",
	} {
		got, err := consensus.ParseUnit(s)
		if err != nil || got.String() != want {
			t.Errorf("%s: %s, %v; want %s", s, got, err, want)
		}
	}
	for _, s := range []string{"", "203.0.113.0/24", "2001:db8::/63", "2001:db8::/65", "fe80::1%eth0", "example.com"} {
		if got, err := consensus.ParseUnit(s); err == nil {
			t.Errorf("%q: %s, want an error", s, got)
		}
	}
}

func TestWhatACommunityCanDecideAbout(t *testing.T) {
	for ip, want := range map[string]bool{
		"203.0.113.7": true, "1.1.1.1": true, "223.255.255.255": true, "192.0.1.1": true, "198.20.0.1": true, "2001:db8::1": true, "2a02::1": true,
		"2001:200::1": true, "2002:cb00:7107::1": true, "64:ff9b::203.0.113.7": true,
		"0.1.2.3": false, "10.0.0.1": false, "100.64.0.1": false, "127.0.0.1": false, "169.254.1.1": false, "192.0.0.1": false, "192.0.0.170": false,
		"192.88.99.1": false, "198.18.0.1": false, "198.19.255.255": false, "224.0.0.1": false, "250.0.0.1": false, "255.255.255.255": false,
		"::1": false, "64:ff9b::10.0.0.1": false, "64:ff9b:1::1": false, "100::1": false, "2001::1": false, "2001:0:1:2::1": false, "2001:2::1": false,
		"2001:10::1": false, "2001:20::1": false, "2001:1ff::1": false, "4000::1": false, "5f00::1": false, "fd00::1": false, "fe80::1": false, "ff02::1": false,
	} {
		if got := consensus.Listable(unitOf(ip)); got != want {
			t.Errorf("%s: %v, want %v", ip, got, want)
		}
	}
	for _, p := range []string{"203.0.113.0/24", "203.0.113.7/31", "2001:db8::/48", "2001:db8::1/64", "2001:db8::/128"} {
		if consensus.Listable(netip.MustParsePrefix(p)) {
			t.Errorf("%s is no unit", p)
		}
	}
	if consensus.Listable(netip.Prefix{}) {
		t.Error("the zero value is no unit")
	}
}

// P17: two addresses of one /64 have one unit; a unit is read as it is written.
func FuzzUnit(f *testing.F) {
	for _, s := range []string{"203.0.113.7", "2001:db8::1", "::ffff:1.2.3.4", "64:ff9b::1", "2001:db8::/64", "10.0.0.0/8"} {
		f.Add(s, uint64(7))
	}
	f.Fuzz(func(t *testing.T, s string, host uint64) {
		u, err := consensus.ParseUnit(s)
		if err != nil {
			return
		}
		if again, err := consensus.ParseUnit(u.String()); err != nil || again != u {
			t.Fatalf("%s is read as %s, %v", u, again, err)
		}
		if u.Addr().Is4() {
			mapped := netip.AddrFrom16(u.Addr().As16())
			if got := consensus.UnitOf(mapped); got != u {
				t.Fatalf("%s: %s, mapped: %s", u.Addr(), u, got)
			}
			return
		}
		bytes := u.Addr().As16()
		for i := range 8 {
			bytes[15-i] = byte(host >> (8 * i))
		}
		neighbour := netip.AddrFrom16(bytes)
		if got := consensus.UnitOf(neighbour); got != u && got.Addr().Is6() {
			t.Fatalf("%s: %s, want %s", neighbour, got, u)
		}
	})
}
