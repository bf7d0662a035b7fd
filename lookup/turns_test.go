package lookup

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// hold starts n questions about different networks, and returns once they are under
// way. They are answered when release is called, whatever their time.
func (u *upstream) hold(wg *sync.WaitGroup, n int) (release func()) {
	u.t.Helper()
	held := make(chan struct{})
	u.does(func(context.Context, netip.Addr) (Decision, bool, error) {
		<-held
		return Decision{}, false, nil
	})
	for i := range n {
		wg.Go(func() { u.finds(fmt.Sprintf("192.0.%d.1", i), None) })
	}
	synctest.Wait()
	return func() { close(held) }
}

// isIdle checks that nothing is left of questions that are over.
func (u *upstream) isIdle() {
	u.t.Helper()
	c := u.Cache
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turns.asking != 0 || len(c.turns.waiting) != 0 || len(c.turns.shares) != 0 || len(c.asked) != 0 {
		u.t.Errorf("left are %d questions, %d that wait, %d shares", c.turns.asking, len(c.turns.waiting), len(c.turns.shares))
	}
}

// underWay returns how many questions are under way.
func (c *Cache) underWay() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.turns.asking
}

// networks are 300 addresses of one customer, and how many may be asked about at once.
var networks = []struct {
	name, prefix string
	ip           func(i int) string
	share        int
}{
	{"a /64", "2001:db8::/64", func(i int) string { return fmt.Sprintf("2001:db8::%x", i+1) }, 4},
	{"a /48", "2001:db8::/48", func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i) }, 16},
	{"a /32", "2001:db8::/32", func(i int) string { return fmt.Sprintf("2001:db8:%x::1", i) }, 64},
	{"a /24", "192.0.2.0/24", func(i int) string { return fmt.Sprintf("192.0.2.%d", i%256) }, 16},
	{"a /16", "192.0.0.0/16", func(i int) string { return fmt.Sprintf("192.0.%d.%d", i%256, i/256) }, 64},
}

// Whoever is banned with a whole network must not get in by asking from many of its
// addresses at once: that is what made the cache say "busy", and callers let pass.
func TestABannedNetworkIsAskedAboutByItsShareAndThenNotAgain(t *testing.T) {
	for _, row := range networks {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := newUpstream(t, CacheConfig{})
				u.says(Decision{Prefix: netip.MustParsePrefix(row.prefix), Action: Ban}, true, nil)
				u.takes(150 * time.Millisecond)
				began := time.Now()
				var wg sync.WaitGroup
				for i := range 300 {
					wg.Go(func() { u.finds(row.ip(i), Ban) })
				}
				wg.Wait()
				if took := time.Since(began); took != 150*time.Millisecond {
					t.Errorf("it took %v; want the time of one question", took)
				}
				u.wasAsked(row.share)
				for i := range 300 {
					u.finds(row.ip(i), Ban)
				}
				u.wasAsked(row.share)
				advance(time.Minute)
				u.finds(row.ip(0), Ban)
				u.wasAsked(row.share + 1)
				u.isIdle()
			})
		})
	}
}

func TestOneNetworkLeavesQuestionsToOthers(t *testing.T) {
	for _, row := range networks[:2] {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := newUpstream(t, CacheConfig{})
				u.takes(time.Hour)
				var wg sync.WaitGroup
				var crowded, late int
				var mu sync.Mutex
				for i := range 1000 {
					wg.Go(func() {
						_, _, err := u.Lookup(t.Context(), netip.MustParseAddr(row.ip(i)))
						mu.Lock()
						defer mu.Unlock()
						switch {
						case errors.Is(err, ErrCrowded):
							crowded++
						case errors.Is(err, context.DeadlineExceeded):
							late++
						default:
							t.Error(err)
						}
					})
				}
				synctest.Wait()
				u.wasAsked(row.share)
				u.says(Decision{}, false, nil)
				u.finds("192.0.2.1", None)
				u.finds("2001:db9::1", None)
				u.takes(time.Hour)
				wg.Wait()
				if late < row.share || late > 3*row.share || crowded+late != 1000 {
					t.Errorf("%d without an answer, %d without a question; want some %d and the others", late, crowded, row.share)
				}
				u.isIdle()
			})
		})
	}
}

func TestWhoWaitsGetsItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream(t, CacheConfig{})
		u.takes(10 * time.Millisecond)
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 40 { // of one /64, ten times four of them
			wg.Go(func() { u.finds(networks[0].ip(i), None) })
		}
		wg.Wait()
		if took := time.Since(began); took != 100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		u.wasAsked(40)
		u.isIdle()
	})
}

