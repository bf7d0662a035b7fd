package challenge

import (
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// visit requests a page, and returns c with its pass, renewed if the response did so.
func (c client) visit() (client, Verdict) {
	c.t.Helper()
	r := c.request("GET", "")
	r.Header.Set("Sec-Fetch-Dest", "document")
	got := c.gate.Judge(r, c.visitor())
	if got != Passed {
		return c, got
	}
	w := newRecorder()
	c.gate.Renew(w, r, c.visitor())
	for _, line := range w.Header()["Set-Cookie"] {
		set, err := http.ParseSetCookie(line)
		if err != nil {
			c.t.Fatal(err)
		}
		c.cookie = set.Name + "=" + set.Value
	}
	return c, got
}

// use requests a page every few minutes, and fails the test at a challenge.
func (c client) use(every, during time.Duration) client {
	c.t.Helper()
	for until := time.Now().Add(during); time.Now().Before(until); {
		var got Verdict
		if c, got = c.visit(); got != Passed {
			c.t.Fatalf("in steady use the verdict is %d; want Passed", got)
		}
		<-time.After(every)
	}
	return c
}

// level returns the level of the challenge that c would get.
func (c client) level() Level {
	t, _ := parseToken(c.challenged().Token)
	return t.level()
}

// The edges of the package comment's states, from a client in the state "asked".
var edges = []struct {
	edge string
	then func(c client) client
	want Verdict
}{
	{"free: an answer that nothing asks for is welcome and earns nothing", func(c client) client {
		r := c.request("POST", "")
		r.Header.Set(answerHeader, c.challenged().Token)
		if got := c.send(r, false); got.status != http.StatusNoContent || len(got.cookies) > 0 {
			c.t.Errorf("it is answered %d, with %v", got.status, got.cookies)
		}
		return c
	}, Due},
	{"asked, by a decision", func(c client) client { return c }, Due},
	{"asked to in, by a right solution", client.solve, Passed},
	{"asked to asked, by a wrong solution", func(c client) client {
		wantStatus(c.t, c.answer(c.challenged().Token, payload(solution{})), http.StatusForbidden)
		return c
	}, Due},
	{"asked to asked, by one that is too late", func(c client) client {
		token := c.challenged().Token
		<-time.After(5 * time.Minute)
		wantStatus(c.t, c.answer(token, c.solution(token)), http.StatusForbidden)
		return c
	}, Due},
	{"asked to asked, by one that counted before, in another browser", func(c client) client {
		token := c.challenged().Token
		wantStatus(c.t, c.answer(token, c.solution(token)), http.StatusNoContent)
		wantStatus(c.t, c.answer(token, c.solution(token)), http.StatusForbidden)
		return c
	}, Due},
	{"asked to away, by collecting passes", client.collect, Barred},
	{"away to asked, when it is forgotten", func(c client) client {
		c = c.collect()
		<-time.After(3 * time.Minute)
		return c
	}, Due},
	{"away to in, with a pass that is good", func(c client) client {
		in := c.solve()
		c.collect()
		return in
	}, Passed},
	{"in to in, by use: the pass is renewed", func(c client) client {
		return c.solve().use(10*time.Minute, 4*time.Hour)
	}, Passed},
	{"in to in, when the same decision is announced again", func(c client) client {
		c.since = time.Now().Add(-time.Hour)
		return c.solve()
	}, Passed},
	{"in to in, while others behind the address are turned away", func(c client) client {
		in := c.solve()
		other := c
		other.agent = "farm"
		other.collect()
		return in
	}, Passed},
	{"in to asked, without use", func(c client) client {
		c = c.solve()
		<-time.After(30 * time.Minute)
		return c
	}, Due},
	{"in to asked, a day after the pass was earned", func(c client) client {
		c = c.solve().use(10*time.Minute, 24*time.Hour-10*time.Minute)
		<-time.After(10 * time.Minute)
		return c
	}, Due},
	{"in to asked, by a new offence", func(c client) client {
		c = c.solve()
		<-time.After(time.Minute)
		c.since = time.Now()
		return c
	}, Due},
	{"in to asked, by a new offence after the pass was renewed", func(c client) client {
		c = c.solve()
		earned := time.Now()
		c = c.use(10*time.Minute, time.Hour)
		c.since = earned.Add(time.Millisecond)
		return c
	}, Due},
	{"in to asked, from another address", func(c client) client {
		c = c.solve()
		c.addr = c.addr.Next()
		return c
	}, Due},
	{"in to asked, with another browser", func(c client) client {
		c = c.solve()
		c.agent = "another"
		return c
	}, Due},
	{"in to asked, at another host", func(c client) client {
		c = c.solve()
		c.url = "https://other.example/"
		return c
	}, Due},
}

// Each edge of the states in the package comment.
func TestWhatAVisitorGoesThrough(t *testing.T) {
	for _, tt := range edges {
		t.Run(tt.edge, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := tt.then(newClient(t, newGate(t, Config{Level: Low, Bar: 3})))
				if _, got := c.visit(); got != tt.want {
					t.Errorf("the verdict is %d; want %d", got, tt.want)
				}
			})
		})
	}
}

