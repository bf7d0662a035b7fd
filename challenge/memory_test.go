package challenge

import (
	"encoding/binary"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// networkAddr returns an address of network n of many, each 65,536 in as many networks
// of /32.
func networkAddr(n int) netip.Addr {
	var a [16]byte
	a[0], a[1] = 0x20, 0x01
	binary.BigEndian.PutUint16(a[2:], uint16(n))
	binary.BigEndian.PutUint16(a[4:], uint16(n>>16))
	return netip.AddrFrom16(a)
}

// solverNumber returns one of many solvers, each with a network of its own.
func solverNumber(n int) solver {
	b := binding{network: networkOf(networkAddr(n))}
	return b.solverOf(&http.Request{Header: http.Header{}})
}

// The usual rules.
var usual = rules{level: Low, raise: -1, bar: 20}

// numbered returns a token of a kind with the nonce n.
func numbered(k kind, n int) (t token) {
	t[2] = byte(k)
	binary.BigEndian.PutUint32(t[nonceAt:], uint32(n)+1)
	t[3] = byte(Low)
	return t
}

func TestCollectingPassesRaisesTheLevel(t *testing.T) {
	for _, tt := range []struct {
		name  string
		raise int
		used  bool    // each pass is used before the next is earned
		want  []Level // of the challenges, solved one after the other
	}{
		{"with every one", 1, false, []Level{Low, Low, Medium, High, High}},
		{"with every second one", 2, false, []Level{Low, Low, Low, Medium, Medium, High, High}},
		{"never", -1, false, []Level{Low, Low, Low, Low, Low, Low}},
		{"with every fourth that comes and uses its pass", 1, true, []Level{Low, Low, Low, Low, Medium, Medium, Medium, Medium, High}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, newGate(t, Config{Level: Low, Raise: tt.raise}))
			for i, want := range tt.want {
				asked, _ := parseToken(c.challenged().Token)
				if asked.level() != want {
					t.Errorf("challenge %d has level %d; want %d", i+1, asked.level(), want)
				}
				if in := c.solve(); tt.used && in.judge() != Passed {
					t.Fatalf("the pass of challenge %d does not count", i+1)
				}
			}
			c.addr = c.addr.Next()
			if asked, _ := parseToken(c.challenged().Token); asked.level() != Low {
				t.Errorf("another network begins at level %d; want %d", asked.level(), Low)
			}
		})
	}
}

func TestTheLevelFallsAsPointsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{Level: Low, Raise: 1}))
		for range 2 {
			c.solve() // five quarters
		}
		<-time.After(90*time.Second - time.Millisecond)
		if asked, _ := parseToken(c.challenged().Token); asked.level() != Medium {
			t.Errorf("with a point left the level is %d; want %d", asked.level(), Medium)
		}
		<-time.After(time.Millisecond)
		if asked, _ := parseToken(c.challenged().Token); asked.level() != Low {
			t.Errorf("with less the level is %d; want %d", asked.level(), Low)
		}
	})
}

func TestAWrongAnswerMakesTheNextHarderAndBarsNobody(t *testing.T) {
	c := newClient(t, newGate(t, Config{Level: Low, Raise: 1, Bar: 4}))
	wrong := func() {
		for range 100 {
			wantStatus(t, c.answer(c.challenged().Token, payload(solution{})), http.StatusForbidden)
		}
	}
	wrong()
	if asked, _ := parseToken(c.challenged().Token); asked.level() != Low {
		t.Errorf("of who has solved nothing, something is kept: level %d", asked.level())
	}
	c.solve()
	wrong()
	if asked, _ := parseToken(c.challenged().Token); asked.level() != High || c.judge() != Due {
		t.Errorf("level %d, verdict %d; want %d and Due", asked.level(), c.judge(), High)
	}
}

