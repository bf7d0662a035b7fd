package challenge

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestASolvedChallengeLetsTheBrowserThrough(t *testing.T) {
	c := newClient(t, newGate(t, Config{}))
	if got := c.judge(); got != Due {
		t.Fatalf("without a pass the verdict is %d; want Due", got)
	}
	c = c.solve()
	if got := c.judge(); got != Passed {
		t.Errorf("with a pass the verdict is %d; want Passed", got)
	}
	c.url = "https://shop.example:8443/elsewhere"
	if got := c.judge(); got != Passed {
		t.Errorf("on another path and port the verdict is %d; want Passed", got)
	}
	got := c.gate.Counters().Counts()
	if want := (Counts{Solved: 1, Passed: 2}); got != want {
		t.Errorf("counted %+v; want %+v", got, want)
	}
}

func TestAReplayedSolutionEarnsNothing(t *testing.T) {
	c := newClient(t, newGate(t, Config{}))
	token := c.challenged().Token
	solution := c.solution(token)
	wantStatus(t, c.answer(token, solution), http.StatusNoContent)
	wantStatus(t, c.answer(token, solution), http.StatusForbidden)
	if n := c.gate.Counters().Counts().Replayed; n != 1 {
		t.Errorf("%d replays counted; want 1", n)
	}
}

func TestOfManySimultaneousReplaysExactlyOneEarnsAPass(t *testing.T) {
	c := newClient(t, newGate(t, Config{}))
	token := c.challenged().Token
	solution := c.solution(token)
	var earned atomic.Int32
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if c.answer(token, solution).status == http.StatusNoContent {
				earned.Add(1)
			}
		})
	}
	wg.Wait()
	if n := earned.Load(); n != 1 {
		t.Errorf("%d of 64 answers with one solution earned a pass; want 1", n)
	}
}

// theft are the ways in which another client can use a token.
var theft = []struct {
	name  string
	steal func(c *client)
	works bool
}{
	{"the same client", func(*client) {}, true},
	{"another host", func(c *client) { c.url = "https://other.example/" }, false},
	{"a host that the name begins", func(c *client) { c.url = "https://shop.example.org/" }, false},
	{"the host in capitals, with a port", func(c *client) { c.url = "https://SHOP.Example:444/" }, true},
	{"another IPv4 address", func(c *client) { c.addr = netip.MustParseAddr("192.0.2.2") }, false},
	{"the same address mapped into IPv6", func(c *client) { c.addr = netip.MustParseAddr("::ffff:192.0.2.1") }, true},
	{"an IPv6 address", func(c *client) { c.addr = netip.MustParseAddr("2001:db8::1") }, false},
	{"another user agent", func(c *client) { c.agent += "x" }, false},
	{"no user agent", func(c *client) { c.agent = "" }, false},
	{"no address", func(c *client) { c.addr = netip.Addr{} }, false},
}

func TestASolutionCountsForWhomItWasAsked(t *testing.T) {
	for _, tt := range theft {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, newGate(t, Config{}))
			token := c.challenged().Token
			solution := c.solution(token)
			tt.steal(&c)
			want := http.StatusForbidden
			if tt.works {
				want = http.StatusNoContent
			}
			wantStatus(t, c.answer(token, solution), want)
		})
	}
}

func TestAPassCountsForWhomItWasIssued(t *testing.T) {
	for _, tt := range theft {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, newGate(t, Config{})).solve()
			tt.steal(&c)
			if passed := c.judge() == Passed; passed != tt.works {
				t.Errorf("it passes: %t; want %t", passed, tt.works)
			}
		})
	}
}