// The test of each edge in the package comment: a row of the table above, or a test of
// the middleware, which knows when a decision ends.
var shownBy = map[string][]string{
	"free → asked: decision":                                   {"asked, by a decision"},
	"asked → in: right solution":                               {"asked to in, by a right solution"},
	"asked → in: by a right solution":                          {"asked to in, by a right solution"},
	"asked → away: when requests from there look like farming": {"asked to away, by collecting passes"},
	"asked → free: when the decision ends":                     {"middleware.TestTheEndOfADecisionFreesItsVisitor"},
	"in → in: with each use: the pass is renewed, until a day after it was earned; and when the same decision is announced again": {
		"in to in, by use: the pass is renewed", "in to in, when the same decision is announced again",
	},
	"in → asked: when the pass has not been used for its time to live, or a day is over: the challenge is only as hard as the first": {
		"in to asked, without use", "in to asked, a day after the pass was earned",
	},
	"in → asked: by a new offence: a decision that is newer than the pass": {
		"in to asked, by a new offence", "in to asked, by a new offence after the pass was renewed",
	},
	"in → asked: from another address, with another browser, at a host that does not share passes": {
		"in to asked, from another address", "in to asked, with another browser", "in to asked, at another host",
	},
	"in → free: when the decision ends":          {"middleware.TestTheEndOfADecisionFreesItsVisitor"},
	"away → asked: when the counts have expired": {"away to asked, when it is forgotten"},
	"away → in: with a pass that is still valid": {"away to in, with a pass that is good"},
}

// drawnEdges returns the edges in the package comment, as "from → to: why".
func drawnEdges(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("challenge.go")
	if err != nil {
		t.Fatal(err)
	}
	_, drawing, _ := strings.Cut(string(text), "// # What a visitor goes through\n")
	drawing, _, _ = strings.Cut(drawing, "// #")
	var all []string
	from, open := "", false // whether an edge continues in the next line
	for line := range strings.Lines(drawing) {
		line, isDrawn := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "//\t")
		words := strings.Fields(line)
		switch {
		case !isDrawn || len(words) == 0:
			open = false
		case strings.Contains(line, "──▶"):
			parts := strings.Split(strings.ReplaceAll(line, "▶", ""), "──")
			for i := 2; i < len(parts); i += 2 {
				all = append(all, strings.TrimSpace(parts[i-2])+" → "+strings.TrimSpace(parts[i])+": "+strings.TrimSpace(parts[i-1]))
			}
		case words[0] == "→":
			all = append(all, from+" → "+words[1]+": "+strings.Join(words[2:], " "))
			open = true
		case !strings.HasPrefix(line, " "):
			from, open = words[0], false
		case open:
			all[len(all)-1] += " " + strings.Join(words, " ")
		}
	}
	return all
}

func TestEachEdgeThatIsDrawnIsTested(t *testing.T) {
	drawn := drawnEdges(t)
	if want := slices.Sorted(maps.Keys(shownBy)); !slices.Equal(slices.Sorted(slices.Values(drawn)), want) {
		t.Errorf("the comment draws\n%s\nand the tests show\n%s", strings.Join(slices.Sorted(slices.Values(drawn)), "\n"), strings.Join(want, "\n"))
	}
	for edge, all := range shownBy {
		for _, by := range all {
			if test, elsewhere := strings.CutPrefix(by, "middleware."); elsewhere {
				text, err := os.ReadFile("../middleware/free_test.go")
				if err != nil || !strings.Contains(string(text), "func "+test+"(") {
					t.Errorf("%s: there is no %s (%v)", edge, by, err)
				}
				continue
			}
			found := false
			for _, row := range edges {
				found = found || row.edge == by
			}
			if !found {
				t.Errorf("%s: there is no row %q", edge, by)
			}
		}
	}
}

// collect earns passes without using them until c is barred, and returns c without a
// pass.
func (c client) collect() client {
	c.t.Helper()
	c.cookie = ""
	for range 100 {
		if c.judge() == Barred {
			return c
		}
		c.solve()
	}
	c.t.Fatal("nobody minds 100 passes that are not used")
	return c
}

