package challenge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fakeProvider is a provider whose answers the test sets.
type fakeProvider struct {
	widget Widget
	verify func(context.Context, Claim) error // nil: accept everything
	asked  atomic.Int32
}

func (f *fakeProvider) Name() string   { return "fake" }
func (f *fakeProvider) Widget() Widget { return f.widget }

func (f *fakeProvider) Verify(ctx context.Context, c Claim) error {
	f.asked.Add(1)
	if f.verify == nil {
		return nil
	}
	return f.verify(ctx, c)
}

func TestAProvidersYesEarnsAPass(t *testing.T) {
	var claimed Claim
	provider := &fakeProvider{verify: func(_ context.Context, c Claim) error { claimed = c; return nil }}
	c := newClient(t, newGate(t, Config{Provider: provider}))
	asked := c.challenged()
	if asked.Widget == nil || asked.Puzzle != nil {
		t.Fatalf("the challenge is %+v; want a widget and no puzzle", asked)
	}
	if c.with(c.answer(asked.Token, "yes")).judge() != Passed {
		t.Error("the pass does not count")
	}
	if want := (Claim{Response: "yes", Host: "shop.example", Addr: c.addr}); claimed != want {
		t.Errorf("the provider was asked about %+v; want %+v", claimed, want)
	}
}

func TestAProvidersNoIsNoFailure(t *testing.T) {
	provider := &fakeProvider{verify: func(context.Context, Claim) error {
		return fmt.Errorf("%w: for another host", ErrRefused)
	}}
	c := newClient(t, newGate(t, Config{Provider: provider, Failed: func(err error) { t.Error(err) }}))
	wantStatus(t, c.answer(c.challenged().Token, "no"), http.StatusForbidden)
	if c.challenged().Widget == nil {
		t.Error("after a refusal the embedded challenge stands in")
	}
	if n := c.gate.Counters().Counts().Failed; n != 1 {
		t.Errorf("%d failures counted; want 1", n)
	}
}

func TestAProviderThatFailsIsReplacedAndNeverAPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := 0
		provider := &fakeProvider{verify: func(context.Context, Claim) error { return errors.New("status 500") }}
		c := newClient(t, newGate(t, Config{Provider: provider, Failed: func(error) { told++ }}))
		token := c.challenged().Token
		other := c.challenged().Token
		wantStatus(t, c.answer(token, "yes"), http.StatusForbidden)
		wantStatus(t, c.answer(other, "yes too"), http.StatusForbidden)
		if told != 1 {
			t.Errorf("told of %d failures within a minute; want 1", told)
		}

		standIn := c.challenged()
		if standIn.Widget != nil || standIn.Puzzle == nil {
			t.Fatal("no embedded challenge stands in for the provider")
		}
		wantStatus(t, c.answer(standIn.Token, c.solution(standIn.Token)), http.StatusNoContent)
		if n := c.gate.Counters().Counts().Fallback; n != 1 {
			t.Errorf("%d challenges counted as stand-ins; want 1", n)
		}

		<-time.After(30 * time.Second)
		if c.challenged().Widget == nil {
			t.Error("the provider is not asked again after a while")
		}
		<-time.After(time.Minute)
		wantStatus(t, c.answer(c.challenged().Token, "yes again"), http.StatusForbidden)
		if told != 2 {
			t.Errorf("told of %d failures after a minute; want 2", told)
		}
	})
}

func TestAProvidersChallengeIsNotSolvedByWorkNorTheOtherWayRound(t *testing.T) {
	failing := errors.New("down")
	provider := &fakeProvider{}
	c := newClient(t, newGate(t, Config{Provider: provider}))
	hosted := c.challenged().Token
	provider.verify = func(context.Context, Claim) error { return ErrRefused }
	wantStatus(t, c.answer(hosted, c.solution(hosted)), http.StatusForbidden)

	provider.verify = func(context.Context, Claim) error { return failing }
	wantStatus(t, c.answer(hosted, "yes"), http.StatusForbidden)
	standIn := c.challenged().Token
	provider.verify = nil
	before := provider.asked.Load()
	wantStatus(t, c.answer(standIn, "yes"), http.StatusForbidden)
	if provider.asked.Load() != before {
		t.Error("the provider was asked about an embedded challenge")
	}
}

