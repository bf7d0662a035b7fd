package lookup

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/tocsin-project/tocsin/internal/heaptest"
)

// An upstream is a source that is asked, and whose answers a test makes.
type upstream struct {
	*Cache
	t *testing.T

	mu     sync.Mutex
	answer func(ctx context.Context, ip netip.Addr) (Decision, bool, error)
	asked  []string
}

// newUpstream returns one that knows of nothing, behind a cache.
func newUpstream(t *testing.T, cfg CacheConfig) *upstream {
	t.Helper()
	u := &upstream{t: t}
	u.says(Decision{}, false, nil)
	cfg.Ask = func(ctx context.Context, ip netip.Addr) (Decision, bool, error) {
		u.mu.Lock()
		u.asked = append(u.asked, ip.String())
		answer := u.answer
		u.mu.Unlock()
		return answer(ctx, ip)
	}
	c, err := NewCache(cfg)
	if err != nil {
		t.Fatal(err)
	}
	u.Cache = c
	return u
}

// says makes an answer of its arguments, from now on.
func (u *upstream) says(d Decision, found bool, err error) {
	u.does(func(context.Context, netip.Addr) (Decision, bool, error) { return d, found, err })
}

func (u *upstream) does(answer func(ctx context.Context, ip netip.Addr) (Decision, bool, error)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answer = answer
}

// takes makes it answer as it did, but after d or when the question's time is up.
func (u *upstream) takes(d time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	answer := u.answer
	u.answer = func(ctx context.Context, ip netip.Addr) (Decision, bool, error) {
		select {
		case <-time.After(d):
			return answer(ctx, ip)
		case <-ctx.Done():
			return Decision{}, false, ctx.Err()
		}
	}
}

// finds checks that a lookup has the action want, and no error.
func (u *upstream) finds(ip string, want Action) {
	u.t.Helper()
	d, found, err := u.Lookup(u.t.Context(), netip.MustParseAddr(ip))
	if err != nil || d.Action != want || found != (want != None) {
		u.t.Errorf("%s: %v, found %v, error %v; want %v", ip, d.Action, found, err, want)
	}
}

// fails checks that a lookup ends in the error want.
func (u *upstream) fails(ctx context.Context, ip string, want error) {
	u.t.Helper()
	d, found, err := u.Lookup(ctx, netip.MustParseAddr(ip))
	if !errors.Is(err, want) || found || d != (Decision{}) {
		u.t.Errorf("%s: %+v, found %v, error %v; want the error %v", ip, d, found, err, want)
	}
	if err != nil && !strings.Contains(err.Error(), ip) {
		u.t.Errorf("the error %q does not name the address", err)
	}
}

// wasAsked checks how many questions there have been.
func (u *upstream) wasAsked(want int) {
	u.t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.asked) != want {
		u.t.Errorf("the source was asked %d times, %q; want %d", len(u.asked), u.asked, want)
	}
}

func ban(until time.Time) Decision {
	return Decision{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Action: Ban, Until: until}
}

func TestCacheRemembers(t *testing.T) {
	for _, row := range []struct {
		name     string
		decision func() Decision
		action   Action
		fresh    time.Duration // a hit up to then, a question from then on
	}{
		{"a decision without end for the TTL", func() Decision { return ban(time.Time{}) }, Ban, time.Minute},
		{"a decision that ends later for the TTL", func() Decision { return ban(time.Now().Add(time.Hour)) }, Ban, time.Minute},
		{"a decision that ends sooner until its end", func() Decision { return ban(time.Now().Add(20 * time.Second)) }, Ban, 20 * time.Second},
		{"a decision that has ended as none, for the TTL", func() Decision { return ban(time.Now().Add(-time.Second)) }, None, time.Minute},
		{"an end of the wall clock like any other", func() Decision { return ban(time.Now().Add(20 * time.Second).Round(0)) }, Ban, 20 * time.Second},
		{"that there is no decision for the TTL", nil, None, time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := newUpstream(t, CacheConfig{})
				if row.decision != nil {
					u.says(row.decision(), true, nil)
				}
				u.finds("192.0.2.1", row.action)
				u.wasAsked(1)
				advance(row.fresh - 1)
				u.finds("192.0.2.1", row.action)
				u.wasAsked(1)
				u.says(Decision{Action: Captcha}, true, nil)
				advance(1)
				u.finds("192.0.2.1", Captcha)
				u.wasAsked(2)
			})
		})
	}
}

func TestCacheTTLCountsFromTheQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream(t, CacheConfig{TTL: time.Second})
		u.takes(100 * time.Millisecond)
		u.finds("192.0.2.1", None)
		advance(899 * time.Millisecond)
		u.finds("192.0.2.1", None)
		u.wasAsked(1)
		advance(time.Millisecond)
		u.finds("192.0.2.1", None)
		u.wasAsked(2)
	})
}

func TestCacheWithTheLongestTTLNeverForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream(t, CacheConfig{TTL: math.MaxInt64})
		advance(time.Hour)
		u.finds("192.0.2.1", None)
		advance(100 * 365 * 24 * time.Hour)
		u.finds("192.0.2.1", None)
		u.wasAsked(1)
	})
}

func TestCacheHasOneNameForAnAddress(t *testing.T) {
	u := newUpstream(t, CacheConfig{})
	u.says(ban(time.Time{}), true, nil)
	u.finds("::ffff:192.0.2.1", Ban)
	u.finds("192.0.2.1", Ban)
	u.finds("fe80::1%eth0", Ban)
	u.finds("fe80::1%eth1", Ban)
	if want := []string{"192.0.2.1", "fe80::1"}; !slices.Equal(u.asked, want) {
		t.Errorf("the source was asked about %q; want %q", u.asked, want)
	}
	if _, found, err := u.Lookup(t.Context(), netip.Addr{}); found || err != nil {
		t.Errorf("no address: found %v, error %v", found, err)
	}
	u.wasAsked(2)
}

func TestCacheForgetsTheAnswerNotUsedForTheLongestTime(t *testing.T) {
	u := newUpstream(t, CacheConfig{Size: 2})
	u.finds("192.0.2.1", None)
	u.finds("192.0.2.2", None)
	u.finds("192.0.2.1", None)
	u.finds("192.0.2.3", None)
	u.wasAsked(3)
	u.finds("192.0.2.1", None)
	u.wasAsked(3)
	u.finds("192.0.2.2", None)
	u.wasAsked(4)
	if n := u.Stats().Entries; n != 2 {
		t.Errorf("%d entries; want 2", n)
	}
}

func TestCacheDoesNotRememberErrors(t *testing.T) {
	u := newUpstream(t, CacheConfig{})
	down := errors.New("connection refused")
	u.says(ban(time.Time{}), true, down)
	u.fails(t.Context(), "192.0.2.1", down)
	u.fails(t.Context(), "192.0.2.1", down)
	u.wasAsked(2)
	u.says(ban(time.Time{}), true, nil)
	u.finds("192.0.2.1", Ban)
	if s := u.Stats(); s != (CacheStats{Misses: 3, Questions: 3, Errors: 2, Entries: 1, Ranges: 1}) {
		t.Errorf("stats %+v", s)
	}
}

func TestCacheAsksOnceForAllThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream(t, CacheConfig{})
		u.says(ban(time.Time{}), true, nil)
		u.takes(100 * time.Millisecond)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { u.finds("192.0.2.1", Ban) })
		}
		wg.Wait()
		u.wasAsked(1)
		if s := u.Stats(); s != (CacheStats{Misses: 100, Questions: 1, Entries: 1, Ranges: 1}) {
			t.Errorf("stats %+v", s)
		}
	})
}

// Between a caller's look into the memory and its question, the answer that
// another one waits for may come.
func TestCacheLooksAgainBeforeItAsks(t *testing.T) {
	u := newUpstream(t, CacheConfig{})
	u.says(ban(time.Time{}), true, nil)
	u.finds("192.0.2.1", Ban)
	q, first, err := u.join(request{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.1")})
	if err != nil || first || q.wait(0) != nil || q.answer.decision.Action != Ban {
		t.Errorf("question %+v, first %v, error %v; want the answer", q, first, err)
	}
}

func TestCacheBoundsAQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream(t, CacheConfig{})
		u.takes(time.Hour)
		began := time.Now()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { u.fails(t.Context(), "192.0.2.1", context.DeadlineExceeded) })
		}
		wg.Wait()
		if took := time.Since(began); took != 200*time.Millisecond {
			t.Errorf("it took %v; want 200ms", took)
		}
		u.wasAsked(1)
	})
}

