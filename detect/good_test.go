package detect

import (
	"net/netip"
	"testing"
	"time"
)

// Whoever wants to know of clients that behaved well learns of solved challenges, too.
func TestGoodClientsHaveSolvedChallenges(t *testing.T) {
	var told []netip.Addr
	d := New(Config{Good: func(client netip.Addr, at time.Time) {
		if at == began {
			told = append(told, client)
		}
	}})
	d.Vouch(netip.MustParseAddr("2001:db8::1"), began)
	if len(told) != 1 || told[0] != netip.MustParseAddr("2001:db8::1") {
		t.Errorf("told of %v", told)
	}
	New(Config{}).Vouch(netip.MustParseAddr("192.0.2.4"), began) // nobody wants to know
}
