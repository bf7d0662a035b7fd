package centre

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
	"github.com/tocsin-project/tocsin/lookup"
)

func unit(s string) consensus.Unit { return consensus.UnitOf(netip.MustParseAddr(s)) }

func TestWhatListsSayAboutAddresses(t *testing.T) {
	c, _ := withList(t, "cdn", "198.51.100.0/24\n2001:db8::7\n", nil)
	for _, row := range []struct {
		address string
		want    consensus.Exclusion
	}{
		{"198.51.100.7", consensus.CDN},
		{"198.51.101.7", consensus.NotExcluded},
		{"2001:db8::99", consensus.CDN}, // of the same /64
		{"2001:db8:0:1::7", consensus.NotExcluded},
	} {
		if got := c.Class(unit(row.address)).Exclusion; got != row.want {
			t.Errorf("%s: %v, want %v", row.address, got, row.want)
		}
	}
}

func TestOnlySomeCountriesAreAdmitted(t *testing.T) {
	locate := func(ip netip.Addr) (string, uint32) {
		return map[string]string{"192.0.2.1": "DE", "198.51.100.1": "US"}[ip.String()], 0
	}
	for _, row := range []struct {
		countries []string
		address   string
		want      bool
	}{
		{[]string{"DE", "AT"}, "192.0.2.1", true},
		{[]string{"DE", "AT"}, "::ffff:192.0.2.1", true},
		{[]string{"DE", "AT"}, "198.51.100.1", false},
		{[]string{"DE", "AT"}, "10.0.0.1", false}, // unknown
	} {
		if got := admits(row.countries, locate)(netip.MustParseAddr(row.address)); got != row.want {
			t.Errorf("%s in %q: %v, want %v", row.address, row.countries, got, row.want)
		}
	}
	if admits(nil, locate) != nil || admits([]string{"DE"}, locate)(netip.Addr{}) {
		t.Error("without countries all are admitted; an unknown address never is")
	}
}

func TestNetworksWithoutADatabase(t *testing.T) {
	c := new(classes)
	for _, row := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.99.1", true},
		{"192.0.2.1", "192.1.2.1", false},
		{"::ffff:192.0.2.1", "192.0.2.9", true},
		{"2001:db8::1", "2001:db8:ffff::1", true},
		{"2001:db8::1", "2001:db9::1", false},
		{"2001:db8::1", "192.0.2.1", false},
	} {
		a, b := c.Network(netip.MustParseAddr(row.a)), c.Network(netip.MustParseAddr(row.b))
		if (a == b) != row.same || a == 0 || b == 0 {
			t.Errorf("%s and %s: %d and %d", row.a, row.b, a, b)
		}
	}
}

// An attacker who can change a list must not be able to protect attackers with it.
func TestAChangeThatExemptsTooMuchIsRefused(t *testing.T) {
	list := &community.List{}
	for i := range 1000 {
		list.Entries = append(list.Entries, community.Listing{Unit: unit(fmt.Sprintf("203.0.%d.%d", i/250, i%250))})
	}
	some := func(n int) (all []lookup.Decision) {
		for _, e := range list.Entries[:n] {
			all = append(all, lookup.Decision{Prefix: e.Unit, Action: lookup.Ban})
		}
		return all
	}
	for _, row := range []struct {
		name string
		now  []lookup.Decision
		want string
	}{
		{"a few entries of the list", some(20), ""},
		{"more than a fiftieth of it", some(21), "it exempts 21 of the 1000 entries of the list"},
		{"a /10 more", []lookup.Decision{{Prefix: netip.MustParsePrefix("100.64.0.0/10"), Action: lookup.Ban}}, "it adds more than 4,194,304 addresses"},
		{"a /11 more", []lookup.Decision{{Prefix: netip.MustParsePrefix("100.64.0.0/11"), Action: lookup.Ban}}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := newClass(classList{name: "exclude cdn", exempt: true}, nil)
			if err != nil {
				t.Fatal(err)
			}
			c.pending.Replace("list", row.now)
			err = c.exemptsTooMuch(list)
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
}
