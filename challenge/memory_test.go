package challenge

import (
	"encoding/binary"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// networkAddr returns an address of network n of many.
func networkAddr(n int) netip.Addr {
	var a [16]byte
	a[0], a[1] = 0x20, 0x01
	binary.BigEndian.PutUint32(a[4:], uint32(n))
	return netip.AddrFrom16(a)
}

// numbered returns a token of a kind with a nonce of its own.
func numbered(k kind, n int) (t token) {
	t[2] = byte(k)
	binary.BigEndian.PutUint32(t[13:], uint32(n))
	return t
}

func TestSolvingAgainAndAgainRaisesTheLevel(t *testing.T) {
	for _, tt := range []struct {
		name  string
		raise int
		want  []Level // of the challenges, one solved after another
	}{
		{"with every one", 1, []Level{Low, Medium, High, High, High}},
		{"with every second one", 2, []Level{Low, Low, Medium, Medium, High, High, High}},
		{"never", -1, []Level{Low, Low, Low, Low}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, newGate(t, Config{Level: Low, Raise: tt.raise}))
			for i, want := range tt.want {
				asked, _ := parseToken(c.challenged().Token)
				if asked.level() != want {
					t.Errorf("challenge %d has level %d; want %d", i+1, asked.level(), want)
				}
				c.cookie = ""
				if c = c.solve(); c.judge() != Passed {
					t.Fatalf("the pass of challenge %d does not count", i+1)
				}
			}
			c.addr = c.addr.Next()
			c.cookie = ""
			if asked, _ := parseToken(c.challenged().Token); asked.level() != Low {
				t.Errorf("another network begins at level %d; want %d", asked.level(), Low)
			}
		})
	}
}

func TestTheLevelFallsWhenTheHourIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{Level: Low})).solve()
		<-time.After(solveHour - time.Millisecond)
		if asked, _ := parseToken(c.challenged().Token); asked.level() != Medium {
			t.Errorf("within the hour the level is %d; want %d", asked.level(), Medium)
		}
		<-time.After(time.Millisecond)
		if asked, _ := parseToken(c.challenged().Token); asked.level() != Low {
			t.Errorf("after the hour the level is %d; want %d", asked.level(), Low)
		}
	})
}

func TestWhoSolvesTooManyIsBarredForTheRestOfTheHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{Bar: 3, Wait: minWait}))
		for range 3 {
			if got := c.judge(); got != Due {
				t.Fatalf("before that the verdict is %d; want Due", got)
			}
			<-time.After(10 * time.Minute)
			c.solve()
		}
		c = c.withLatestPass()
		if got := c.judge(); got != Barred {
			t.Errorf("with a pass the verdict is %d; want Barred", got)
		}
		exempted := c
		exempted.url = "https://shop.example/robots.txt"
		if got := exempted.judge(); got != Barred {
			t.Errorf("for what is exempt from challenges the verdict is %d; want Barred", got)
		}
		c.cookie = ""
		token := c.challenged().Token
		wantStatus(t, c.answer(token, c.solution(token)), http.StatusForbidden)

		<-time.After(40*time.Minute - time.Millisecond)
		if got := c.judge(); got != Barred {
			t.Errorf("within the hour of the first solution the verdict is %d; want Barred", got)
		}
		<-time.After(time.Millisecond)
		if got := c.judge(); got != Due {
			t.Errorf("after the hour the verdict is %d; want Due", got)
		}
		for range 3 {
			c.solve()
		}
		<-time.After(solveHour - time.Millisecond) // the memory has turned meanwhile
		if got := c.judge(); got != Barred {
			t.Errorf("within the second hour the verdict is %d; want Barred", got)
		}
	})
}

// withLatestPass returns c with a pass that was signed now, as after the last
// challenge that it could solve.
func (c client) withLatestPass() client {
	b := bindingOf(c.request("GET", ""), networkOf(c.addr))
	made := c.gate.keys.all()[0].seal(statement{kind: pass, level: High, now: time.Now(), ttl: time.Hour}, &b)
	c.cookie = secureCookie4 + "=" + made.String()
	return c
}