// A returning visitor gets a challenge as hard as the first, whatever others did
// meanwhile, and the return adds nothing to the score.
func TestARenewedChallengeIsNotHarderThanTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{Level: Low, Raise: 1, Bar: 3}))
		c = c.solve()
		for range 20 { // each an hour later
			<-time.After(time.Hour)
			other := c
			other.cookie = ""
			other.collect()
			if got := c.judge(); got != Due {
				t.Fatalf("the verdict about who comes back is %d; want Due", got)
			}
			if got := c.level(); got != Low {
				t.Fatalf("who comes back is asked at level %d; want %d", got, Low)
			}
			c = c.solve()
		}
		other := c
		other.cookie = ""
		<-time.After(time.Hour)
		if got := other.level(); got != Low {
			t.Errorf("who came back counts as new: level %d", got)
		}
	})
}

func TestAVoidedPassIsNoReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{Level: Low, Raise: 1, Bar: 3}))
		c = c.solve()
		<-time.After(time.Second)
		c.since = time.Now()
		held := c.cookie
		c.collect()
		c.cookie = held
		if got := c.judge(); got != Barred {
			t.Errorf("with a pass from before the offence the verdict is %d; want Barred", got)
		}
	})
}

// Only responses for one person or script renew a pass, and not more often than
// necessary.
func TestWhenAPassIsRenewed(t *testing.T) {
	for _, tt := range []struct {
		name, method, dest string
		after              time.Duration
		want               bool
	}{
		{"a page", "GET", "document", 3 * time.Minute, true},
		{"a page in a frame", "GET", "iframe", 3 * time.Minute, true},
		{"a script's question", "GET", "empty", 3 * time.Minute, true},
		{"a form", "POST", "document", 3 * time.Minute, true},
		{"a client that does not say", "GET", "", 3 * time.Minute, true},
		{"a picture, which a cache may keep", "GET", "image", 3 * time.Minute, false},
		{"a style sheet", "GET", "style", 29 * time.Minute, false},
		{"before a tenth of the time is over", "GET", "document", 3*time.Minute - time.Millisecond, false},
		{"after the end", "GET", "document", 30 * time.Minute, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, newGate(t, Config{})).solve()
				<-time.After(tt.after)
				r := c.request(tt.method, "")
				if tt.dest != "" {
					r.Header.Set("Sec-Fetch-Dest", tt.dest)
				}
				w := newRecorder()
				c.gate.Renew(w, r, c.visitor())
				if got := len(w.Header()["Set-Cookie"]) == 1; got != tt.want {
					t.Errorf("renewed: %t; want %t", got, tt.want)
				}
			})
		})
	}
}

func TestARenewalChangesNothingButTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{Level: High})).solve()
		before, _ := parseToken(c.pass())
		<-time.After(10 * time.Minute)
		renewed, _ := c.visit()
		after, _ := parseToken(renewed.pass())
		if after.level() != High || !after.issued().Equal(before.issued()) || after.nonce() != before.nonce() {
			t.Errorf("%x becomes %x", before, after)
		}
		if want := before.expires().Add(10 * time.Minute); !after.expires().Equal(want) {
			t.Errorf("it ends at %v; want %v", after.expires(), want)
		}
	})
}

// Five people behind one address use a site of four hosts. A captcha decision about the
// address is in force all afternoon. Each person opens the site about every hour and
// reads for a while.
func TestAFamilyBehindOneAddress(t *testing.T) {
	hosts := []string{"www.example.com", "cdn.example.com", "api.example.com", "login.example.com"}
	for name, cfg := range map[string]Config{
		"hosts that share passes": {Hosts: []string{"example.com"}},
		"hosts that do not":       {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate := newGate(t, cfg)
				since := time.Now()
				most := 2
				if len(cfg.Hosts) == 0 {
					most *= len(hosts)
				}
				for person := range 5 {
					go func() {
						jar := map[string]client{}
						solved := 0
						<-time.After(time.Duration(person) * 7 * time.Minute)
						read := func() {
							for range 12 { // five minutes for a page
								for _, host := range hosts {
									c, ok := jar[host]
									if !ok {
										c = newClient(t, gate)
										c.since, c.url = since, "https://"+host+"/"
										c.agent += string(rune('a' + person))
									}
									if len(cfg.Hosts) > 0 {
										c.cookie = jar[""].cookie
									}
									switch got := c.judge(); got {
									case Passed:
										c, _ = c.visit()
									case Due:
										if got := c.level(); got != Medium {
											t.Errorf("person %d is asked at level %d; want %d", person, got, Medium)
										}
										c = c.solve()
										c, _ = c.visit()
										solved++
									default:
										t.Errorf("person %d: the verdict is %d", person, got)
									}
									jar[host], jar[""] = c, c
								}
								<-time.After(5 * time.Minute)
							}
						}
						read()
						<-time.After(90 * time.Minute)
						read()
						if solved > most {
							t.Errorf("person %d has solved %d challenges; want at most %d", person, solved, most)
						}
					}()
				}
				synctest.Wait()
				<-time.After(6 * time.Hour)
				if n := gate.Counters().Counts().Barred; n > 0 {
					t.Errorf("%d requests were turned away", n)
				}
			})
		})
	}
}