func TestCacheAnswersTheOthersWhenWhoAskedHasGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream(t, CacheConfig{})
		u.says(ban(time.Time{}), true, nil)
		u.takes(100 * time.Millisecond)
		ctx, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _, _, _ = u.Lookup(ctx, netip.MustParseAddr("192.0.2.1")) })
		synctest.Wait()
		wg.Go(func() { u.finds("192.0.2.1", Ban) })
		synctest.Wait()
		leave()
		wg.Wait()
		u.wasAsked(1)
		u.finds("192.0.2.1", Ban)
		u.wasAsked(1)
	})
}

// A client that closes its side of the connection ends its context and still reads the
// response: whether it asks or waits for who has asked, it gets the answer.
func TestCacheAnswersAClientWhoseContextHasEnded(t *testing.T) {
	gone, leave := context.WithCancel(t.Context())
	leave()
	for _, row := range []struct {
		name   string
		before bool // somebody has asked already
		ctx    func(*testing.T) (context.Context, context.CancelFunc)
	}{
		{"gone, asks", false, func(*testing.T) (context.Context, context.CancelFunc) { return gone, func() {} }},
		{"gone, waits", true, func(*testing.T) (context.Context, context.CancelFunc) { return gone, func() {} }},
		{"goes while it asks", false, within(10 * time.Millisecond)},
		{"goes while it waits", true, within(10 * time.Millisecond)},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := newUpstream(t, CacheConfig{})
				u.says(ban(time.Time{}), true, nil)
				u.takes(100 * time.Millisecond)
				var wg sync.WaitGroup
				if row.before {
					wg.Go(func() { u.finds("192.0.2.1", Ban) })
					synctest.Wait()
				}
				ctx, cancel := row.ctx(t)
				defer cancel()
				d, found, err := u.Lookup(ctx, netip.MustParseAddr("192.0.2.1"))
				if d.Action != Ban || !found || err != nil {
					t.Errorf("%v, %v, %v; want the ban", d.Action, found, err)
				}
				wg.Wait()
				u.wasAsked(1)
			})
		})
	}
}

// within returns a function that makes contexts that end after d.
func within(d time.Duration) func(*testing.T) (context.Context, context.CancelFunc) {
	return func(t *testing.T) (context.Context, context.CancelFunc) {
		return context.WithTimeout(t.Context(), d)
	}
}

// Who waits for the question of another waits as long as that one, and no less: first
// for its turn, and then for the answer.
func TestCacheLetsAllThatWaitHaveTheSameAnswer(t *testing.T) {
	for _, row := range []struct {
		name string
		took time.Duration
		want error // of the lookups about an address whose turn comes late, or never
	}{
		{"the turn comes late", 190 * time.Millisecond, nil},
		{"the turn does not come", 0, ErrCrowded},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := newUpstream(t, CacheConfig{Questions: 1})
				u.does(func(ctx context.Context, _ netip.Addr) (Decision, bool, error) {
					if row.took == 0 {
						<-time.After(time.Second) // it does not heed its context
					}
					<-time.After(row.took)
					return Decision{}, false, nil
				})
				var wg sync.WaitGroup
				wg.Go(func() { _, _, _ = u.Lookup(t.Context(), netip.MustParseAddr("192.0.2.1")) })
				synctest.Wait()
				q, first, err := u.join(request{netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.2")})
				if !first || err != nil {
					t.Fatalf("first %v, error %v", first, err)
				}
				// The others come before the one that asks has set its clock.
				for range 10 {
					wg.Go(func() {
						if _, _, err := u.Lookup(t.Context(), netip.MustParseAddr("192.0.2.2")); !errors.Is(err, row.want) {
							t.Errorf("error %v, want %v", err, row.want)
						}
					})
				}
				<-time.After(50 * time.Millisecond)
				u.ask(t.Context(), request{netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.2")}, q)
				wg.Wait()
			})
		})
	}
}

// An Asker that does not heed its context is a mistake; it is to hold up its
// own request and no other.
func TestCacheSurvivesAnAskerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream(t, CacheConfig{})
		release := make(chan struct{})
		u.does(func(context.Context, netip.Addr) (Decision, bool, error) {
			<-release
			return ban(time.Time{}), true, nil
		})
		var wg sync.WaitGroup
		wg.Go(func() { u.finds("192.0.2.1", Ban) })
		synctest.Wait()
		began := time.Now()
		u.fails(t.Context(), "192.0.2.1", context.DeadlineExceeded)
		if took := time.Since(began); took != 200*time.Millisecond {
			t.Errorf("it waited %v; want 200ms", took)
		}
		close(release)
		wg.Wait()
		u.wasAsked(1)
	})
}

func TestCacheSurvivesAnAskerThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream(t, CacheConfig{Questions: 1})
		u.does(func(context.Context, netip.Addr) (Decision, bool, error) {
			<-time.After(100 * time.Millisecond)
			panic("a mistake")
		})
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_, _, _ = u.Lookup(t.Context(), netip.MustParseAddr("192.0.2.1"))
		})
		synctest.Wait()
		u.fails(t.Context(), "192.0.2.1", errNoAnswer)
		wg.Wait()
		u.says(ban(time.Time{}), true, nil)
		u.finds("192.0.2.1", Ban)
	})
}

func TestCacheBoundsTheQuestionsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream(t, CacheConfig{})
		u.finds("203.0.113.1", None)
		var wg sync.WaitGroup
		release := u.hold(&wg, 64)
		u.wasAsked(65)

		began := time.Now()
		for i := range 1024 { // they wait
			wg.Go(func() { u.fails(t.Context(), fmt.Sprintf("2001:db8:%x::1", i+1), ErrBusy) })
		}
		synctest.Wait()
		for range 1000 { // for them there is no room
			u.fails(t.Context(), "2001:db9::1", ErrBusy)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("to be turned away took %v", took)
		}
		u.wasAsked(65)
		advance(100 * time.Millisecond)
		u.finds("203.0.113.1", None)                 // memory is not concerned
		wg.Go(func() { u.finds("192.0.0.1", None) }) // nor is who waits for a question asked
		advance(150 * time.Millisecond)
		release()
		wg.Wait()
		u.says(ban(time.Time{}), true, nil)
		u.finds("2001:db8::1", Ban)
		if s := u.Stats(); s.Busy != 2024 || s.Errors != 0 || s.Questions != 66 || s.Crowded != 0 {
			t.Errorf("stats %+v; want 2024 busy, 66 questions", s)
		}
		u.isIdle()
	})
}

func TestCacheForgets(t *testing.T) {
	for _, row := range []struct {
		name    string
		forget  func(c *Cache)
		forgets bool // the other address too
	}{
		{"one address", func(c *Cache) { c.Forget(netip.MustParseAddr("::ffff:192.0.2.1")) }, false},
		{"all addresses", (*Cache).Purge, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := newUpstream(t, CacheConfig{})
			u.says(Decision{Action: Ban}, true, nil)
			u.finds("192.0.2.1", Ban)
			u.finds("192.0.2.2", Ban)
			u.says(Decision{}, false, nil)
			row.forget(u.Cache)
			u.finds("192.0.2.1", None)
			if row.forgets {
				u.finds("192.0.2.2", None)
			} else {
				u.finds("192.0.2.2", Ban)
			}
		})
		t.Run(row.name+", an answer under way included", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := newUpstream(t, CacheConfig{Questions: 8})
				u.says(ban(time.Time{}), true, nil)
				u.takes(100 * time.Millisecond)
				var wg sync.WaitGroup
				wg.Go(func() { u.finds("192.0.2.1", Ban) })
				synctest.Wait()
				row.forget(u.Cache)
				u.says(Decision{}, false, nil)
				u.takes(200*time.Millisecond - 1)
				wg.Go(func() { u.finds("192.0.2.1", None) })
				synctest.Wait()
				u.wasAsked(2)
				if n := u.underWay(); n != 2 {
					t.Errorf("%d questions under way: what was forgotten still takes a place", n)
				}
				advance(150 * time.Millisecond)
				u.finds("192.0.2.1", None)
				wg.Wait()
				u.finds("192.0.2.1", None)
				u.wasAsked(2)
			})
		})
	}
}