func TestAChallengeOfAProviderThatIsGoneIsRefused(t *testing.T) {
	c := newClient(t, newGate(t, Config{Provider: &fakeProvider{}}))
	token := c.challenged().Token
	c.gate = newGate(t, Config{})
	wantStatus(t, c.answer(token, "yes"), http.StatusForbidden)
}

func TestAResponseThatAProviderTakesTwiceStillCountsOnce(t *testing.T) {
	c := newClient(t, newGate(t, Config{Provider: &fakeProvider{}}))
	token := c.challenged().Token
	wantStatus(t, c.answer(token, "yes"), http.StatusNoContent)
	wantStatus(t, c.answer(token, "yes"), http.StatusForbidden)
}

func TestAProviderIsNotAskedAboutForgeriesOrAnEmptyResponse(t *testing.T) {
	provider := &fakeProvider{}
	c := newClient(t, newGate(t, Config{Provider: provider}))
	token := c.challenged().Token
	stolen := c
	stolen.agent = "curl"
	wantStatus(t, stolen.answer(token, "yes"), http.StatusForbidden)
	wantStatus(t, c.answer("x", "yes"), http.StatusForbidden)
	wantStatus(t, c.answer(token, ""), http.StatusForbidden)
	c.gate = newGate(t, Config{Provider: provider, Wait: 5 * time.Second})
	wantStatus(t, c.send(c.post(waitField+token), true), http.StatusForbidden)
	if n := provider.asked.Load(); n != 0 {
		t.Errorf("the provider was asked %d times; want never", n)
	}
}

func TestAProviderIsNotAskedAboutWhoIsBarred(t *testing.T) {
	provider := &fakeProvider{}
	c := newClient(t, newGate(t, Config{Provider: provider, Bar: 1}))
	wantStatus(t, c.answer(c.challenged().Token, "yes"), http.StatusNoContent)
	wantStatus(t, c.answer(c.challenged().Token, "yes"), http.StatusNoContent)
	wantStatus(t, c.answer(c.challenged().Token, "yes"), http.StatusForbidden)
	if n := provider.asked.Load(); n != 2 {
		t.Errorf("the provider was asked %d times; want 2", n)
	}
	if n := c.gate.Counters().Counts().Barred; n != 1 {
		t.Errorf("%d answers of barred clients counted; want 1", n)
	}
}

func TestAVisitorWhoHangsUpIsNoFailureOfTheProvider(t *testing.T) {
	provider := &fakeProvider{verify: func(ctx context.Context, _ Claim) error { return ctx.Err() }}
	c := newClient(t, newGate(t, Config{Provider: provider, Failed: func(err error) { t.Error(err) }}))
	r := c.request("POST", "yes")
	r.Header.Set(answerHeader, c.challenged().Token)
	gone, leave := context.WithCancel(t.Context())
	leave()
	c.send(r.WithContext(gone), true)
}

func TestAProviderThatHangsIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &fakeProvider{verify: func(ctx context.Context, _ Claim) error { <-ctx.Done(); return ctx.Err() }}
		c := newClient(t, newGate(t, Config{Provider: provider}))
		start := time.Now()
		wantStatus(t, c.answer(c.challenged().Token, "yes"), http.StatusForbidden)
		if took := time.Since(start); took != 10*time.Second+5*time.Second {
			t.Errorf("the answer took %v; want %v", took, 10*time.Second+5*time.Second)
		}
		if c.challenged().Widget != nil {
			t.Error("no embedded challenge stands in for the provider")
		}
	})
}

func TestOneNetworkCannotKeepTheProviderBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		provider := &fakeProvider{verify: func(context.Context, Claim) error { <-release; return ErrRefused }}
		c := newClient(t, newGate(t, Config{Provider: provider}))
		token := c.challenged().Token
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() { c.answer(token, fmt.Sprint("no ", i)) })
		}
		synctest.Wait()
		if n := provider.asked.Load(); n != 4 {
			t.Errorf("%d questions of one network are under way; want %d", n, 4)
		}
		close(release)
		wg.Wait()
		if h := c.gate.hosted; h.total != 0 || len(h.asking) != 0 {
			t.Errorf("%d questions of %d networks are still counted", h.total, len(h.asking))
		}
	})
}

func TestAWidgetForOurPuzzleGetsItAndIsNeverAsked(t *testing.T) {
	shared := map[string]string{"theme": "dark"}
	provider := &fakeProvider{widget: Widget{Puzzle: true, Data: shared}}
	c := newClient(t, newGate(t, Config{Provider: provider}))
	asked := c.challenged()
	if asked.Widget == nil || asked.Widget.Data["challenge"] != string(asked.Puzzle) || asked.Puzzle == nil {
		t.Fatalf("the widget has the puzzle %q; want %q", asked.Widget.Data["challenge"], asked.Puzzle)
	}
	if len(shared) != 1 {
		t.Error("the provider's own data were changed")
	}
	wantStatus(t, c.answer(asked.Token, "yes"), http.StatusForbidden)
	wantStatus(t, c.answer(asked.Token, c.solution(asked.Token)), http.StatusNoContent)
	if provider.asked.Load() != 0 {
		t.Error("the provider was asked")
	}

	easy := c.challenged().Token
	c.gate = newGate(t, Config{})
	wantStatus(t, c.answer(easy, c.solution(easy)), http.StatusForbidden)
}

// A visitor's response that makes the provider fail, while a test request succeeds,
// does not switch the provider off.
func TestAResponseThatAProviderFailsAtIsTheVisitorsMatter(t *testing.T) {
	fails := func(_ context.Context, c Claim) error {
		switch c.Response {
		case "right":
			return nil
		case "poison":
			return errors.New("status 500")
		}
		return ErrRefused
	}
	for _, row := range []struct {
		name   string
		proved bool
		from   []string // the networks that send it, in this order
		up     bool
	}{
		{"one visitor", false, []string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"}, true},
		{"two visitors", false, []string{"192.0.2.1", "192.0.2.2"}, true},
		{"three, though nobody was ever right, as with keys that are no pair", false, []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}, false},
		{"four, but somebody was right before", true, []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, newGate(t, Config{Provider: &fakeProvider{verify: fails}}))
				if row.proved {
					wantStatus(t, c.answer(c.challenged().Token, "right"), http.StatusNoContent)
				}
				for _, addr := range row.from {
					<-time.After(10 * time.Minute) // otherwise it would not be asked again
					c.addr = netip.MustParseAddr(addr)
					wantStatus(t, c.answer(c.challenged().Token, "poison"), http.StatusForbidden)
				}
				if up := c.challenged().Widget != nil; up != row.up {
					t.Errorf("the provider is up: %v, want %v", up, row.up)
				}
			})
		})
	}
}

// The provider is asked about a response once, however often and with however many
// challenges a client sends it.
func TestAProviderIsAskedAboutAResponseOnce(t *testing.T) {
	for _, row := range []struct {
		name  string
		err   error
		asked int32 // including the test request
	}{
		{"a wrong one", ErrRefused, 1},
		{"one that it fails at", errors.New("status 500"), 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			provider := &fakeProvider{}
			provider.verify = func(_ context.Context, c Claim) error {
				if c.Response == probeResponse {
					return ErrRefused
				}
				return row.err
			}
			c := newClient(t, newGate(t, Config{Provider: provider}))
			for range 500 {
				wantStatus(t, c.answer(c.challenged().Token, "response"), http.StatusForbidden)
			}
			c.addr = netip.MustParseAddr("198.51.100.9")
			wantStatus(t, c.answer(c.challenged().Token, "response"), http.StatusForbidden)
			if n := provider.asked.Load(); n != row.asked {
				t.Errorf("asked %d times; want %d", n, row.asked)
			}
		})
	}
}

