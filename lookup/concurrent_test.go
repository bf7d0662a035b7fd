package lookup

import (
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// TestReadersSeeABatchWhole moves a ban from one set of addresses to another
// and back, in one batch each time, while readers take looks at the whole: the
// ban must always stand on exactly one of the sets.
func TestReadersSeeABatchWhole(t *testing.T) {
	var here, there []Decision
	for i := range 300 {
		here = append(here, Decision{Prefix: hostPrefix(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})), Action: Ban})
		there = append(there, Decision{Prefix: hostPrefix(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})), Action: Ban})
	}
	var (
		table Table
		done  atomic.Bool
		wg    sync.WaitGroup
	)
	table.Replace("a", here)
	table.Replace("other", population(rand.New(rand.NewPCG(9, 9)), 500))
	for range 3 {
		wg.Go(func() {
			for !done.Load() {
				runtime.Gosched() // the writer is to get on, on few cores too
				n := 0
				for d := range table.All() {
					if d.Source == "a" {
						n++
					}
				}
				if n != 256 {
					t.Errorf("%d addresses banned, want 256", n)
					return
				}
			}
		})
	}
	wg.Go(func() {
		for !done.Load() {
			runtime.Gosched()
			table.Lookup(here[0].Prefix.Addr())
			table.Covering(there[0].Prefix.Addr())
			table.Len()
		}
	})
	for i := range 400 {
		switch i % 4 {
		case 0:
			table.Update("a", there, here)
		case 1:
			table.Replace("a", here)
		case 2:
			table.Replace("a", there)
		case 3:
			table.Update("a", here, there)
		}
	}
	done.Store(true)
	wg.Wait()
}

func TestLookupDoesNotAllocate(t *testing.T) {
	var table Table
	table.Replace("a", []Decision{on("192.0.2.1", Ban, 0), on("198.51.100.0/24", Captcha, 0), on("198.51.100.1", Ban, 0), on("2001:db8::/32", Ban, 0)})
	for _, ip := range []string{"192.0.2.1", "192.0.2.2", "198.51.100.1", "198.51.100.2", "2001:db8::1", "2001:db9::1", "::ffff:192.0.2.1", "fe80::1%eth0"} {
		addr := netip.MustParseAddr(ip)
		if n := testing.AllocsPerRun(100, func() { table.Lookup(addr) }); n != 0 {
			t.Errorf("looking up %s allocates %v times", ip, n)
		}
	}
}