func TestWhatIsKnownOfARangeStandsBesideAnError(t *testing.T) {
	u := newUpstream(t, CacheConfig{})
	u.says(Decision{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Action: Captcha}, true, nil)
	u.finds("192.0.2.1", Captcha)
	u.says(Decision{Prefix: netip.MustParsePrefix("192.0.2.2/32"), Action: Ban}, true, nil)
	u.finds("192.0.2.2", Ban) // a captcha settles nothing
	down := errors.New("down")
	u.says(Decision{}, false, down)
	d, found, err := u.Lookup(t.Context(), netip.MustParseAddr("192.0.2.3"))
	if d.Action != Captcha || !found || !errors.Is(err, down) {
		t.Errorf("%+v, %v, %v; want the captcha and the error", d, found, err)
	}
	u.fails(t.Context(), "192.0.3.3", down)
	u.Forget(netip.MustParseAddr("192.0.2.200"))
	u.fails(t.Context(), "192.0.2.3", down)
}

func TestAnAnswerAboutOthersBansNobody(t *testing.T) {
	u := newUpstream(t, CacheConfig{})
	for _, p := range []netip.Prefix{{}, netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("::/0")} {
		u.says(Decision{Prefix: p, Action: Ban}, true, nil)
		u.finds("192.0.2.1", Ban)
		u.Forget(netip.MustParseAddr("192.0.2.1"))
		u.says(Decision{}, false, nil)
		u.finds("192.0.2.2", None)
		u.finds("198.51.100.1", None)
		u.Purge()
	}
	if n := u.Stats().Ranges; n != 0 {
		t.Errorf("%d ranges", n)
	}
}

func TestRangesThatAreKnownAreBounded(t *testing.T) {
	u := newUpstream(t, CacheConfig{Size: 10})
	u.does(func(_ context.Context, ip netip.Addr) (Decision, bool, error) {
		return Decision{Prefix: netip.PrefixFrom(ip, 24), Action: Ban}, true, nil
	})
	for i := range 100 {
		u.finds(fmt.Sprintf("192.0.%d.1", i), Ban)
		u.finds("192.0.0.2", Ban) // in use
	}
	if s := u.Stats(); s.Ranges != 10 || s.Entries != 10 || s.Questions != 100 || u.known.ranges.Size() != 10 {
		t.Errorf("%+v", s)
	}
	u.Purge()
	if s := u.Stats(); s.Ranges != 0 || u.known.ranges.Size() != 0 {
		t.Errorf("%+v", s)
	}
}

// Whatever comes and goes: no share is exceeded, nobody waits who could ask, and
// nothing is left in the end.
func TestTurnsKeepTheirBounds(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		turns := newTurns(1 + r.IntN(40))
		var asking []*waiter
		check := func() {
			t.Helper()
			for _, s := range turns.shares {
				if s.asking > s.limit || s.asking+s.waiting == 0 {
					t.Fatalf("seed %d: a share of %+v", seed, s)
				}
			}
			if turns.asking > turns.questions || turns.asking != len(asking) || slices.ContainsFunc(turns.waiting, turns.free) {
				t.Fatalf("seed %d: %d questions of %d, %d wait", seed, turns.asking, turns.questions, len(turns.waiting))
			}
		}
		collect := func(all []*waiter) []*waiter {
			return slices.DeleteFunc(all, func(w *waiter) bool {
				select {
				case <-w.ready:
					asking = append(asking, w)
					return true
				default:
					return false
				}
			})
		}
		var waiting []*waiter
		for range 2000 {
			switch n := r.IntN(10); {
			case n < 6:
				ip := netip.AddrFrom4([4]byte{192, 0, byte(r.IntN(4)), byte(r.IntN(256))})
				if n < 3 {
					ip = netip.AddrFrom16([16]byte{0: 0x20, 5: byte(r.IntN(2)), 7: byte(r.IntN(9)), 15: byte(n)})
				}
				if w, err := turns.join(request{ip, ip}); err == nil {
					waiting = append(waiting, w)
				}
			case n < 9 && len(asking) > 0:
				i := r.IntN(len(asking))
				w := asking[i]
				asking = slices.Delete(asking, i, i+1)
				turns.done(w)
			case len(waiting) > 0:
				i := r.IntN(len(waiting))
				if turns.giveUp(waiting[i]) == nil {
					t.Fatal("it had its turn, and waits")
				}
				waiting = slices.Delete(waiting, i, i+1)
			}
			waiting = collect(waiting)
			check()
		}
		for len(asking) > 0 {
			w := asking[0]
			asking = asking[1:]
			turns.done(w)
			waiting = collect(waiting)
			check()
		}
		if len(waiting)+len(turns.waiting)+len(turns.shares)+turns.asking != 0 {
			t.Fatalf("seed %d: left are %+v", seed, turns)
		}
	}
}
