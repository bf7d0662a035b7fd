package detect

import (
	"net/netip"
	"testing"

	"github.com/tocsin-project/tocsin/event"
)

func TestWhatCountsAsOneClient(t *testing.T) {
	for _, row := range []struct{ name, ip, want string }{
		{"IPv4", "192.0.2.1", "192.0.2.1/32"},
		{"IPv6", "2001:db8::1:2:3:4", "2001:db8::/64"},
		{"6to4, of which an IPv4 address has 65,536 networks", "2002:c000:201:9::1", "2002:c000:201::/48"},
		{"Teredo, where all clients of a server share a network", "2001:0:cb00:7101:0:fffe:3fff:fdfe", "2001:0:cb00:7101:0:fffe:3fff:fdfe/128"},
	} {
		if got := event.ClientOf(netip.MustParseAddr(row.ip)); got.String() != row.want {
			t.Errorf("%s: %v; want %s", row.name, got, row.want)
		}
	}
	if got := event.ClientOf(netip.Addr{}); got.IsValid() {
		t.Errorf("no address: %v", got)
	}
}