// With invented responses a network can cause 20 requests to the provider, with one
// challenge or many. Responses of other networks are sent as before.
func TestOneNetworkCannotHaveAProviderAskedWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &fakeProvider{verify: func(_ context.Context, c Claim) error {
			if c.Response == "right" {
				return nil
			}
			return ErrRefused
		}}
		c := newClient(t, newGate(t, Config{Provider: provider, Raise: -1, Bar: -1}))
		token := c.challenged().Token
		for i := range 500 {
			if i%2 == 0 {
				token = c.challenged().Token
			}
			wantStatus(t, c.answer(token, fmt.Sprint("wrong ", i)), http.StatusForbidden)
		}
		if n := provider.asked.Load(); n != 20 {
			t.Errorf("asked %d times; want %d", n, 20)
		}
		neighbour := c
		neighbour.addr = netip.MustParseAddr("198.51.100.9")
		for range 2 * 20 {
			wantStatus(t, neighbour.answer(neighbour.challenged().Token, "right"), http.StatusNoContent)
		}
		<-time.After(10 * time.Minute)
		wantStatus(t, c.answer(c.challenged().Token, "right"), http.StatusNoContent)
	})
}

// The provider is not asked about a challenge that was solved before.
func TestAProviderIsNotAskedAboutAChallengeThatIsSolved(t *testing.T) {
	provider := &fakeProvider{}
	c := newClient(t, newGate(t, Config{Provider: provider}))
	token := c.challenged().Token
	wantStatus(t, c.answer(token, "right"), http.StatusNoContent)
	wantStatus(t, c.answer(token, "right"), http.StatusForbidden)
	if n := provider.asked.Load(); n != 1 {
		t.Errorf("asked %d times; want 1", n)
	}
}

// Many failures at the same time lead to one test request.
func TestAFailureLeadsToOneQuestionOfOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var probes atomic.Int32
		provider := &fakeProvider{verify: func(ctx context.Context, c Claim) error {
			if c.Response == probeResponse {
				probes.Add(1)
			}
			<-time.After(time.Second)
			return errors.New("status 500")
		}}
		c := newClient(t, newGate(t, Config{Provider: provider}))
		var wg sync.WaitGroup
		for i := range 20 {
			other := c
			other.addr = netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
			token := other.challenged().Token
			wg.Go(func() { other.answer(token, fmt.Sprint("response ", i)) })
		}
		wg.Wait()
		if n := probes.Load(); n != 1 {
			t.Errorf("%d questions of ours; want 1", n)
		}
	})
}

// Junk costs a client nothing, so it must not lock out others of its network.
func TestJunkAnswersLockNoNeighbourOutOfAProvidersSite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &fakeProvider{verify: func(context.Context, Claim) error { return ErrRefused }}
		c := newClient(t, newGate(t, Config{Level: Low, Provider: provider}))
		junk := c.challenged().Token
		for n := range 2 * 20 {
			wantStatus(t, c.answer(junk, fmt.Sprint("junk ", n)), http.StatusForbidden)
		}
		neighbour, elsewhere := c, c
		neighbour.agent = "neighbour"
		if asked := neighbour.challenged(); asked.Puzzle == nil || asked.Widget != nil || neighbour.level() != High {
			t.Fatalf("the neighbour gets %+v; want the embedded challenge at level %d", asked, High)
		}
		if neighbour = neighbour.solve(); neighbour.judge() != Passed {
			t.Error("the neighbour does not get in")
		}
		elsewhere.addr = netip.MustParseAddr("198.51.100.9")
		if elsewhere.challenged().Widget == nil {
			t.Error("another network does not get the provider's challenge")
		}
		<-time.After(10 * time.Minute)
		if c.challenged().Widget == nil {
			t.Error("the provider is not asked again when it is forgotten")
		}
	})
}
