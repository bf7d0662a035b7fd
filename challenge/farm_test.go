package challenge

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A farm that sends a pass along with every answer is counted as one that does not: a
// pass covers one return, and that after it has ended.
func TestAPassCoversOneReturn(t *testing.T) {
	for _, tt := range []struct {
		name  string
		age   time.Duration // of the pass that the farm begins with
		chain bool          // it sends the pass earned last along, and not the first
	}{
		{"an old pass, with every answer", time.Hour, false},
		{"an old pass, and then always the newest", time.Hour, true},
		{"a pass that still counts, with every answer", time.Minute, false},
		{"a pass that still counts, and then always the newest", time.Minute, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, newGate(t, Config{Level: Low}))
				sent := c.solve()
				<-time.After(tt.age)
				earned := 0
				for range 1000 {
					token := c.challenged().Token // by a request without a pass
					got := sent.answer(token, c.solution(token))
					if got.status == http.StatusNoContent && len(got.cookies) == 1 {
						if earned++; tt.chain {
							sent = sent.with(got)
						}
					}
					<-time.After(time.Hour / 1000)
				}
				if earned > 45 || c.judge() != Barred || c.level() != High {
					t.Errorf("%d of 1000 solutions earn a pass, the verdict is %d, the level %d; want at most 45, Barred and %d", earned, c.judge(), c.level(), High)
				}
			})
		})
	}
}

// Of many answers at once, one returns with a pass.
func TestAPassCoversOneReturnOfManyAtOnce(t *testing.T) {
	var m Memory
	by := solver{browser: crowd{1}, network: crowd{2}, ended: nonce{3}}
	var solved atomic.Int32
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			if m.redeem(numbered(embedded, n), by, rules{level: Low, bar: 2, raise: -1}, time.Now()) == granted {
				solved.Add(1)
			}
		})
	}
	wg.Wait()
	if n := solved.Load(); n != 4 { // one that returns, and three until the bar
		t.Errorf("%d solutions earn a pass; want 4", n)
	}
}

// Who cannot be remembered is fresh: a farm does not hide behind a memory that is full.
func TestReturnsAreBounded(t *testing.T) {
	var m Memory
	now := time.Now()
	m.returned.turn(now, returning)
	for n := range maxCrowds {
		m.returned.put(numbered(pass, n).nonce(), struct{}{}, maxCrowds)
	}
	by := solver{browser: crowd{1}, network: crowd{2}, ended: nonce{0xff}}
	if got := m.redeem(numbered(embedded, 1), by, usual, now); got != granted {
		t.Errorf("the solution: %d; want it granted", got)
	}
	if tally, _ := m.tallies.get(by.browser); tally.quarters != 1 {
		t.Errorf("%d quarters are counted; want 1", tally.quarters)
	}
}
