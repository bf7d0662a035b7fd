package lapi

import (
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
)

// slow answers after d.
func slow(d time.Duration) lapitest.Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		<-time.After(d)
		answer(w, r)
	}
}

// all asks about n addresses at once, and returns how many passed.
func (s *liveScene) all(n int, address func(i int) string) (passed int64) {
	var pass atomic.Int64
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if s.ask(address(i)).Action == lookup.None {
				pass.Add(1)
			}
		})
	}
	wg.Wait()
	return pass.Load()
}

// Before the fix, a banned client with 300 new addresses of its network used up the
// questions, and the addresses without a question passed.
func TestABannedNetworkDoesNotGetInByAskingTooMuch(t *testing.T) {
	for _, row := range []struct {
		prefix  string
		address func(i int) string
		asked   int
	}{
		{"2001:db8::/64", func(i int) string { return fmt.Sprintf("2001:db8::%x", i+1) }, 4},
		{"2001:db8::/48", func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i) }, 16},
		{"192.0.2.0/24", func(i int) string { return fmt.Sprintf("192.0.2.%d", i%256) }, 16},
	} {
		for _, failure := range []lookup.Action{lookup.None, lookup.Captcha} {
			t.Run(fmt.Sprint(row.prefix, ", ", failure), func(t *testing.T) {
				playLive(t, LiveConfig{Failure: failure}, func(s *liveScene) {
					s.Add(lapitest.Decision{Value: row.prefix})
					s.spoil(-1, slow(190*time.Millisecond))
					if n := s.all(300, row.address); n != 0 {
						t.Errorf("%d of 300 pass", n)
					}
					if n := s.all(300, row.address); n != 0 {
						t.Errorf("%d of 300 pass later", n)
					}
					s.wantAsked(row.asked)
					s.want("198.51.100.1", lookup.None)
				})
			})
		}
	}
}

// If single addresses are banned, nothing is known about the others of the network:
// they are throttled for a moment. Questions about other networks go on.
func TestACrowdedNetworkIsThrottledAndNobodyElse(t *testing.T) {
	playLive(t, LiveConfig{}, func(s *liveScene) {
		for i := range 256 {
			s.Add(lapitest.Decision{Value: fmt.Sprintf("192.0.2.%d", i)})
		}
		s.spoil(-1, slow(190*time.Millisecond))
		done := make(chan int64)
		go func() { done <- s.all(256, func(i int) string { return fmt.Sprintf("192.0.2.%d", i) }) }()
		<-time.After(time.Millisecond)
		for i := range 40 {
			s.want(fmt.Sprintf("198.51.%d.1", i), lookup.None)
			if i == 0 {
				s.wantAsked(16 + 16 + 1) // two rounds of the network, and the other client
			}
		}
		if n := <-done; n != 0 {
			t.Errorf("%d of 256 pass", n)
		}
		if st := s.live.Stats(); st.Cache.Crowded == 0 || st.Cache.Busy != 0 || st.Failures != 0 {
			t.Errorf("%+v", st)
		}
		d := s.live
		<-time.After(time.Minute)
		s.ClearFaults()
		if n := s.all(256, func(i int) string { return fmt.Sprintf("192.0.2.%d", i) }); n != 0 || d.Status().Err != nil {
			t.Errorf("%d of 256 pass, %v", n, d.Status().Err)
		}
	})
}

func TestWhatIsKnownOfARangeHoldsInAnOutage(t *testing.T) {
	for _, row := range []struct{ known, failure, want lookup.Action }{
		{lookup.Captcha, lookup.None, lookup.Captcha},
		{lookup.Captcha, lookup.Throttle, lookup.Captcha},
		{lookup.Captcha, lookup.Ban, lookup.Ban},
		{lookup.Throttle, lookup.Captcha, lookup.Captcha},
		{lookup.Ban, lookup.None, lookup.Ban},
	} {
		playLive(t, LiveConfig{Failure: row.failure}, func(s *liveScene) {
			s.Add(lapitest.Decision{Value: "192.0.2.0/24", Type: row.known.String()})
			s.want("192.0.2.1", row.known)
			s.spoil(-1, lapitest.Hang())
			s.want("192.0.2.2", row.want)
			s.want("192.0.3.2", row.failure)
			s.live.Forget(netip.MustParsePrefix("192.0.2.0/24"))
			s.want("192.0.2.2", row.failure)
		})
	}
}

func TestRealABannedNetworkDoesNotGetInByAskingTooMuch(t *testing.T) {
	if testing.Short() {
		t.Skip("the real server takes seconds")
	}
	t.Parallel()
	r := lapitest.Real(t)
	r.Ban("2001:db8::/64", "4h")
	l, err := NewLive(LiveConfig{URL: r.URL, Key: r.Key, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var passed atomic.Int64
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() {
			if d, _ := l.Lookup(t.Context(), addr(fmt.Sprintf("2001:db8::%x", i+1))); d.Action == lookup.None {
				passed.Add(1)
			}
		})
	}
	wg.Wait()
	if n := passed.Load(); n != 0 {
		t.Errorf("%d of 300 pass, %+v", n, l.Stats())
	}
	if d, ok := l.Lookup(t.Context(), addr("2001:db8:1::1")); ok {
		t.Errorf("a stranger: %+v", d)
	}
}

// Before the fix, lookups that waited for another's question timed out before it, and
// passed.
func TestACrowdThatComesTwiceIsThrottledAllTheSame(t *testing.T) {
	for _, took := range []time.Duration{90 * time.Millisecond, 150 * time.Millisecond} {
		t.Run(took.String(), func(t *testing.T) {
			playLive(t, LiveConfig{}, func(s *liveScene) {
				for i := range 75 {
					s.Add(lapitest.Decision{Value: fmt.Sprintf("2001:db8::%x", i+1)})
				}
				s.spoil(-1, slow(took))
				if n := s.all(3000, func(i int) string { return fmt.Sprintf("2001:db8::%x", i%75+1) }); n != 0 {
					t.Errorf("%d of 3000 pass, %+v", n, s.live.Stats())
				}
			})
		})
	}
}
