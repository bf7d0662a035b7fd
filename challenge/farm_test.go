package challenge

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A farm that sends a pass with every answer counts like one that does not: a pass
// counts for one return, after it has expired.
func TestAPassCoversOneReturn(t *testing.T) {
	for _, tt := range []struct {
		name  string
		age   time.Duration // of the farm's first pass
		chain bool          // it sends its latest pass, not its first
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
					token := c.challenged().Token // for a request without a pass
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

// Of many solutions at the same time, a pass counts as a return for one.
func TestAPassCoversOneReturnOfManyAtOnce(t *testing.T) {
	var m Memory
	by := solver{browser: group{1}, network: group{2}, expired: nonce{3}}
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
	if n := solved.Load(); n != 4 { // one that returns, and three up to the bar
		t.Errorf("%d solutions earn a pass; want 4", n)
	}
}

// A return that cannot be stored counts as a fresh solution: a farm gains nothing by
// filling the memory.
func TestReturnsAreBounded(t *testing.T) {
	var m Memory
	now := time.Now()
	m.returned.turn(now, 24*time.Hour)
	for n := range 131_072 {
		m.returned.put(numbered(pass, n).nonce(), struct{}{}, 131_072)
	}
	by := solver{browser: group{1}, network: group{2}, expired: nonce{0xff}}
	if got := m.redeem(numbered(embedded, 1), by, usual, now); got != granted {
		t.Errorf("the solution: %d; want it granted", got)
	}
	if score, _ := m.scores.get(by.browser); score.quarters != 1 {
		t.Errorf("%d quarters are counted; want 1", score.quarters)
	}
}

// farmed returns a client at an address where a farm with changing user agents
// collected passes until it was barred.
func farmed(t *testing.T, cfg Config) client {
	t.Helper()
	c := newClient(t, newGate(t, cfg))
	earned := 0
	for n := range 300 {
		farm := c
		farm.agent = fmt.Sprint("farm ", n)
		if farm.judge() == Due {
			farm.solve()
			earned++
		}
	}
	if earned == 300 {
		t.Fatal("nobody minds 300 passes that are not used")
	}
	return c
}

// A farm with changing user agents at the same address does not lock out kinds of
// browsers that use their passes, however long it continues: the page says when to come
// back, within three minutes, and then they get in. Other newcomers get in within the
// same time after the farm has stopped.
func TestNewcomersGetInBesideAFarmOfManyAgents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{Level: Low}))
		for n := range 20 { // kinds of browsers of people there
			known := c
			known.agent = fmt.Sprint("known ", n)
			known.solve().visit()
		}
		farm, tries, earned := c, 0, 0
		wait := func(d time.Duration) {
			for end := time.Now().Add(d); ; tries++ {
				farm.agent = fmt.Sprint("the farm ", tries)
				if farm.judge() == Due {
					farm.solve()
					earned++
				}
				left := time.Until(end)
				if left <= 0 {
					return
				}
				<-time.After(min(left, time.Second))
			}
		}
		wait(10 * time.Minute)
		before := earned
		for n := range 5 {
			newcomer := c
			newcomer.agent = fmt.Sprint("known ", n)
			told := c.gate.BarredFor(newcomer.request("GET", ""), newcomer.visitor())
			wait(told)
			if got := newcomer.judge(); got != Due || told >= 3*time.Minute {
				t.Fatalf("newcomer %d is told to wait for %v, then the verdict is %d; want Due within %v", n, told, got, 3*time.Minute)
			}
			token := newcomer.challenged().Token
			wait(time.Minute) // a slow device: it answers after its turn
			if newcomer = newcomer.with(newcomer.answer(token, newcomer.solution(token))); newcomer.judge() != Passed {
				t.Fatalf("the pass of newcomer %d does not count", n)
			}
			newcomer.visit()
		}
		if earned-before > 10 {
			t.Errorf("meanwhile the farm earns %d passes; want at most 10", earned-before)
		}
		newcomer := c
		newcomer.agent = "of a new kind"
		<-time.After(c.gate.BarredFor(newcomer.request("GET", ""), newcomer.visitor()))
		if got := newcomer.judge(); got != Due {
			t.Errorf("when the farm has gone the verdict about a newcomer is %d; want Due", got)
		}
	})
}

func TestAFarmAtOneHostBarsNobodyFromAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := farmed(t, Config{Level: Low})
		c.url = "https://other.example/"
		for n := range 50 {
			c.agent = fmt.Sprint("newcomer ", n)
			if got := c.judge(); got != Due || c.level() != Low {
				t.Fatalf("the verdict at another host is %d; want Due at the first level", got)
			}
		}
	})
}

// Passes for waiting cost nothing, so many of them bar only from waiting.
func TestWhoWaitsBarsNobodyWhoWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{Level: Low, Wait: 5 * time.Second}))
		waited := 0
		for range 100 {
			asked := c.challenged()
			if asked.WaitToken == "" {
				break
			}
			<-time.After(asked.Wait)
			wantStatus(t, c.answer(asked.WaitToken, ""), http.StatusNoContent)
			waited++
		}
		if waited == 0 || waited == 100 {
			t.Errorf("%d waits earn a pass; want some, and an end", waited)
		}
		if got := c.judge(); got != Due || c.level() != Low {
			t.Errorf("the verdict about who works is %d at level %d; want Due at %d", got, c.level(), Low)
		}
	})
}

