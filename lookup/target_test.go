package lookup

import (
	"net/netip"
	"strings"
	"testing"
)

func TestParseTarget(t *testing.T) {
	for s, want := range map[string]Decision{
		"192.0.2.1":    {Prefix: netip.MustParsePrefix("192.0.2.1/32")},
		"2001:DB8::1":  {Prefix: netip.MustParsePrefix("2001:db8::1/128")},
		"192.0.2.9/24": {Prefix: netip.MustParsePrefix("192.0.2.0/24")},
		"de":           {Country: "DE"},
		"AS":           {Country: "AS"},
		"as1":          {AS: 1},
		"AS4294967295": {AS: 1<<32 - 1},
	} {
		if d, err := ParseTarget(s); err != nil || d != want {
			t.Errorf("%q: %+v, %v", s, d, err)
		}
	}
	for _, s := range []string{"", "d", "d1", "ßß", "AS0", "AS-1", "AS+1", "AS4294967296", "1234", "192.0.2", "192.0.2.0/33", "fe80::1%eth0", "all"} {
		if d, err := ParseTarget(s); err == nil || !strings.Contains(err.Error(), "want an IP address") || d != (Decision{}) {
			t.Errorf("%q: %+v, %v", s, d, err)
		}
	}
}

// What ParseTarget reads, a decision's own target names again.
func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"192.0.2.1", "::ffff:192.0.2.0/120", "2001:db8::/32", "fr", "AS64496", "as", "AS00", "0.0.0.0/0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseTarget(s)
		if err != nil {
			return
		}
		name := d.Target()
		if d.AS != 0 {
			name = "AS" + name
		}
		if again, err := ParseTarget(name); err != nil || again != d {
			t.Errorf("%q is %+v, but %q is %+v, %v", s, d, name, again, err)
		}
	})
}
