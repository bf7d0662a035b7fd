package lookup

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestParsePrefix(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"an IPv4 address", "192.0.2.1", "192.0.2.1/32"},
		{"an IPv6 address", "2001:DB8::1", "2001:db8::1/128"},
		{"an IPv4 range", "192.0.2.0/24", "192.0.2.0/24"},
		{"host bits are cleared", "192.0.2.77/24", "192.0.2.0/24"},
		{"a mapped address", "::ffff:192.0.2.1", "192.0.2.1/32"},
		{"a mapped range", "::ffff:192.0.2.77/120", "192.0.2.0/24"},
		{"all mapped addresses", "::ffff:0:0/96", "0.0.0.0/0"},
		{"more than all mapped addresses", "::ffff:0:0/95", ""},
		{"everything", "::/0", "::/0"},
		{"a zone", "fe80::1%eth0", ""},
		{"a zone on a range", "fe80::1%eth0/64", ""},
		{"nothing", "", ""},
		{"a country", "DE", ""},
		{"an AS number", "64496", ""},
		{"leading zeros", "192.0.02.1", ""},
		{"a range that is too long", "192.0.2.1/33", ""},
		{"a port", "192.0.2.1:80", ""},
		{"white space", " 192.0.2.1", ""},
		{"a range without bits", "192.0.2.1/", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := ParsePrefix(tc.in)
			if tc.want == "" {
				if err == nil {
					t.Errorf("got %v, want an error", p)
				}
				return
			}
			if err != nil || p.String() != tc.want {
				t.Errorf("got %v, %v, want %v", p, err, tc.want)
			}
		})
	}
}

func TestParsePrefixQuotesLittleOfWhatItRefuses(t *testing.T) {
	_, err := ParsePrefix(strings.Repeat("x", 1<<20))
	if err == nil || len(err.Error()) > 200 {
		t.Errorf("error of %d bytes", len(err.Error()))
	}
}

func TestActionsAreNamedAndOrdered(t *testing.T) {
	for i, name := range []string{"none", "throttle", "captcha", "ban"} {
		a, err := ParseAction(strings.ToUpper(name))
		if err != nil || a != Action(i) || a.String() != name {
			t.Errorf("%q is %v (%v), want action %d", name, a, err, i)
		}
	}
	for _, bad := range []string{"", "drop", "ban "} {
		if a, err := ParseAction(bad); err == nil {
			t.Errorf("%q is %v, want an error", bad, a)
		}
	}
	if got := Action(9).String(); got != "action(9)" {
		t.Errorf("got %q", got)
	}
}

func TestNormalizeGivesAClientOneName(t *testing.T) {
	for in, want := range map[string]string{"::ffff:192.0.2.1": "192.0.2.1", "fe80::1%eth0": "fe80::1", "192.0.2.1": "192.0.2.1"} {
		if got := Normalize(netip.MustParseAddr(in)).String(); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
	if Normalize(netip.Addr{}).IsValid() {
		t.Error("no address became one")
	}
}

// FuzzParsePrefix holds ParsePrefix against netip: it takes what netip takes
// but zones and what covers IPv4 from outside, and what it returns holds the
// very addresses that were written.
func FuzzParsePrefix(f *testing.F) {
	for _, seed := range []string{"192.0.2.1", "192.0.2.77/24", "::ffff:192.0.2.1/100", "fe80::1%eth0", "::ffff:0:0/95", "DE", "1.2.3.4/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParsePrefix(s)
		var want netip.Prefix
		if ip, e := netip.ParseAddr(s); e == nil && ip.Zone() == "" {
			want = netip.PrefixFrom(ip, ip.BitLen())
		} else if p, e := netip.ParsePrefix(s); e == nil {
			want = p
		}
		tooWide := want.IsValid() && want.Addr().Is4In6() && want.Bits() < 96
		if (err == nil) != (want.IsValid() && !tooWide) {
			t.Fatalf("%q: got %v, %v; netip has %v", s, got, err, want)
		}
		if err != nil {
			return
		}
		again, ok := NormalizePrefix(got)
		if !ok || again != got || got.Addr().Is4In6() {
			t.Fatalf("%q: %v is not normalized", s, got)
		}
		if !got.Contains(want.Addr().Unmap()) || want.Addr().BitLen()-want.Bits() != got.Addr().BitLen()-got.Bits() {
			t.Fatalf("%q: %v does not stand for %v", s, got, want)
		}
	})
}

func TestIsPublic(t *testing.T) {
	for ip, want := range map[string]bool{
		"192.0.2.1": true, "8.8.8.8": true, "2001:db8::1": true, "2606:4700::1": true,
		"10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false, "127.0.0.1": false, "169.254.1.1": false, "0.0.0.0": false,
		"100.64.0.1": false, "100.128.0.1": true, "224.0.0.1": false, "255.255.255.255": false,
		"::1": false, "::": false, "fe80::1": false, "fd00::1": false, "ff02::1": false,
	} {
		if got := IsPublic(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: %v, want %v", ip, got, want)
		}
	}
	if IsPublic(netip.Addr{}) {
		t.Error("no address is public")
	}
}

func TestNetwork(t *testing.T) {
	for _, tc := range []struct {
		name, ip     string
		bits4, bits6 int
		want         string
	}{
		{"of IPv4", "192.0.2.77", 24, 40, "192.0.2.0/24"},
		{"of IPv6", "2001:db8:1234:5678::9", 24, 40, "2001:db8:1200::/40"},
		{"an address is in the network of itself", "192.0.2.77", 32, 128, "192.0.2.77/32"},
		{"more bits than there are", "192.0.2.77", 33, 128, "invalid Prefix"},
		{"no address", "", 24, 40, "invalid Prefix"},
	} {
		ip, _ := netip.ParseAddr(tc.ip) // the zero Addr if there is none
		if got := Network(ip, tc.bits4, tc.bits6).String(); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestWhichDecisionWins(t *testing.T) {
	day := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name          string
		loser, winner Decision
	}{
		{"a captcha over a throttle", Decision{Action: Throttle}, Decision{Action: Captcha, Until: day}},
		{"a ban over a captcha that lasts longer", Decision{Action: Captcha}, Decision{Action: Ban, Until: day}},
		{"the later end", Decision{Action: Ban, Until: day}, Decision{Action: Ban, Until: day.Add(1)}},
		{"no end", Decision{Action: Ban, Until: day.AddDate(100, 0, 0)}, Decision{Action: Ban}},
	} {
		if !row.winner.Beats(&row.loser) || row.loser.Beats(&row.winner) {
			t.Errorf("%s: it does not win", row.name)
		}
		if row.winner.Beats(&row.winner) {
			t.Errorf("%s: it wins over itself", row.name)
		}
	}
}