func TestWhoCollectsPassesIsBarredUntilItIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{Bar: 3, Wait: 5 * time.Second}))
		held := c.solve()
		waiting := c.challenged().Token
		for range 3 {
			if got := c.judge(); got != Due {
				t.Fatalf("before that the verdict is %d; want Due", got)
			}
			c.solve()
		}
		if got := c.judge(); got != Barred {
			t.Errorf("the verdict is %d; want Barred", got)
		}
		if got := held.judge(); got != Passed {
			t.Errorf("with a pass the verdict is %d; want Passed", got)
		}
		wantStatus(t, c.answer(waiting, c.solution(waiting)), http.StatusForbidden)
		exempted := c
		exempted.url = "https://shop.example/robots.txt"
		if got := exempted.judge(); got != Exempt {
			t.Errorf("for what is exempt from challenges the verdict is %d; want Exempt", got)
		}
		wait := c.gate.BarredFor(c.request("GET", ""), c.visitor())
		if wait != 90*time.Second {
			t.Errorf("barred for %v; want %v", wait, 90*time.Second)
		}
		<-time.After(wait - time.Millisecond)
		if got := c.judge(); got != Barred {
			t.Errorf("a millisecond before the end the verdict is %d; want Barred", got)
		}
		<-time.After(time.Millisecond)
		if got := c.judge(); got != Due || c.gate.BarredFor(c.request("GET", ""), c.visitor()) != 0 {
			t.Errorf("at the end the verdict is %d; want Due", got)
		}
	})
}

// Of many solutions at the same time, only as many count as the bar allows.
func TestTheBarIsKeptWhenSolutionsAreRedeemed(t *testing.T) {
	var m Memory
	by := solver{browser: group{1}, network: group{2}}
	for n, want := range []redemption{granted, granted, granted, overBar, overBar} {
		if got := m.redeem(numbered(embedded, n), by, rules{bar: 2, raise: -1}, time.Now()); got != want {
			t.Errorf("solution %d: %d; want %d", n+1, got, want)
		}
	}
}

// A client that fetches many challenges before it solves any must not solve all at the
// first level.
func TestTheLevelIsCheckedWhenASolutionIsRedeemed(t *testing.T) {
	c := newClient(t, newGate(t, Config{Level: Low, Raise: 1, Bar: -1}))
	var fetched []string
	for range 19 {
		fetched = append(fetched, c.challenged().Token)
	}
	solved := 0
	for _, token := range fetched {
		if c.answer(token, c.solution(token)).status == http.StatusNoContent {
			solved++
		}
	}
	if solved != 2 {
		t.Errorf("%d of 19 challenges that were fetched beforehand are solved; want 2, then the level is higher", solved)
	}
	if got := c.solve(); got.judge() != Passed {
		t.Error("a challenge of the new level earns nothing")
	}
}

func TestABarCanBeTurnedOff(t *testing.T) {
	c := newClient(t, newGate(t, Config{Bar: -1}))
	for range 20 + 5 {
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
	c.gate = newGate(t, Config{Memory: memory, Bar: 1})
	wantStatus(t, c.answer(token, solution), http.StatusForbidden)
	if n := c.gate.Counters().Counts().Replayed; n != 1 {
		t.Errorf("%d replays counted after a reload; want 1", n)
	}
	c.solve()
	c.gate = newGate(t, Config{Memory: memory, Bar: 1})
	if got := c.judge(); got != Barred {
		t.Errorf("after a reload the verdict is %d; want Barred", got)
	}
}

func TestAFullMemoryTakesNoSolutionTwiceAndRecovers(t *testing.T) {
	var m Memory
	now := time.Now()
	for n := range 262_144 {
		if got := m.redeem(numbered(embedded, n), solverNumber(n), usual, now); got != granted {
			t.Fatalf("solution %d: %d; want it granted", n, got)
		}
	}
	late := solver{browser: group{1}, network: group{2}}
	if got := m.redeem(numbered(embedded, 262_144), late, usual, now); got != full {
		t.Errorf("a solution beyond the bound: %d; want full", got)
	}
	if got := m.redeem(numbered(embedded, 0), late, usual, now); got != replayed {
		t.Errorf("the first solution again: %d; want replayed", got)
	}
	if got := m.redeem(numbered(waiting, 0), late, usual, now); got != granted {
		t.Errorf("one who waited, while work is full: %d; want granted", got)
	}
	if n := len(m.scores.young); n != 131_072 {
		t.Errorf("%d crowds are counted; want %d", n, 131_072)
	}
	if score, ok := m.scores.get(solverNumber(0).browser); !ok || score.quarters != 1 {
		t.Errorf("of a crowd that is counted there is %+v", score)
	}
	now = now.Add(5*time.Minute + 30*time.Second)
	if got := m.redeem(numbered(embedded, 262_144), late, usual, now); got != granted {
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