// A farm behind one address tries to send 1,000 fresh solutions an hour, for two hours.
// Harder challenges slow it down, and finally it is stopped, whatever browsers it
// claims to be. Visitors with a pass stay in, and so do returning visitors and those
// with a kind of browser that uses its passes.
func TestAFarmBehindOneAddress(t *testing.T) {
	for _, tt := range []struct {
		name   string
		agents int  // user agents that the farm uses in turn
		tries  int  // user agents that it tries for each solution, until one gets a challenge
		uses   bool // each pass is used once
		first  int  // solutions that earn a pass in the first hour
		second int  // and in the second hour
	}{
		{"one browser, passes collected", 1, 1, false, 45, 21},
		{"one browser, each pass used", 1, 1, true, 160, 81},
		// The bar of the network with the points that expire until it is reached (111,
		// or 667 if passes are used), then the bar of one kind of browser (21, or 81)
		// and its expired points (20 an hour, or 80).
		{"a new browser each time, passes collected", 1 << 30, 1, false, 111 + 21 + 20, 21},
		{"a new browser each time, each pass used", 1 << 30, 1, true, 667 + 81 + 30, 81},
		{"a new browser each time, of those whose turn it is, passes collected", 1 << 30, 50, false, 111 + 21 + 20, 21},
		{"a new browser each time, of those whose turn it is, each pass used", 1 << 30, 50, true, 667 + 81 + 30, 81},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate := newGate(t, Config{Level: Low})
				holder := newClient(t, gate)
				holder.agent = "good"
				holder = holder.solve()
				gone := newClient(t, gate)
				gone.agent = "gone for an hour"
				gone = gone.solve()
				highest, tried := Low, 0
				farmOn := func() (earned bool) {
					farm := newClient(t, gate)
					for range tt.tries {
						farm.agent = fmt.Sprint("farm ", tried%tt.agents)
						tried++
						if farm.judge() != Due {
							continue
						}
						highest = max(highest, farm.level())
						if farm = farm.solve(); tt.uses {
							farm.visit()
						}
						return true
					}
					return false
				}
				for hour, most := range []int{tt.first, tt.second} {
					earned := 0
					for range 1000 {
						if farmOn() {
							earned++
						}
						var got Verdict
						if holder, got = holder.visit(); got != Passed {
							t.Fatalf("the verdict about who holds a pass is %d; want Passed", got)
						}
						<-time.After(time.Hour / 1000)
					}
					if earned > most || highest != High {
						t.Errorf("hour %d: %d of 1000 solutions earn a pass, at level %d at last; want at most %d at level %d", hour+1, earned, highest, most, High)
					}
				}
				if got := gone.judge(); got != Due || gone.level() != Low {
					t.Errorf("the verdict about who comes back is %d; want Due, at the first level", got)
				}
				<-time.After(3 * time.Minute)
				newcomer := newClient(t, gate)
				newcomer.agent = "newcomer"
				if got := newcomer.judge(); got != Due {
					t.Errorf("when the farm is gone the verdict about a newcomer is %d; want Due", got)
				}
			})
		})
	}
}

// A client cannot lock out others at its address who have or had a pass, or use another
// browser or other languages.
func TestANeighbourCannotLockOthersOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{Level: Low}))
		c.addr = netip.MustParseAddr("198.51.100.7")
		in := c.solve()
		c.collect()
		for name, other := range map[string]client{
			"who holds a pass": in,
			"another browser":  func() client { o := c; o.agent = "another"; return o }(),
			"another host":     func() client { o := c; o.url = "https://other.example/"; return o }(),
			"another address":  func() client { o := c; o.addr = c.addr.Next(); return o }(),
		} {
			if got := other.judge(); got == Barred {
				t.Errorf("%s is turned away", name)
			}
		}
		r := c.request("GET", "")
		r.Header.Set("Accept-Language", "nl")
		if got := c.gate.Judge(r, c.visitor()); got != Due {
			t.Errorf("with other languages the verdict is %d; want Due", got)
		}
	})
}

// Ninety-five colleagues with the same browser arrive within an hour.
func TestAnOfficeOfEqualBrowsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := newGate(t, Config{})
		for n := range 95 {
			c := newClient(t, gate)
			if got := c.judge(); got != Due {
				t.Fatalf("colleague %d gets the verdict %d; want Due", n+1, got)
			}
			if _, got := c.solve().visit(); got != Passed {
				t.Fatalf("the pass of colleague %d does not count", n+1)
			}
			<-time.After(time.Hour / 95)
		}
	})
}
