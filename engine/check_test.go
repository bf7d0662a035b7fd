package engine

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

const crawlerAgent = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

// verifier is a Verifier that a test writes: it remembers what it has found out,
// and asks for a second.
type verifier struct {
	crawlers map[string]bool
	hang     bool // until ctx ends
	deaf     chan struct{}
	boom     bool

	slow  bool // about those that are no crawlers: it takes two seconds to find no answer
	mu    sync.Mutex
	known map[netip.Addr]bool
	asked int
	at    map[netip.Prefix]int // questions at once, by network and in all
	most  map[netip.Prefix]int
}

// begin counts a question while it is under way.
func (v *verifier) begin(ip netip.Addr, n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.at == nil {
		v.at, v.most = map[netip.Prefix]int{}, map[netip.Prefix]int{}
	}
	for _, p := range []netip.Prefix{event.NetworkOf(ip), {}} {
		v.at[p] += n
		v.most[p] = max(v.most[p], v.at[p])
	}
}

func (v *verifier) Claims(userAgent string) bool {
	if strings.Contains(userAgent, "Boom") {
		panic("index out of range")
	}
	return strings.Contains(userAgent, "Googlebot")
}

func (v *verifier) Verified(ctx context.Context, ip netip.Addr, userAgent string) (is, known bool) {
	v.mu.Lock()
	is, known = v.known[ip]
	v.mu.Unlock()
	if known || ctx.Err() != nil {
		return is, known
	}
	v.mu.Lock()
	v.asked++
	v.mu.Unlock()
	v.begin(ip, 1)
	defer v.begin(ip, -1)
	switch {
	case v.boom:
		panic("index out of range")
	case v.deaf != nil:
		<-v.deaf
	case v.hang:
		<-ctx.Done()
		return false, false
	}
	length := time.Second
	if v.slow && !v.crawlers[ip.String()] {
		length = 2 * time.Second
	}
	select {
	case <-ctx.Done():
		return false, false
	case <-time.After(length):
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.known == nil {
		v.known = map[netip.Addr]bool{}
	}
	v.known[ip] = v.crawlers[ip.String()]
	return v.known[ip], true
}

// claiming returns an alert about a client whose last request had a user agent.
func claiming(client, agent string) event.Alert {
	a := about(client)
	a.Context = []event.Context{{UserAgent: "curl/8"}, {UserAgent: agent}}
	return a
}

// last returns how the last alert ended, in words.
func last(e *Engine) string {
	all := e.Alerts()
	switch r := all[len(all)-1]; {
	case r.Crawler:
		return "crawler"
	case r.Decision.Action != lookup.None:
		return "decided"
	}
	return "reported"
}

func TestACrawlerIsNotBannedAndALiarIs(t *testing.T) {
	for _, tt := range []struct {
		name, client, agent string
		verifier            *verifier
		change              func(*event.Alert)
		atOnce              bool // the decision
		want                string
		told                int
	}{
		{name: "a crawler", client: "192.0.2.1", agent: crawlerAgent, want: "crawler"},
		{name: "one of IPv6", client: "2001:db8::1", agent: crawlerAgent, want: "crawler"},
		{name: "a crawler about which nothing is to be decided", client: "192.0.2.1", agent: crawlerAgent, want: "crawler", change: func(a *event.Alert) { a.Remediation = false }},
		{name: "a liar", client: "192.0.2.2", agent: crawlerAgent, want: "decided", told: 1},
		{name: "a liar about whom nothing is to be decided", client: "192.0.2.2", agent: crawlerAgent, want: "reported", told: 1, change: func(a *event.Alert) { a.Remediation = false }},
		{name: "a browser at a crawler's address", client: "192.0.2.1", agent: "Firefox", atOnce: true, want: "decided", told: 1},
		{name: "one without a user agent", client: "192.0.2.1", agent: "", atOnce: true, want: "decided", told: 1},
		{name: "one that was a crawler some requests ago", client: "192.0.2.1", agent: "curl/8", atOnce: true, want: "decided", told: 1, change: func(a *event.Alert) { a.Context[0].UserAgent = crawlerAgent }},
		{name: "no request is known", client: "192.0.2.1", atOnce: true, want: "decided", told: 1, change: func(a *event.Alert) { a.Context = nil }},
		{name: "a range without a client", client: "192.0.2.0/24", agent: crawlerAgent, atOnce: true, want: "decided", told: 1, change: func(a *event.Alert) { a.Client = netip.Addr{} }},
		{name: "nobody says what it is", client: "192.0.2.1", agent: crawlerAgent, verifier: &verifier{hang: true}, want: "decided", told: 1},
		{name: "a verifier that panics", client: "192.0.2.1", agent: crawlerAgent, verifier: &verifier{boom: true}, want: "decided", told: 1},
		{name: "a user agent that makes it panic", client: "192.0.2.1", agent: "Boom", atOnce: true, want: "decided", told: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if tt.verifier == nil {
					tt.verifier = &verifier{}
				}
				tt.verifier.crawlers = map[string]bool{"192.0.2.1": true, "2001:db8::1": true}
				r := &reporter{name: "lapi"}
				e := start(t, Config{Verify: tt.verifier, Reporters: []Reporter{r}})
				a := claiming(tt.client, tt.agent)
				if tt.change != nil {
					tt.change(&a)
				}
				began := time.Now()
				e.Alert(a)
				if time.Since(began) != 0 || (len(e.Alerts()) > 0) != tt.atOnce {
					t.Errorf("after %v: %+v", time.Since(began), e.Alerts())
				}
				<-time.After(10 * time.Second)
				synctest.Wait()
				if got := last(e); got != tt.want || len(r.told()) != tt.told || e.stops(a.Prefix.Addr()) != (tt.want == "decided") {
					t.Errorf("%s, told %d, %+v", got, len(r.told()), e.Stats().Alerts)
				}
				e.Alert(a)
				<-time.After(10 * time.Second)
				synctest.Wait()
				s := e.Stats().Alerts
				if got := last(e); got != tt.want || s.Total != 2 || s.Crawlers > 0 != (got == "crawler") || e.checks.left() != 0 {
					t.Errorf("%s the second time, %+v", got, s)
				}
			})
		})
	}
}

