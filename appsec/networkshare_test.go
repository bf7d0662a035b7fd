package appsec

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/inspect"
)

// The number of records is limited, and those that expire first are removed.
func TestRecordsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ps := &networkShares{places: 1, work: 1, by: make(map[netip.Prefix]*networkShare)}
		of := func(i int) netip.Prefix {
			return inspect.NetworkOf(netip.AddrFrom4([4]byte{5, byte(i >> 8), byte(i), 1}))
		}
		for i := range 4096 + 100 {
			p := ps.enter(of(i))
			ps.blame(p, time.Second)
			ps.leave(p)
			<-time.After(time.Millisecond)
		}
		if len(ps.by) > 4096 {
			t.Errorf("%d records", len(ps.by))
		}
		for i, want := range map[int]bool{0: false, 4096 + 99: true} {
			if got := ps.by[of(i)] != nil; got != want {
				t.Errorf("record %d is kept: %v", i, got)
			}
		}
		home := ps.enter(netip.MustParsePrefix("10.0.0.0/24"))
		ps.blame(home, time.Second)
		if _, rest := ps.record(home); rest != 0 {
			t.Error("a private network is to blame, which may be everybody")
		}
	})
}
