package challenge

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A flooding network has many addresses: a /16, or a /32 of IPv6 with its /64s.
var floods = []struct {
	name string
	addr func(n int) netip.Addr
}{
	{"a /16", func(n int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, byte(n >> 8), byte(n)}) }},
	{"a /32 of IPv6", func(n int) netip.Addr {
		return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(n >> 16), byte(n >> 8), byte(n), 15: 1})
	}},
}

var bystander = netip.MustParseAddr("192.0.2.1")

func solverAt(addr netip.Addr) solver {
	b := binding{network: networkOf(addr)}
	return b.solverOf(&http.Request{Header: http.Header{}})
}

// A client that floods the memory of solutions uses up the share of its own network.
// Solutions of other networks still earn passes and are counted, for each kind of
// challenge.
func TestOneNetworkLeavesRoomForOthersSolutions(t *testing.T) {
	free := rules{level: Low, raise: -1, bar: -1}
	for _, row := range floods {
		for _, k := range []kind{embedded, waiting} {
			t.Run(fmt.Sprint(row.name, " ", k), func(t *testing.T) {
				var m Memory
				now, earned := time.Now(), 0
				for n := range 140_000 {
					if m.redeem(numbered(k, n), solverAt(row.addr(n)), free, now) == granted {
						earned++
					}
				}
				if earned != 32_768 {
					t.Errorf("%d of its solutions earn a pass; want 32768", earned)
				}
				by := solverAt(bystander)
				if got := m.redeem(numbered(k, 140_000), by, free, now); got != granted {
					t.Errorf("another network's solution: %d; want it granted", got)
				}
				if score := m.scoreLocked(by.at(k).network, 5, now); score.quarters != 1 {
					t.Errorf("of the other network %d quarters are counted; want 1", score.quarters)
				}
				if !m.isIdleLocked(numbered(k, 140_000).nonce()) {
					t.Error("the other network's pass counts as used")
				}
				later := now.Add(6 * time.Minute)
				if got := m.redeem(numbered(k, 140_001), solverAt(row.addr(0)), free, later); got != granted {
					t.Errorf("a solution of the network in the next span: %d; want it granted", got)
				}
			})
		}
	}
}

// A client that sends wrong answers from many addresses uses up the share of its own
// network, and then gets the embedded challenge. The provider still verifies the answers
// of others.
func TestOneNetworkLeavesRoomForOthersQuestions(t *testing.T) {
	for _, row := range floods {
		t.Run(row.name, func(t *testing.T) {
			var q questions
			now, asked := time.Now(), 0
			for n := range 65_536 {
				if q.begin(digestOf(fmt.Sprint(n)), networkOf(row.addr(n)), now) == nil {
					asked++
				}
			}
			if asked != 16_384 {
				t.Errorf("%d answers are asked about; want 16384", asked)
			}
			if !q.spent(networkOf(row.addr(65_535)), now) {
				t.Error("an address without a place gets a challenge of the provider, which it cannot solve")
			}
			if q.spent(networkOf(row.addr(0)), now) {
				t.Error("an address with a place gets the embedded challenge")
			}
			if by := networkOf(bystander); q.spent(by, now) || q.begin(digestOf("right"), by, now) != nil {
				t.Error("the provider is not asked about another network's answer")
			}
		})
	}
}

// If no more networks can be counted, visitors get the embedded challenge, because a
// challenge of the provider could not earn a pass.
func TestAFullCountOfQuestionsLeadsToTheEmbeddedChallenge(t *testing.T) {
	var q questions
	now := time.Now()
	for n := range 200_000 {
		_ = q.begin(digestOf(fmt.Sprint(n)), networkOf(netip.AddrFrom4([4]byte{byte(10 + n%100), byte(n / 100), byte(n / 25_600), 1})), now)
	}
	late := networkOf(bystander)
	if q.begin(digestOf("right"), late, now) == nil {
		t.Fatal("there is room")
	}
	if !q.spent(late, now) {
		t.Error("a visitor gets a challenge that it cannot solve")
	}
	if q.spent(late, now.Add(5*time.Minute)) {
		t.Error("the next span has no room")
	}
}

// For one network with many addresses, 16 answers are verified at the same time.
func TestOneNetworkLeavesRoomForOthersVerifications(t *testing.T) {
	for _, row := range floods {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				provider := &fakeProvider{verify: func(context.Context, Claim) error { <-release; return ErrRefused }}
				c := newClient(t, newGate(t, Config{Provider: provider}))
				var wg sync.WaitGroup
				for i := range 200 {
					one := c
					one.addr = row.addr(i)
					token := one.challenged().Token
					wg.Go(func() { one.answer(token, fmt.Sprint("no ", i)) })
				}
				synctest.Wait()
				if n := provider.asked.Load(); n != 16 {
					t.Errorf("%d questions of the network are in progress; want 16", n)
				}
				other := c
				other.addr = bystander
				token := other.challenged().Token
				wg.Go(func() { other.answer(token, "yes") })
				synctest.Wait()
				if n := provider.asked.Load(); n != 17 {
					t.Errorf("%d questions are in progress; want 17", n)
				}
				close(release)
				wg.Wait()
			})
		})
	}
}