// If DNS does not say whether a client is the crawler that it claims to be, it is not
// banned. It gets a challenge, also if it continues, and also if it ignores the
// challenge.
func TestWithoutAnAnswerACrawlerIsChallengedAtMost(t *testing.T) {
	for _, row := range []struct {
		name   string
		local  Local
		change func(*event.Alert)
		want   lookup.Action
	}{
		{"a scenario that bans", Local{}, func(a *event.Alert) { a.Action = lookup.Ban }, lookup.Captcha},
		{"one that leaves it open", Local{}, func(a *event.Alert) { a.Action = lookup.None }, lookup.Captcha},
		{"one that challenges", Local{}, func(a *event.Alert) { a.Action = lookup.Captcha }, lookup.Captcha},
		{"one that slows down", Local{}, func(a *event.Alert) { a.Action = lookup.Throttle }, lookup.Throttle},
		{"the operator's word about all", Local{Action: lookup.Ban}, func(*event.Alert) {}, lookup.Captcha},
		{"the operator's word about the scenario", Local{}, func(a *event.Alert) { a.Action, a.Ordered = lookup.Ban, true }, lookup.Captcha},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &reporter{name: "lapi"}
				e := start(t, Config{Local: row.local, Verify: &verifier{hang: true}, Reporters: []Reporter{r}})
				for range 3 {
					a := claiming("192.0.2.1", crawlerAgent)
					row.change(&a)
					e.Alert(a)
					<-time.After(time.Minute)
				}
				d := inDetail(t, e, "192.0.2.1")
				for i := range 100 {
					e.Challenged(d.Prefix.Addr(), crawlerAgent, d, fmt.Sprint("/", i), false)
				}
				<-time.After(time.Minute)
				if d = inDetail(t, e, "192.0.2.1"); d.Action != row.want {
					t.Errorf("%v, want %v", d.Action, row.want)
				}
				r.mu.Lock()
				defer r.mu.Unlock()
				if len(r.all) == 0 {
					t.Error("the reporter is told of nothing")
				}
				for _, a := range r.all {
					if a.Action != row.want || !a.Unproven {
						t.Errorf("the reporter is told of a %v, unproven: %t", a.Action, a.Unproven)
					}
				}
			})
		})
	}
}