func TestAPassOfIPv6HoldsForItsNetwork(t *testing.T) {
	c := newClient(t, newGate(t, Config{}))
	c.addr = netip.MustParseAddr("2001:db8:1:2:3::4")
	c = c.solve()
	if !strings.HasPrefix(c.cookie, "__Host-tocsin6=") {
		t.Errorf("the cookie is %q; want one for IPv6", c.cookie)
	}
	for addr, want := range map[string]Verdict{
		"2001:db8:1:2::":                     Passed,
		"2001:db8:1:2:ffff:ffff:ffff:ffff%9": Passed,
		"2001:db8:1:3:3::4":                  Due,
		"2001:db8:1::":                       Due,
	} {
		c.addr = netip.MustParseAddr(addr)
		if got := c.judge(); got != want {
			t.Errorf("for %s the verdict is %d; want %d", addr, got, want)
		}
	}
}

func TestLongUserAgentsDoNotRunIntoEachOther(t *testing.T) {
	c := newClient(t, newGate(t, Config{}))
	c.agent = strings.Repeat("x", 5000)
	c = c.solve()
	if c.judge() != Passed {
		t.Error("a pass with a long user agent does not count")
	}
	c.agent += "x"
	if c.judge() != Due {
		t.Error("a pass counts for a longer user agent")
	}
}

func TestASolutionOfAnotherChallengeEarnsNothing(t *testing.T) {
	c := newClient(t, newGate(t, Config{}))
	one, other := c.challenged().Token, c.challenged().Token
	wantStatus(t, c.answer(one, c.solution(other)), http.StatusForbidden)
}

func TestAChallengeCannotBeMadeEasierOrTheirPassStronger(t *testing.T) {
	c := newClient(t, newGate(t, Config{Level: High}))
	token := c.challenged().Token
	text, _ := parseToken(token)
	text[3] = byte(Low)
	wantStatus(t, c.answer(text.String(), c.solution(token)), http.StatusForbidden)

	weak := newClient(t, newGate(t, Config{Level: Low})).solve()
	weak.gate = newGate(t, Config{Level: Medium})
	if weak.judge() != Due {
		t.Error("a pass that was earned at level Low counts at Medium")
	}
	stronger, _ := parseToken(weak.pass())
	stronger[3] = byte(High)
	if weak.withPass(stronger.String()).judge() != Due {
		t.Error("a pass counts at a level that it was not earned at")
	}
}

func TestAChallengeFromBeforeAHigherLevelIsRefused(t *testing.T) {
	// Otherwise its pass of the old level would not count, and the visitor would get
	// challenge after challenge.
	c := newClient(t, newGate(t, Config{Level: Low}))
	token := c.challenged().Token
	solution := c.solution(token)
	c.gate = newGate(t, Config{Level: Medium})
	wantStatus(t, c.answer(token, solution), http.StatusForbidden)
}

func TestATokenCountsForItsKindOnly(t *testing.T) {
	c := newClient(t, newGate(t, Config{Wait: 5 * time.Second, Provider: &fakeProvider{}}))
	k := &c.gate.keys.all()[0]
	passing := newClient(t, newGate(t, Config{})).solve()
	for from := kind(0); from <= kinds; from++ {
		for to := kind(0); to <= kinds; to++ {
			if from == to {
				continue
			}
			// The tag is still that of the first kind.
			text, _ := parseToken(c.resealed(k, passing.pass(), func(t *token) { t[2] = byte(from) }))
			text[2] = byte(to)
			if passing.withPass(text.String()).judge() == Passed {
				t.Errorf("a token of kind %d passes as %d", from, to)
			}
			b := c.gate.bindingOf(c.request("GET", ""), networkOf(c.addr))
			if c.gate.keys.open(text, &b) != nil {
				t.Errorf("a token of kind %d is opened as %d", from, to)
			}
		}
	}
}