func TestNewCacheRefuses(t *testing.T) {
	ask := func(context.Context, netip.Addr) (Decision, bool, error) { return Decision{}, false, nil }
	for name, cfg := range map[string]CacheConfig{
		"no asker":           {},
		"a negative size":    {Ask: ask, Size: -1},
		"a negative TTL":     {Ask: ask, TTL: -1},
		"a negative timeout": {Ask: ask, Timeout: -1},
		"negative questions": {Ask: ask, Questions: -1},
	} {
		if _, err := NewCache(cfg); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// Many callers, an upstream that fails now and then, and what it says changing
// with the address: no answer may be about another one, and of an address
// there is one question at a time.
func TestCacheUnderLoad(t *testing.T) {
	var mu sync.Mutex
	under := map[netip.Addr]bool{}
	mark := func(ip netip.Addr, on bool) bool {
		mu.Lock()
		defer mu.Unlock()
		was := under[ip]
		under[ip] = on
		return was
	}
	c, err := NewCache(CacheConfig{Size: 50, TTL: time.Millisecond, Ask: func(_ context.Context, ip netip.Addr) (Decision, bool, error) {
		if mark(ip, true) {
			t.Errorf("%v is asked about twice at once", ip)
		}
		defer mark(ip, false)
		last := ip.As4()[3]
		if last%7 == 0 {
			return Decision{}, false, errors.New("down")
		}
		return Decision{Prefix: hostPrefix(ip), Action: Ban}, last%2 == 0, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for seed := range uint64(8) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, 0))
			for range 5000 {
				last := byte(r.IntN(100))
				ip := netip.AddrFrom4([4]byte{192, 0, 2, last})
				d, found, err := c.Lookup(context.Background(), ip)
				switch {
				case (err != nil) != (last%7 == 0):
					t.Errorf("%v: error %v", ip, err)
				case err == nil && found != (last%2 == 0):
					t.Errorf("%v: found %v", ip, found)
				case found && d.Prefix != hostPrefix(ip):
					t.Errorf("%v: a decision about %v", ip, d.Prefix)
				}
			}
		})
	}
	wg.Wait()
	s := c.Stats()
	if s.Hits+s.Misses != 8*5000 || s.Entries > 50 || s.Questions > s.Misses || s.Busy != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestCacheHitsTakeNoMemory(t *testing.T) {
	u := newUpstream(t, CacheConfig{})
	u.says(ban(time.Now().Add(time.Hour)), true, nil)
	ctx := t.Context()
	for _, s := range []string{"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"} {
		ip := netip.MustParseAddr(s)
		if n := testing.AllocsPerRun(1000, func() { _, _, _ = u.Lookup(ctx, ip) }); n != 0 {
			t.Errorf("%s: %v allocations", s, n)
		}
	}
}

// BenchmarkCache asks for addresses that a full cache remembers. The yardstick
// is what it is built on, alone.
func BenchmarkCache(b *testing.B) {
	d := Decision{Action: Ban, Until: time.Now().Add(time.Hour)}
	const n = 10_000
	c, err := NewCache(CacheConfig{Size: n, TTL: time.Hour, Ask: func(_ context.Context, ip netip.Addr) (Decision, bool, error) {
		d.Prefix = hostPrefix(ip)
		return d, true, nil
	}})
	if err != nil {
		b.Fatal(err)
	}
	bare, err := lru.New[netip.Addr, *Decision](n)
	if err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	r := rand.New(rand.NewPCG(5, 5))
	ips := make([]netip.Addr, 1<<13)
	before := heaptest.Bytes()
	for i := range ips {
		ips[i] = randomAddr(r)
		if _, _, err := c.Lookup(ctx, ips[i]); err != nil {
			b.Fatal(err)
		}
	}
	perEntry := float64(heaptest.Bytes()-before) / float64(len(ips))
	for _, ip := range ips {
		bare.Add(ip, &d)
	}
	get := func(ip netip.Addr) bool { _, ok := bare.Get(ip); return ok }
	lookup := func(ip netip.Addr) bool { _, ok, err := c.Lookup(ctx, ip); return ok && err == nil }
	b.Run("hit/lru", func(b *testing.B) { ask(b, ips, get) })
	b.Run("hit/tocsin", func(b *testing.B) { ask(b, ips, lookup); b.ReportMetric(perEntry, "B/entry") })
	b.Run("hot/lru", func(b *testing.B) { ask(b, ips[:16], get) })
	b.Run("hot/tocsin", func(b *testing.B) { ask(b, ips[:16], lookup) })
	b.Run("parallel/lru", func(b *testing.B) { askParallel(b, ips, get) })
	b.Run("parallel/tocsin", func(b *testing.B) { askParallel(b, ips, lookup) })
}