// A liar who takes no notice of a challenge is banned as anybody is.
func TestWhoIgnoresTheChallengeIsAskedForProof(t *testing.T) {
	for name, want := range map[string]lookup.Action{"198.51.100.9": lookup.Ban, "192.0.2.1": lookup.Captcha} {
		synctest.Test(t, func(t *testing.T) {
			e := start(t, Config{Verify: &verifier{crawlers: map[string]bool{"192.0.2.1": true}}})
			e.Alert(suspicion(name)) // without the claim
			d := inDetail(t, e, name)
			for i := range 100 {
				e.Challenged(d.Prefix.Addr(), crawlerAgent, d, fmt.Sprint("/", i), false)
			}
			<-time.After(time.Minute)
			if d = inDetail(t, e, name); d.Action != want {
				t.Errorf("%s: %v, want %v", name, d.Action, want)
			}
		})
	}
}

func TestARequestOfAPossibleCrawlerPassesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watcher{request: func(ev *event.Event) []event.Alert {
			return []event.Alert{claiming(ev.Client.String(), ev.UserAgent)}
		}}
		v := &verifier{crawlers: map[string]bool{"192.0.2.1": true}}
		e := start(t, Config{Detect: w, Verify: v})
		for client, liar := range map[string]bool{"192.0.2.1": false, "192.0.2.2": true} {
			ip := netip.MustParseAddr(client)
			ev := &event.Event{Client: ip, UserAgent: crawlerAgent}
			if _, ok := e.Request(ev); ok {
				t.Errorf("%s does not pass", client)
			}
			<-time.After(2 * time.Second)
			if e.stops(ip) != liar {
				t.Errorf("%s: %v", client, e.stops(ip))
			}
			if d, ok := e.Request(ev); ok && !liar {
				t.Errorf("%s does not pass any more: %v", client, d)
			}
		}
	})
}

// inDoubt returns how many clients are checked or wait for it.
func (c *checks) inDoubt() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.claims)
}

// left returns how much is left of checks that are over.
func (c *checks) left() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.claims) + len(c.waiting) + len(c.networks)
}

// liar returns an alert about a client that claims to be a crawler, one of a network.
func liar(network, i int) event.Alert {
	return claiming(fmt.Sprintf("198.%d.%d.%d", 18+network/256, network%256, i), crawlerAgent)
}

// Six clients whose names take two seconds to be looked up kept a crawler waiting for
// so long that it counted as a liar.
func TestLiarsDoNotGetACrawlerBanned(t *testing.T) {
	for _, tt := range []struct {
		name            string
		networks, each  int // of liars
		crawler, liars  int // checked: the crawler, and how many of them
		unchecked, most uint64
	}{
		{name: "six liars", networks: 6, each: 1, crawler: 1, liars: 6, most: 7},
		{name: "many liars of one network", networks: 1, each: 250, crawler: 1, liars: 16, unchecked: 250 - 16, most: 4 + 1},
		{name: "as many networks as are checked at once", networks: 16, each: 1, crawler: 1, liars: 16, most: 16},
		{name: "as many liars as there is room for, but one", networks: 128 - 1, each: 1, crawler: 1, liars: 128 - 1, most: 16},
		{name: "more liars than there is room for", networks: 2 * 128, each: 1, crawler: 0, liars: 128, unchecked: 128 + 1, most: 16},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := &verifier{slow: true, crawlers: map[string]bool{"192.0.2.1": true}}
				e := start(t, Config{Verify: v})
				for i := range tt.each {
					for n := range tt.networks {
						e.Alert(liar(n, i))
					}
				}
				e.Alert(claiming("192.0.2.1", crawlerAgent))
				<-time.After(time.Minute)
				s := e.Stats().Alerts
				if e.stops(listed) || int(s.Crawlers) != tt.crawler || int(s.Decided) != tt.liars || s.Unchecked != tt.unchecked {
					t.Errorf("the crawler is stopped: %v; %+v", e.stops(listed), s)
				}
				if got := v.most[netip.Prefix{}]; got != int(tt.most) || v.most[event.NetworkOf(liar(0, 0).Client)] > 4 {
					t.Errorf("%d checks at once, %v", got, v.most)
				}
				e.Alert(claiming("192.0.2.1", crawlerAgent))
				e.Alert(liar(0, tt.each-1))
				<-time.After(10 * time.Second)
				if c := e.Stats().Alerts.Crawlers; e.stops(listed) || int(c) != tt.crawler+1 || !e.stops(liar(0, tt.each-1).Client) {
					t.Errorf("the next time: %+v", e.Stats().Alerts)
				}
				if n := e.checks.left(); n != 0 {
					t.Errorf("%d are left", n)
				}
			})
		})
	}
}