func TestAChallengeIsNoPassAndAPassNoChallenge(t *testing.T) {
	c := newClient(t, newGate(t, Config{Wait: 5 * time.Second})).solve()
	for name, text := range map[string]string{"challenge": c.challenged().Token, "wait": c.challenged().WaitToken} {
		if got := c.withPass(text).judge(); got != Due {
			t.Errorf("with a %s token as a pass the verdict is %d; want Due", name, got)
		}
	}
	pass := c.pass()
	c.cookie = ""
	wantStatus(t, c.answer(pass, c.solution(pass)), http.StatusForbidden)
	wantStatus(t, c.answer(pass, ""), http.StatusForbidden)
}

func TestAWaitTokenIsNotSolvedByWorkNorAChallengeByWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{Wait: 5 * time.Second}))
		asked := c.challenged()
		wantStatus(t, c.answer(asked.WaitToken, c.solution(asked.WaitToken)), http.StatusForbidden)
		<-time.After(5 * time.Second)
		wantStatus(t, c.answer(asked.Token, ""), http.StatusForbidden)
		wantStatus(t, c.answer(asked.WaitToken, ""), http.StatusNoContent)
	})
}

func TestAnExpiredChallengeIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{}))
		first, second := c.challenged().Token, c.challenged().Token
		<-time.After(5*time.Minute - time.Millisecond)
		wantStatus(t, c.answer(first, c.solution(first)), http.StatusNoContent)
		<-time.After(time.Millisecond)
		wantStatus(t, c.answer(second, c.solution(second)), http.StatusForbidden)
	})
}

func TestAChallengeFromTheFutureIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{}))
		k := &c.gate.keys.all()[0]
		b := c.gate.bindingOf(c.request("GET", ""), networkOf(c.addr))
		for ahead, want := range map[time.Duration]int{
			30 * time.Second:                  http.StatusNoContent,
			30*time.Second + time.Millisecond: http.StatusForbidden,
			100 * 365 * 24 * time.Hour:        http.StatusForbidden,
		} {
			made := k.seal(statement{kind: embedded, level: Medium, now: time.Now().Add(ahead), ttl: 5 * time.Minute}, &b)
			wantStatus(t, c.answer(made.String(), c.solution(made.String())), want)
		}
	})
}

func TestASolutionFromAServerWithAFastClockIsNotForgottenTooEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{}))
		k := &c.gate.keys.all()[0]
		b := c.gate.bindingOf(c.request("GET", ""), networkOf(c.addr))
		c.solve()
		<-time.After(5*time.Minute - time.Millisecond)
		made := k.seal(statement{kind: embedded, level: Medium, now: time.Now().Add(30 * time.Second), ttl: 5 * time.Minute}, &b).String()
		wantStatus(t, c.answer(made, c.solution(made)), http.StatusNoContent)
		<-time.After(5*time.Minute + 30*time.Second - time.Millisecond) // the last moment before it expires
		wantStatus(t, c.answer(made, c.solution(made)), http.StatusForbidden)
		if n := c.gate.Counters().Counts().Replayed; n != 1 {
			t.Errorf("%d replays counted; want 1", n)
		}
	})
}

func TestKeysAreRotatedInAndOut(t *testing.T) {
	keys := newKeys(t, secretA)
	c := newClient(t, newGate(t, Config{Keys: keys})).solve()
	token := c.challenged().Token
	steps := []struct {
		name    string
		secrets [][]byte
		want    Verdict
	}{
		{"a second key is known", [][]byte{secretA, secretB}, Passed},
		{"the second one signs", [][]byte{secretB, secretA}, Passed},
		{"the first one is gone", [][]byte{secretB}, Due},
	}
	for _, step := range steps {
		if err := keys.Set(step.secrets...); err != nil {
			t.Fatal(err)
		}
		if got := c.judge(); got != step.want {
			t.Errorf("%s: the verdict is %d; want %d", step.name, got, step.want)
		}
	}
	c.cookie = ""
	wantStatus(t, c.answer(token, payload(solution{})), http.StatusForbidden)
	if c.solve().judge() != Passed {
		t.Error("the new key does not sign passes that count")
	}
}

