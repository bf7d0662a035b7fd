package middleware

import (
	"net/netip"
	"testing"

	"github.com/tocsin-project/tocsin/lookup"
)

// A client must not get in, or get another client banned, by an address that it can
// choose. It must not escape its own ban by an address that it cannot choose.
func TestNobodyPosesAsAnotherIPv4Address(t *testing.T) {
	nat64, err := lookup.NewNAT64(netip.MustParsePrefix("2001:db8:64::/96"))
	if err != nil {
		t.Fatal(err)
	}
	tab := table(t, "0.0.0.0/1 ban", "128.0.0.0/1 ban", "::/1 ban")
	tab.Translate(nat64)
	m := mustNew(t, Config{
		Lookup: in(tab), NAT64: nat64,
		Allow: prefixes("192.0.2.1/32", "2001:db8:64::c000:300/120", "10.0.0.0/8"),
	})
	for _, row := range []struct {
		name, remote, client string
		stopped              bool
	}{
		{"IPv4 on the list", "192.0.2.1:1", "192.0.2.1", false},
		{"the same by the well-known translator", "[64:ff9b::c000:201]:1", "192.0.2.1", false},
		{"the same by the local one", "[2001:db8:64::c000:201]:1", "192.0.2.1", false},
		{"one listed as the local one writes it", "192.0.3.9:1", "192.0.3.9", false},
		{"a private one of the local one", "[2001:db8:64::a00:1]:1", "10.0.0.1", false},
		{"a private one, which the well-known one must not have", "[64:ff9b::a00:1]:1", "64:ff9b::a00:1", true},
		{"6to4 of the one on the list", "[2002:c000:201::1]:1", "2002:c000:201::1", true},
		{"Teredo of it", "[2001:0:cb00:7101:0:fffe:3fff:fdfe]:1", "2001:0:cb00:7101:0:fffe:3fff:fdfe", true},
		{"ISATAP of it", "[2001:db8::200:5efe:c000:201]:1", "2001:db8::200:5efe:c000:201", true},
		{"ISATAP in the prefix of the local translator", "[2001:db8:64:0:0:5efe:c000:201]:1", "2001:db8:64::5efe:c000:201", true},
		{"another IPv4 address by the translator", "[64:ff9b::c000:202]:1", "192.0.2.2", true},
	} {
		r := from(row.remote)
		f := m.enter(new(Visit), r)
		if f.client.String() != row.client || f.stop != nil != row.stopped {
			t.Errorf("%s: client %v, stopped %v; want %s, %v", row.name, f.client, f.stop != nil, row.client, row.stopped)
		}
	}
}
