package crawlers

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestAListProvesAClaimWithoutDNS(t *testing.T) {
	list := filepath.Join(t.TempDir(), "duckduckbot.json")
	text := `{"creationTime": "2026-11-01T00:00:00", "prefixes": [{"ipv4Prefix": "198.51.100.0/24"}, {"ipv6Prefix": "2001:db8:5::/64"}]}`
	if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f := dns()
	c := checker(t, Config{
		Resolver: f, Files: map[string]string{"DuckDuckBot": list},
		Ranges: map[string][]netip.Prefix{
			"DuckDuckBot": {netip.MustParsePrefix("203.0.113.7/32")},
			"Googlebot":   {netip.MustParsePrefix("::ffff:203.0.113.128/121")},
		},
	})
	for _, tt := range []struct {
		name, ip, agent string
		want            bool
	}{
		{"in the file", "198.51.100.9", "DuckDuckBot/1.1", true},
		{"in the file, IPv6", "2001:db8:5::9", "DuckDuckBot/1.1", true},
		{"in the file, IPv4 in IPv6", "::ffff:198.51.100.9", "DuckDuckBot/1.1", true},
		{"in the configuration", "203.0.113.7", "DuckDuckBot/1.1", true},
		{"in the configuration, as IPv6", "203.0.113.200", googlebot, true},
		{"on the list of another", "203.0.113.200", "DuckDuckBot/1.1", false},
		{"on no list", "198.51.101.9", "DuckDuckBot/1.1", false},
	} {
		if got := c.knows(tt.ip, tt.agent); got != tt.want || f.questions() != 0 {
			t.Errorf("%s: %v, want %v and no question", tt.name, got, tt.want)
		}
	}
	if !c.knows("192.0.2.1", googlebot) {
		t.Error("one with a list is no longer found by DNS")
	}
}

func TestLists(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"lines", "192.0.2.1\n# a comment\n\n 2001:db8::/32 ; another\r\n", []string{"192.0.2.1/32", "2001:db8::/32"}},
		{"routes of whois", "route:      192.0.2.0/24\nroute6:     2001:db8::/48\n", []string{"192.0.2.0/24", "2001:db8::/48"}},
		{"a mark at the beginning", "\ufeff192.0.2.1", []string{"192.0.2.1/32"}},
		{"JSON", ` {"prefixes": [{"ipv4Prefix": "192.0.2.0/24", "service": "x"}, {"ipv6Prefix": "2001:db8::/64"}]}`, []string{"192.0.2.0/24", "2001:db8::/64"}},
		{"addresses in JSON", `{"prefixes": [{"ipv4Prefix": "192.0.2.1"}]}`, []string{"192.0.2.1/32"}},
	} {
		got, err := parse([]byte(tt.text))
		var texts []string
		for _, p := range got {
			texts = append(texts, p.String())
		}
		if err != nil || !slices.Equal(texts, tt.want) {
			t.Errorf("%s: %q, %v", tt.name, texts, err)
		}
	}
}

func TestListsThatAreNone(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "no addresses"},
		{"comments", "# nobody\n", "no addresses"},
		{"a page", "<!doctype html>\n<title>404</title>", `line 1: "<!doctype": want an address`},
		{"the third line", "192.0.2.1\n\n192.0.2.300", `line 3: "192.0.2.300"`},
		{"two to a line", "192.0.2.1 192.0.2.2", "line 1"},
		{"a zone", "fe80::1%eth0", "line 1"},
		{"JSON of something else", `{"addresses": []}`, "no addresses"},
		{"JSON cut off", `{"prefixes": [`, "reading JSON"},
		{"JSON without an address", `{"prefixes": [{"ipv4Prefix": "192.0.2.1"}, {}]}`, "prefix 2: want an ipv4Prefix"},
		{"JSON with nonsense", `{"prefixes": [{"ipv4Prefix": "x"}]}`, `prefix 1: "x"`},
	} {
		if got, err := parse([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, %v; want %s", tt.name, got, err, tt.want)
		}
	}
	big := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(big, make([]byte, 1<<22+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Files: map[string]string{"Googlebot": big}}); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Error(err)
	}
	if _, err := newRanges(make([]netip.Prefix, 100_000+1)); err == nil {
		t.Error("any number of ranges is taken")
	}
}

func TestRangesAgainstPlainSearch(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var all []netip.Prefix
		for range random.IntN(30) {
			if random.IntN(2) == 0 {
				ip := netip.AddrFrom4([4]byte{192, 0, byte(random.IntN(4)), byte(random.IntN(256))})
				all = append(all, netip.PrefixFrom(ip, 20+random.IntN(13)))
			} else {
				ip := netip.MustParseAddr(fmt.Sprintf("2001:db8::%x:%x", random.IntN(4), random.IntN(1<<16)))
				all = append(all, netip.PrefixFrom(ip, 104+random.IntN(25)))
			}
		}
		r, err := newRanges(all)
		if err != nil {
			t.Fatal(err)
		}
		for range 500 {
			ip := netip.AddrFrom4([4]byte{192, 0, byte(random.IntN(5)), byte(random.IntN(256))})
			if random.IntN(2) == 0 {
				ip = netip.MustParseAddr(fmt.Sprintf("2001:db8::%x:%x", random.IntN(5), random.IntN(1<<16)))
			}
			want := slices.ContainsFunc(all, func(p netip.Prefix) bool { return p.Contains(ip) })
			if got := r.contains(ip); got != want {
				t.Fatalf("%v in %v: %v, want %v", ip, all, got, want)
			}
		}
	}
}

// What a list is read as is what it says: each prefix stands in it, and written
// out once more it reads the same.
func FuzzLists(f *testing.F) {
	f.Add("192.0.2.1\nroute6: 2001:db8::/32\n")
	f.Add(`{"prefixes": [{"ipv4Prefix": "192.0.2.0/24"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parse([]byte(text))
		if err != nil {
			return
		}
		var again strings.Builder
		for _, p := range all {
			if !p.IsValid() || p.Addr().Zone() != "" {
				t.Fatalf("%q: %v", text, p)
			}
			fmt.Fprintln(&again, p)
		}
		if once, err := parse([]byte(again.String())); err != nil || !slices.Equal(once, all) {
			t.Errorf("%v, %v; want %v", once, err, all)
		}
	})
}