func TestAChallengeIsSolvedAcrossAKeyRotation(t *testing.T) {
	keys := newKeys(t, secretA)
	c := newClient(t, newGate(t, Config{Keys: keys}))
	token := c.challenged().Token
	solution := c.solution(token)
	if err := keys.Set(secretB, secretA); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, c.answer(token, solution), http.StatusNoContent)
}

func TestServersWithTheSameSecretAcceptEachOthersPasses(t *testing.T) {
	c := newClient(t, newGate(t, Config{})).solve()
	c.gate = newGate(t, Config{})
	if c.judge() != Passed {
		t.Error("a pass of another server does not count")
	}
	c.gate = newGate(t, Config{Keys: newKeys(t, secretB)})
	if c.judge() != Due {
		t.Error("a pass of a server with another secret counts")
	}
}

func TestAnAnswerOfAClearedClientNeverReachesTheApplication(t *testing.T) {
	c := newClient(t, newGate(t, Config{}))
	for name, value := range map[string]string{"a token": c.challenged().Token, "garbage": "x", "nothing": ""} {
		r := c.request("POST", "body")
		r.Header.Set(answerHeader, value)
		res := c.send(r, false)
		wantStatus(t, res, http.StatusNoContent)
		if len(res.cookies) > 0 {
			t.Errorf("%s as an answer that is not due earns a cookie", name)
		}
	}
	if n := c.gate.Counters().Counts(); n != (Counts{}) {
		t.Errorf("counted %+v; want nothing", n)
	}
}

func TestASecondTabOfAClientWithAPassIsWelcome(t *testing.T) {
	c := newClient(t, newGate(t, Config{Bar: 2}))
	tab := c.challenged().Token
	solution := c.solution(tab)
	c = c.solve()
	for range 5 {
		wantStatus(t, c.answer(tab, solution), http.StatusNoContent)
	}
	if c.judge() != Passed {
		t.Error("tabs that were late counted as solved challenges")
	}
}

// The caller of Answer does not always know since when the challenge was due. A pass
// that was not enough for the request must not prevent a better one. Otherwise the
// visitor would get challenge after challenge.
func TestAPassFromBeforeTheChallengeDoesNotStandInForItsSolution(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{Wait: 5 * time.Second, Bar: -1, Raise: -1})).solve()
		<-time.After(time.Minute)
		late, asked := c.challenged(), c.challenged()
		earned := c.answer(asked.Token, c.solution(asked.Token))
		wantStatus(t, earned, http.StatusNoContent)
		if len(earned.cookies) != 1 {
			t.Fatalf("%d passes; want a new one", len(earned.cookies))
		}
		c = c.with(earned)
		if got := c.answer(late.Token, c.solution(late.Token)); got.status != http.StatusNoContent || len(got.cookies) != 0 {
			t.Errorf("another tab was faster: status %d and %d passes; want 204 and none", got.status, len(got.cookies))
		}
		<-time.After(time.Minute)
		form := c.challenged().WaitToken
		<-time.After(5 * time.Second)
		if got := c.send(c.post(waitField+form), true); got.status != http.StatusSeeOther || len(got.cookies) != 1 {
			t.Errorf("who waited: status %d and %d passes; want 303 and one", got.status, len(got.cookies))
		}
	})
}

func TestAPassFromBeforeTheDecisionIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{})).solve()
		for after, want := range map[time.Duration]Verdict{
			-time.Hour:           Passed,
			0:                    Passed,
			time.Microsecond:     Due, // the same millisecond
			time.Millisecond:     Due,
			30 * time.Second:     Due,
			365 * 24 * time.Hour: Due,
		} {
			c.since = time.Now().Add(after)
			if got := c.judge(); got != want {
				t.Errorf("for a decision %v after the pass the verdict is %d; want %d", after, got, want)
			}
		}
		<-time.After(time.Minute)
		c.since = time.Now()
		c.cookie = ""
		if c = c.solve(); c.judge() != Passed {
			t.Error("a pass that was earned after the decision does not count")
		}
	})
}

func TestAPassEndsOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{TTL: time.Minute})).solve()
		<-time.After(time.Minute - time.Millisecond)
		if c.judge() != Passed {
			t.Error("the pass ended too early")
		}
		<-time.After(time.Millisecond)
		if c.judge() != Due {
			t.Error("the pass did not end")
		}
	})
}

func TestAPassFromTheFutureOrPastItsOwnEndIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{TTL: time.Minute})).solve()
		k := &c.gate.keys.all()[0]
		b := c.gate.bindingOf(c.request("GET", ""), networkOf(c.addr))
		for ahead, want := range map[time.Duration]Verdict{30 * time.Second: Passed, 30*time.Second + time.Millisecond: Due} {
			made := k.seal(statement{kind: pass, level: High, now: time.Now().Add(ahead), ttl: time.Hour}, &b)
			if got := c.withPass(made.String()).judge(); got != want {
				t.Errorf("with a pass from %v ahead the verdict is %d; want %d", ahead, got, want)
			}
		}
		c.gate = newGate(t, Config{TTL: 24 * time.Hour})
		<-time.After(time.Minute)
		if c.judge() != Due {
			t.Error("a pass lasts as long as a gate with another time to live says")
		}
	})
}

func TestAShorterTimeToLiveHoldsForOldPassesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{TTL: 24 * time.Hour})).solve()
		c.gate = newGate(t, Config{TTL: time.Minute})
		<-time.After(time.Minute)
		if c.judge() != Due {
			t.Error("a pass outlives the time that the gate gives one")
		}
	})
}

func TestWrongSolutionsAreRefused(t *testing.T) {
	c := newClient(t, newGate(t, Config{}))
	token := c.challenged().Token
	good := c.solution(token)
	right, _ := parseSolution([]byte(good))
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for name, body := range map[string]string{
		"nothing":                  "",
		"no base64":                "%",
		"no JSON":                  encode("solution"),
		"no object":                encode("[]"),
		"null":                     encode(`{"solution":null}`),
		"an empty solution":        encode(`{"solution":{}}`),
		"the next counter":         payload(solution{right.Counter + 1, right.DerivedKey}),
		"no key":                   payload(solution{right.Counter, ""}),
		"half of the key":          payload(solution{right.Counter, right.DerivedKey[:32]}),
		"the key in capitals":      payload(solution{right.Counter, strings.ToUpper(right.DerivedKey) + "A"}),
		"a counter in quotes":      encode(`{"solution":{"counter":"7","derivedKey":""}}`),
		"a counter out of range":   encode(`{"solution":{"counter":4294967296,"derivedKey":""}}`),
		"a negative counter":       encode(`{"solution":{"counter":-1,"derivedKey":""}}`),
		"a body beyond the bounds": good + strings.Repeat(" ", 32_768),
		"deep JSON":                encode(strings.Repeat(`[`, 20000)),
	} {
		t.Run(name, func(t *testing.T) {
			wantStatus(t, c.answer(token, body), http.StatusForbidden)
		})
	}
	wantStatus(t, c.answer(token, good), http.StatusNoContent)
}

func TestARefusalIsAProblemWithAReference(t *testing.T) {
	c := newClient(t, newGate(t, Config{}))
	w := httptest.NewRecorder()
	r := c.request("POST", "")
	r.Header.Set(answerHeader, "x")
	c.gate.Answer(w, r, c.visitor(), true)
	for name, want := range map[string]string{
		"Content-Type": "application/problem+json", "Cache-Control": "private, no-store", "X-Tocsin": "challenge",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q; want %q", name, got, want)
		}
	}
	if !strings.Contains(w.Body.String(), `"ref":"ref"`) {
		t.Errorf("no reference in %s", w.Body)
	}
}