// farmAt tries to earn a pass with each of a farm's user agents until one gets a
// challenge, and reports whether one did.
func farmAt(c client, agents int) bool {
	for n := range agents {
		c.agent = fmt.Sprint("listed ", n)
		if c.judge() == Due {
			c.solve()
			return true
		}
	}
	return false
}

// A farm that has a list of browsers and tries them all each time is stopped. A client
// with a pass stays in. A newcomer with another browser gets in meanwhile, and one with
// a browser of the list after the farm has stopped.
func TestAFarmWithAListOfBrowsersIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{Level: Low}))
		const hour = 1000 // solutions
		holder, gone := c, c
		holder.agent, gone.agent = "holder", "gone for an hour"
		holder, gone = holder.solve(), gone.solve()
		newcomer, earned, late := c, 0, 0
		newcomer.agent = "newcomer"
		var came time.Duration // how long the newcomer waited
		for n := range hour {
			if farmAt(c, 50) {
				if earned++; n >= hour/2 {
					late++
				}
			}
			var got Verdict
			if holder, got = holder.visit(); got != Passed {
				t.Fatalf("after %d solutions the verdict about who holds a pass is %d; want Passed", n, got)
			}
			if n >= hour/2 && came == 0 && newcomer.judge() == Due {
				if got := newcomer.level(); got != High {
					t.Errorf("the newcomer is asked at level %d; want %d", got, High)
				}
				newcomer, _ = newcomer.solve().visit()
				came = time.Duration(n-hour/2)*time.Hour/hour + 1
			}
			<-time.After(time.Hour / hour)
		}
		// The bar, the points that expire in an hour, and one turn for each browser of
		// the list.
		if earned > 100+100+50 || late > 51 {
			t.Errorf("%d of 1000 solutions earn a pass, %d of the last 500; want at most 250 and 51", earned, late)
		}
		if came == 0 || came > 3*time.Minute || newcomer.judge() != Passed {
			t.Errorf("a newcomer gets in after %v; want within %v", came, 3*time.Minute)
		}
		if got := gone.judge(); got != Due || gone.level() != Low {
			t.Errorf("the verdict about who comes back is %d; want Due, at the first level", got)
		}
		<-time.After(3 * time.Minute)
		for n := range 50 {
			c.agent = fmt.Sprint("listed ", n)
			if got := c.judge(); got != Due {
				t.Errorf("when the farm has gone, the verdict about a newcomer with browser %d of the list is %d; want Due", n, got)
			}
		}
	})
}

// Three minutes after a farm that invented browsers has stopped, no visitor is barred
// for long: new browsers get in, one a minute.
func TestAFarmThatHasGoneBarsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{Level: Low}))
		common := c.solve() // a neighbour whose pass is never used
		common.cookie = ""
		earned := 0
		for n := range 10_000 {
			if c.agent = fmt.Sprint("made up ", n); c.judge() == Due {
				c.solve()
				earned++
			}
		}
		if earned > 130 {
			t.Errorf("%d of 10,000 solutions earn a pass; want at most 130", earned)
		}
		if got := common.judge(); got != Barred {
			t.Errorf("the verdict about a browser of which the latest pass was not used is %d; want Barred", got)
		}
		if told := c.gate.BarredFor(common.request("GET", ""), common.visitor()); told > 3*time.Minute {
			t.Errorf("it is told to wait for %v; want at most %v", told, 3*time.Minute)
		}
		<-time.After(3 * time.Minute)
		if got := common.judge(); got != Due {
			t.Errorf("when the farm has gone the verdict is %d; want Due", got)
		}
		// One visitor a minute, while the farm's points have not expired yet. Each
		// comes back when the page says so.
		var in atomic.Int32
		for n := range 30 {
			visitor := c
			visitor.agent = fmt.Sprint("a visitor ", n)
			go func() {
				came := time.Now()
				for visitor.judge() != Due {
					<-time.After(c.gate.BarredFor(visitor.request("GET", ""), visitor.visitor()))
				}
				if _, got := visitor.solve().visit(); got == Passed && time.Since(came) <= 5*time.Minute {
					in.Add(1)
				}
			}()
			<-time.After(time.Minute)
			synctest.Wait()
		}
		<-time.After(10 * time.Minute)
		if n := in.Load(); n != 30 {
			t.Errorf("%d of 30 visitors get in within five minutes", n)
		}
	})
}

// Many people with a few kinds of browsers are not a farm: each gets in within minutes.
func TestACrowdThatUsesItsPassesGetsIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := newGate(t, Config{Level: Low})
		var in atomic.Int32
		for n := range 700 {
			go func() {
				c := newClient(t, gate)
				c.agent = fmt.Sprint("browser ", n%10)
				<-time.After(time.Duration(n) * time.Hour / 700)
				for range 3 {
					if c.judge() == Due {
						if got, _ := c.solve().visit(); got.cookie != "" {
							in.Add(1)
						}
						return
					}
					<-time.After(c.gate.BarredFor(c.request("GET", ""), c.visitor()))
				}
				t.Errorf("visitor %d does not get in", n)
			}()
			synctest.Wait()
		}
		<-time.After(2 * time.Hour)
		synctest.Wait()
		if n := in.Load(); n != 700 {
			t.Errorf("%d of 700 get in", n)
		}
	})
}