// A check that did not begin in time has said nothing.
func TestACheckThatIsNotMadeInTimeIsNoGuilt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Config{Verify: &verifier{hang: true}})
		for n := range 128 - 1 {
			e.Alert(liar(n, 1))
		}
		e.Alert(claiming("192.0.2.1", crawlerAgent))
		<-time.After(2 * time.Minute)
		s := e.Stats().Alerts
		begun := uint64(16 * int(time.Minute/(10*time.Second))) // those that hung until their time was up
		if e.stops(listed) || s.Decided != begun || s.Unchecked != 128-begun || e.checks.left() != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestACrawlerThatIsKnownWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &verifier{known: map[netip.Addr]bool{listed: true}, hang: true}
		e := start(t, Config{Verify: v})
		for n := range 128 + 50 {
			e.Alert(liar(n, 1))
		}
		if s := e.Stats().Alerts; s.Unchecked != 50 || s.Total != 0 {
			t.Errorf("%+v", s)
		}
		e.Alert(claiming("192.0.2.1", crawlerAgent))
		if last(e) != "crawler" || e.stops(listed) {
			t.Error("liars keep a crawler from being known")
		}
	})
}

func TestAClientIsCheckedOnceForAllItsAlerts(t *testing.T) {
	for _, who := range []string{"192.0.2.1", "2001:db8::1"} {
		synctest.Test(t, func(t *testing.T) {
			v := &verifier{}
			e := start(t, Config{Verify: v})
			for i := range 200 {
				a := claiming(who, crawlerAgent)
				if a.Client.Is6() { // a host changes its address in its network at will
					a.Client = netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1))
					a.Prefix = netip.MustParsePrefix("2001:db8::/64")
				}
				e.Alert(a)
			}
			if n := e.checks.inDoubt(); n > 1 {
				t.Errorf("it has %d places in the queue", n)
			}
			<-time.After(2 * time.Second)
			s := e.Stats().Alerts
			if v.asked != 1 || s.Decided != 4 || s.Merged != 200-4 || s.Unchecked != 0 || !e.stops(netip.MustParseAddr(who)) {
				t.Errorf("asked %d times, %+v", v.asked, s)
			}
		})
	}
}

func TestTheEndDoesNotWaitForAVerifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := New(Config{Verify: &verifier{hang: true}})
		if err != nil {
			t.Fatal(err)
		}
		e.Start()
		for i := range 50 {
			e.Alert(claiming(client(i), crawlerAgent))
		}
		synctest.Wait()
		began := time.Now()
		if err := e.Close(); err != nil || time.Since(began) != 0 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if s := e.Stats(); s.Local != 0 || s.Alerts.Total != 0 {
			t.Errorf("a check that was cut short has led to %+v", s)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		v := &verifier{deaf: make(chan struct{})}
		e, err := New(Config{Verify: v})
		if err != nil {
			t.Fatal(err)
		}
		e.Start()
		e.Alert(claiming("192.0.2.1", crawlerAgent))
		synctest.Wait()
		began := time.Now()
		if err := e.Close(); err == nil || time.Since(began) != 2*time.Second {
			t.Errorf("one that does not hear of the end: %v after %v", err, time.Since(began))
		}
		close(v.deaf)
	})
}

func TestAVerifierThatPanicsFillsNoLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.ErrorLevel)
		e := start(t, Config{Verify: &verifier{}, Logger: zap.New(core)})
		for range 100 {
			e.Alert(claiming("192.0.2.1", "Boom"))
		}
		if logs.Len() != 7 {
			t.Errorf("%d lines", logs.Len())
		}
	})
}