// Of many solutions at once, no more count than the bar allows.
func TestTheBarIsKeptWhenSolutionsAreRedeemed(t *testing.T) {
	var m Memory
	for n, want := range []redemption{granted, granted, overdone, overdone} {
		if got := m.redeem(numbered(embedded, n), network{4}, 2, time.Now()); got != want {
			t.Errorf("solution %d: %d; want %d", n+1, got, want)
		}
	}
}

func TestABarCanBeTurnedOff(t *testing.T) {
	c := newClient(t, newGate(t, Config{Bar: -1}))
	for range defaultBar + 5 {
		c.solve()
	}
	if got := c.judge(); got != Due {
		t.Errorf("the verdict is %d; want Due", got)
	}
}

func TestMemoryOutlivesAGate(t *testing.T) {
	memory := new(Memory)
	c := newClient(t, newGate(t, Config{Memory: memory, Bar: 1}))
	token := c.challenged().Token
	solution := c.solution(token)
	wantStatus(t, c.answer(token, solution), http.StatusNoContent)
	c.gate = newGate(t, Config{Memory: memory, Bar: 2})
	wantStatus(t, c.answer(token, solution), http.StatusForbidden)
	if n := c.gate.Counters().Counts().Replayed; n != 1 {
		t.Errorf("%d replays counted after a reload; want 1", n)
	}
	c.gate = newGate(t, Config{Memory: memory, Bar: 1})
	if got := c.judge(); got != Barred {
		t.Errorf("after a reload the verdict is %d; want Barred", got)
	}
}

func TestAFullMemoryTakesNoSolutionTwiceAndRecovers(t *testing.T) {
	var m Memory
	now := time.Now()
	for n := range maxSpent {
		if got := m.redeem(numbered(embedded, n), networkOf(networkAddr(n)), 20, now); got != granted {
			t.Fatalf("solution %d: %d; want it granted", n, got)
		}
	}
	late := networkOf(netip.MustParseAddr("192.0.2.1"))
	if got := m.redeem(numbered(embedded, maxSpent), late, 20, now); got != full {
		t.Errorf("a solution beyond the bound: %d; want full", got)
	}
	if got := m.redeem(numbered(embedded, 0), late, 20, now); got != replayed {
		t.Errorf("the first solution again: %d; want replayed", got)
	}
	if got := m.redeem(numbered(waiting, 0), late, 20, now); got != granted {
		t.Errorf("one who waited, while work is full: %d; want granted", got)
	}
	if n := len(m.solves.young); n != maxNetworks {
		t.Errorf("%d networks are counted; want %d", n, maxNetworks)
	}
	if n := m.solved(networkOf(networkAddr(0)), now); n != 1 {
		t.Errorf("a network that is counted has solved %d; want 1", n)
	}
	now = now.Add(challengeTTL + maxSkew)
	if got := m.redeem(numbered(embedded, maxSpent), late, 20, now); got != granted {
		t.Errorf("a new solution after the old ones expired: %d; want granted", got)
	}
}

func TestGenerationsForget(t *testing.T) {
	const span = time.Minute
	var g generations[int, string]
	start := time.Now()
	g.turn(start, span)
	g.put(1, "one", 1)
	for after, want := range []struct {
		step time.Duration
		kept bool
	}{{0, true}, {span - 1, true}, {1, true}, {span - 1, true}, {1, false}} {
		start = start.Add(want.step)
		g.turn(start, span)
		if _, kept := g.get(1); kept != want.kept {
			t.Errorf("after step %d it is kept: %t; want %t", after, kept, want.kept)
		}
	}
	g.put(2, "two", 1)
	if g.put(3, "three", 1) {
		t.Error("there is room beyond the limit")
	}
	if !g.put(2, "again", 1) {
		t.Error("there is no room for what is there")
	}
	g.turn(start.Add(2*span), span)
	if _, kept := g.get(2); kept {
		t.Error("after two spans without anybody looking an entry is kept")
	}
}
