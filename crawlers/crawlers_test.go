package crawlers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	googlebot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
	bingbot   = "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/116.0.1938.76 Safari/537.36"
	firefox   = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
)

// fakeDNS is a resolver that a test writes. An error in place of records is what
// it answers with; hang keeps it from answering.
type fakeDNS struct {
	names map[string][]string     // of addresses
	addrs map[string][]netip.Addr // of names
	fails map[string]error        // by what is asked for
	hang  map[string]bool         // likewise

	beside error // comes with names

	mu                 sync.Mutex
	asked              []string
	at, most           int // questions at once
	hangAll, refuseAll bool
}

func (f *fakeDNS) begin(ctx context.Context, what string) error {
	f.mu.Lock()
	f.asked = append(f.asked, what)
	f.at++
	f.most = max(f.most, f.at)
	hangs, refuses := f.hangAll || f.hang[what], f.refuseAll
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.at--
		f.mu.Unlock()
	}()
	if hangs {
		<-ctx.Done()
		return &net.DNSError{Err: ctx.Err().Error(), Name: what, IsTimeout: true}
	}
	if refuses {
		return &net.DNSError{Err: "server misbehaving", Name: what, IsTemporary: true}
	}
	return f.fails[what]
}

func (f *fakeDNS) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	if err := f.begin(ctx, addr); err != nil {
		return nil, err
	}
	if names, ok := f.names[addr]; ok {
		return names, f.beside
	}
	return nil, &net.DNSError{Err: "no such host", Name: addr, IsNotFound: true}
}

func (f *fakeDNS) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if err := f.begin(ctx, host); err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	for _, a := range f.addrs[host] {
		if a.Unmap().Is4() == (network == "ip4") {
			addrs = append(addrs, a)
		}
	}
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return addrs, nil
}

func (f *fakeDNS) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// questions returns how often it was asked since the last call.
func (f *fakeDNS) questions() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.asked)
	f.asked = nil
	return n
}

func addrs(all ...string) (parsed []netip.Addr) {
	for _, a := range all {
		parsed = append(parsed, netip.MustParseAddr(a))
	}
	return parsed
}

// dns is what the world looks like: 192.0.2.1 and 2001:db8::1 are Googlebot.
func dns() *fakeDNS {
	f := &fakeDNS{
		names: map[string][]string{
			"192.0.2.1":   {"crawl-192-0-2-1.googlebot.com."},
			"2001:db8::1": {"crawl-v6.googlebot.com."},
		},
		addrs: map[string][]netip.Addr{
			"crawl-192-0-2-1.googlebot.com.": addrs("192.0.2.1"),
			"crawl-v6.googlebot.com.":        addrs("2001:db8::2", "2001:db8::1"),
		},
		fails: map[string]error{},
		hang:  map[string]bool{},
	}
	// Everything that a liar can set up: names at will, and addresses of names of
	// his own.
	for ip, names := range map[string][]string{
		"192.0.2.10": {"evil-googlebot.com."},
		"192.0.2.11": {"googlebot.com.evil.example."},
		"192.0.2.12": {"crawl-192-0-2-1.googlebot.com."},
		"192.0.2.13": {"nothing.googlebot.com."},
		"192.0.2.14": {strings.Repeat("x.", 2000) + "googlebot.com."},
		"192.0.2.15": {"evil.example\x00.googlebot.com."},
		"192.0.2.16": {""},
		"192.0.2.17": {"."},
		"192.0.2.18": {".googlebot.com"},
		"192.0.2.19": {"a..googlebot.com."},
		"192.0.2.20": {"CRAWL-20.GoogleBot.COM"},
		"192.0.2.21": {"other.example.", "crawl-21.googlebot.com."},
		"192.0.2.23": {"google-proxy-192-0-2-23.google.com."},
		"192.0.2.24": {"rate-limited-proxy-192-0-2-24.google.com."},
		"192.0.2.25": {"rate-limited-proxy-evil.example.google.com."},
		"192.0.2.26": {"24.gae.googleusercontent.com."},
		"192.0.2.27": {"msnbot-192-0-2-27.search.msn.com."},
		"192.0.2.28": {"googlebot.com."},
	} {
		f.names[ip] = names
		for _, name := range names {
			if name != "crawl-192-0-2-1.googlebot.com." && name != "nothing.googlebot.com." {
				host := strings.ToLower(strings.TrimSuffix(name, ".")) + "."
				f.addrs[host] = append(f.addrs[host], netip.MustParseAddr(ip))
			}
		}
	}
	for i := range 1000 {
		f.names["192.0.2.22"] = append(f.names["192.0.2.22"], fmt.Sprintf("crawl-%d.googlebot.com.", i))
	}
	return f
}

func checker(t testing.TB, cfg Config) *Checker {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *Checker) knows(ip, agent string) bool {
	is, _ := c.Verified(context.Background(), netip.MustParseAddr(ip), agent)
	return is
}

func TestWhoIsVerified(t *testing.T) {
	for _, tt := range []struct {
		name, ip, agent string
		want            bool
		questions       int
	}{
		{"a crawler", "192.0.2.1", googlebot, true, 2},
		{"one of IPv6", "2001:db8::1", googlebot, true, 2},
		{"one of IPv4 in IPv6", "::ffff:192.0.2.1", googlebot, true, 2},
		{"an address with a zone", "2001:db8::1%eth0", googlebot, true, 2},
		{"a name in capitals without a dot at its end", "192.0.2.20", googlebot, true, 2},
		{"one of two names is the crawler's", "192.0.2.21", googlebot, true, 2},
		{"the domain itself", "192.0.2.28", googlebot, true, 2},
		{"an address with a name of the wished form", "192.0.2.24", "AdsBot-Google (+http://www.google.com/adsbot.html)", true, 2},

		{"another crawler than it claims", "192.0.2.27", googlebot, false, 2},
		{"another one among those it claims", "192.0.2.27", "Googlebot bingbot", true, 2},
		{"a browser", "192.0.2.1", firefox, false, 0},
		{"no user agent", "192.0.2.1", "", false, 0},
		{"a domain that ends like the crawler's", "192.0.2.10", googlebot, false, 1},
		{"a domain below that starts like the crawler's", "192.0.2.11", googlebot, false, 1},
		{"a name that belongs to another address", "192.0.2.12", googlebot, false, 2},
		{"a name without an address", "192.0.2.13", googlebot, false, 2},
		{"a huge name", "192.0.2.14", googlebot, false, 1},
		{"a name with an end in the middle", "192.0.2.15", googlebot, false, 1},
		{"an empty name", "192.0.2.16", googlebot, false, 1},
		{"the root", "192.0.2.17", googlebot, false, 1},
		{"a name that starts with a dot", "192.0.2.18", googlebot, false, 1},
		{"a name with an empty label", "192.0.2.19", googlebot, false, 1},
		{"a thousand names", "192.0.2.22", googlebot, true, 1 + 8},
		{"no name", "192.0.2.99", googlebot, false, 1},
		{"what users have fetched by a tool", "192.0.2.23", googlebot, false, 1},
		{"the same with another crawler's name", "192.0.2.23", "AdsBot-Google", false, 1},
		{"a star is no dot", "192.0.2.25", "AdsBot-Google", false, 1},
		{"what customers rent", "192.0.2.26", googlebot, false, 1},
		{"a crawler that has no domain", "192.0.2.1", "facebookexternalhit/1.1", false, 0},
		{"a private address", "10.0.0.1", googlebot, false, 0},
		{"this machine", "127.0.0.1", googlebot, false, 0},
		{"a link-local address", "fe80::1%eth0", googlebot, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := dns()
			c := checker(t, Config{Resolver: f})
			if tt.ip == "192.0.2.22" {
				tt.want = false // the one that would confirm it is not among the first
				f.addrs["crawl-999.googlebot.com."] = addrs(tt.ip)
				for i := range 999 {
					delete(f.addrs, fmt.Sprintf("crawl-%d.googlebot.com.", i))
				}
			}
			if got := c.knows(tt.ip, tt.agent); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
			if n := f.questions(); n != tt.questions {
				t.Errorf("%d questions, want %d", n, tt.questions)
			}
			if got := c.knows(tt.ip, tt.agent); got != tt.want || f.questions() != 0 {
				t.Errorf("%v the second time, want %v and no question", got, tt.want)
			}
		})
	}
}

func TestAnUnverifiedAddressIsNoClaim(t *testing.T) {
	c := checker(t, Config{Resolver: dns()})
	if is, known := c.Verified(t.Context(), netip.Addr{}, googlebot); is || !known {
		t.Errorf("no address: %t, known: %t", is, known)
	}
}

func TestMalformedNamesBesideGoodOnesDoNotCount(t *testing.T) {
	f := dns()
	f.beside = &net.DNSError{Err: "DNS response contained records which contain invalid names"}
	if c := checker(t, Config{Resolver: f}); !c.knows("192.0.2.1", googlebot) {
		t.Error("the good one is lost")
	}
}

func TestAnswersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := dns()
		c := checker(t, Config{Resolver: f, TTL: 5 * time.Hour})
		c.knows("192.0.2.1", googlebot)
		c.knows("192.0.2.10", googlebot)
		f.questions()
		<-time.After(time.Hour - time.Second)
		if !c.knows("192.0.2.1", googlebot) || c.knows("192.0.2.10", googlebot) || f.questions() != 0 {
			t.Error("they end too soon")
		}
		<-time.After(time.Second)
		f.set(func() { f.names["192.0.2.10"] = []string{"crawl-192-0-2-10.googlebot.com."} })
		f.set(func() { f.addrs["crawl-192-0-2-10.googlebot.com."] = addrs("192.0.2.10") })
		if !c.knows("192.0.2.1", googlebot) || !c.knows("192.0.2.10", googlebot) || f.questions() != 2 {
			t.Error("a no does not end")
		}
		<-time.After(4 * time.Hour)
		f.set(func() { delete(f.names, "192.0.2.1") })
		if c.knows("192.0.2.1", googlebot) || f.questions() != 1 {
			t.Error("a yes does not end")
		}
	})
}

// Silence and failures of DNS are neither a lie nor a proof, also while they are
// remembered. An answer is one of both.
func TestWithoutAnAnswerItIsNotKnown(t *testing.T) {
	for _, row := range []struct {
		name, ip  string
		breaks    func(f *fakeDNS)
		is, known bool
	}{
		{"a crawler", "192.0.2.1", func(*fakeDNS) {}, true, true},
		{"a liar with a name of its own", "192.0.2.10", func(*fakeDNS) {}, false, true},
		{"a liar with a crawler's name", "192.0.2.12", func(*fakeDNS) {}, false, true},
		{"a liar without a name", "192.0.2.99", func(*fakeDNS) {}, false, true},
		{"silence about the address", "192.0.2.1", func(f *fakeDNS) { f.hang["192.0.2.1"] = true }, false, false},
		{"silence about the name", "192.0.2.1", func(f *fakeDNS) { f.hang["crawl-192-0-2-1.googlebot.com."] = true }, false, false},
		{"SERVFAIL", "192.0.2.1", func(f *fakeDNS) { f.refuseAll = true }, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := dns()
				row.breaks(f)
				c := checker(t, Config{Resolver: f})
				for _, when := range []string{"at first", "remembered"} {
					if is, known := c.Verified(t.Context(), netip.MustParseAddr(row.ip), googlebot); is != row.is || known != row.known {
						t.Errorf("%s: %t, known: %t; want %t, %t", when, is, known, row.is, row.known)
					}
				}
				if is, known := c.Verified(over(t), netip.MustParseAddr(row.ip), googlebot); is != row.is || known != row.known {
					t.Errorf("without a question: %t, known: %t; want %t, %t", is, known, row.is, row.known)
				}
			})
		})
	}
}

// over returns a ctx that is.
func over(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestNoAnswerIsANoForAShortTime(t *testing.T) {
	for name, breaks := range map[string]func(f *fakeDNS){
		"the names time out":     func(f *fakeDNS) { f.hang["192.0.2.1"] = true },
		"the addresses time out": func(f *fakeDNS) { f.hang["crawl-192-0-2-1.googlebot.com."] = true },
		"the names fail":         func(f *fakeDNS) { f.fails["192.0.2.1"] = &net.DNSError{Err: "server misbehaving", IsTemporary: true} },
		"the addresses fail":     func(f *fakeDNS) { f.fails["crawl-192-0-2-1.googlebot.com."] = errors.New("no route to host") },
		"one name of two is mute": func(f *fakeDNS) {
			f.names["192.0.2.1"] = []string{"x.googlebot.com.", "y.googlebot.com."}
			f.hang["y.googlebot.com."] = true
		},
		"an error of unknown kind": func(f *fakeDNS) { f.fails["192.0.2.1"] = errors.New("DNS is down") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := dns()
				breaks(f)
				core, logs := observer.New(zap.WarnLevel)
				c := checker(t, Config{Resolver: f, Logger: zap.New(core)})
				began := time.Now()
				if c.knows("192.0.2.1", googlebot) || time.Since(began) > 2*time.Second {
					t.Errorf("verified, or it took %v", time.Since(began))
				}
				if s := c.Stats(); s != (Stats{Failed: 1}) || logs.Len() != 1 {
					t.Errorf("%+v, %d lines", s, logs.Len())
				}
				f.questions()
				if c.knows("192.0.2.1", googlebot) || f.questions() != 0 {
					t.Error("it is asked again at once")
				}
				fixed := dns()
				f.set(func() { f.fails, f.hang, f.names = nil, nil, fixed.names })
				<-time.After(30 * time.Second)
				if !c.knows("192.0.2.1", googlebot) {
					t.Error("it is never asked again")
				}
			})
		})
	}
}

func TestACrawlerStaysOneWhileDNSIsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := dns()
		c := checker(t, Config{Resolver: f, TTL: time.Hour})
		if !c.knows("192.0.2.1", googlebot) {
			t.Fatal("no crawler")
		}
		f.set(func() { f.refuseAll = true })
		<-time.After(time.Hour)
		f.questions()
		for range 2 {
			if !c.knows("192.0.2.1", googlebot) {
				t.Error("it is none")
			}
		}
		if n := f.questions(); n != 1 {
			t.Errorf("DNS is asked %d times", n)
		}
		if c.knows("192.0.2.2", googlebot) {
			t.Error("any address is one")
		}
		<-time.After(time.Hour)
		if c.knows("192.0.2.1", googlebot) {
			t.Error("it is one for ever")
		}
	})
}

func TestACtxThatIsOverGetsWhatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := dns()
		c := checker(t, Config{Resolver: f, Ranges: map[string][]netip.Prefix{"DuckDuckBot": {netip.MustParsePrefix("198.51.100.0/24")}}})
		known := func(ip, agent string) bool {
			is, _ := c.Verified(over(t), netip.MustParseAddr(ip), agent)
			return is
		}
		if _, known := c.Verified(over(t), netip.MustParseAddr("192.0.2.1"), googlebot); known {
			t.Error("what nobody has asked about is known")
		}
		if known("192.0.2.1", googlebot) || !known("198.51.100.7", "DuckDuckBot/1.1") || f.questions() != 0 || len(c.asking) != 0 {
			t.Error("it is more, or less")
		}
		if !c.knows("192.0.2.1", googlebot) || !known("192.0.2.1", googlebot) {
			t.Error("it is less")
		}
	})
}

func TestWhoGivesUpLeavesTheQuestionToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := dns()
		f.hangAll = true
		c := checker(t, Config{Resolver: f, Timeout: time.Minute})
		hasty, cancel := context.WithCancel(t.Context())
		go c.Verified(hasty, netip.MustParseAddr("192.0.2.1"), googlebot)
		synctest.Wait()
		var patient bool
		go func() { patient = c.knows("192.0.2.1", googlebot) }()
		synctest.Wait()
		f.set(func() { f.hangAll = false })
		cancel()
		synctest.Wait()
		if !patient || c.Stats() != (Stats{Verified: 1}) || len(c.asking) != 0 {
			t.Errorf("%v, %+v", patient, c.Stats())
		}
	})
}

func TestOneQuestionAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := dns()
		f.hangAll = true
		c := checker(t, Config{Resolver: f})
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { c.knows("192.0.2.1", googlebot) })
		}
		wg.Wait()
		if n := f.questions(); n != 1 {
			t.Errorf("%d questions about one address", n)
		}
	})
}

func TestAFloodStaysBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := dns()
		c := checker(t, Config{Resolver: f, Size: 50})
		if !c.knows("192.0.2.1", googlebot) {
			t.Fatal("no crawler")
		}
		f.set(func() { f.hangAll = true })
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 500 {
			wg.Go(func() { c.knows(fmt.Sprintf("2001:db8:1::%x", i), googlebot) })
		}
		wg.Wait()
		if took := time.Since(began); took > 2*time.Second || f.most != 16 || len(c.asking) != 0 || len(c.slots) != 0 {
			t.Errorf("%v, %d questions at once, %d under way", took, f.most, len(c.asking))
		}
		f.set(func() { f.hangAll = false })
		for i := range 500 {
			c.knows(fmt.Sprintf("2001:db8:2::%x", i), googlebot)
		}
		if n := c.answers.no.Len(); n != 50 {
			t.Errorf("%d answers are held", n)
		}
		f.questions()
		if !c.knows("192.0.2.1", googlebot) || f.questions() != 0 {
			t.Error("liars have pushed out a crawler")
		}
	})
}

func TestFailuresFillNoLog(t *testing.T) {
	f := dns()
	f.refuseAll = true
	core, logs := observer.New(zap.WarnLevel)
	c := checker(t, Config{Resolver: f, Logger: zap.New(core)})
	for i := range 1000 {
		c.knows(fmt.Sprintf("2001:db8:1::%x", i), googlebot)
	}
	if s := c.Stats(); s.Failed != 1000 || logs.Len() != 10 {
		t.Errorf("%+v, %d lines", s, logs.Len())
	}
}

// Errors of resolvers have the address that was asked about, or a name made of it.
func TestNoFailureTellsOfAClient(t *testing.T) {
	for name, change := range map[string]func(*fakeDNS){
		"no answer": func(f *fakeDNS) { f.hangAll = true },
		"refused":   func(f *fakeDNS) { f.refuseAll = true },
		"an error of its own": func(f *fakeDNS) {
			f.fails = map[string]error{"66.249.66.1": errors.New("66.249.66.1 is not to be had")}
		},
		"no answer about the name": func(f *fakeDNS) { f.hang = map[string]bool{"crawl-66-249-66-1.googlebot.com.": true} },
		"verified":                 func(*fakeDNS) {},
	} {
		for bits, want := range map[int]string{0: "", 24: "66.249.66.0/24"} {
			synctest.Test(t, func(t *testing.T) {
				f := dns()
				change(f)
				core, logs := observer.New(zap.DebugLevel)
				c := checker(t, Config{Resolver: f, Logger: zap.New(core), LogBits: func() (int, int) { return bits, 48 }})
				c.knows("66.249.66.1", googlebot)
				all := fmt.Sprint(logs.All())
				for _, e := range logs.All() {
					all += fmt.Sprint(e.ContextMap())
				}
				for _, secret := range []string{"66.249.66.1", "66-249-66-1", "1.66.249.66"} {
					if logs.Len() != 1 || strings.Contains(all, secret) || name == "verified" && !strings.Contains(all, want) {
						t.Errorf("%s: %d lines, %s", name, logs.Len(), all)
					}
				}
			})
		}
	}
}

func TestWhatNewRefuses(t *testing.T) {
	one := func(b Bot) []Bot { return []Bot{b} }
	for want, cfg := range map[string]Config{
		"TTL or size is negative":  {Timeout: -1},
		"size is negative":         {Size: -1},
		"used twice":               {Bots: []Bot{{Name: "a", Agents: []string{"a"}}, {Name: "a", Agents: []string{"b"}}}},
		"name is empty":            {Bots: one(Bot{Agents: []string{"a"}})},
		"no agents":                {Bots: one(Bot{Name: "a"})},
		`agent "a bot"`:            {Bots: one(Bot{Name: "a", Agents: []string{"a bot"}})},
		`agent "bot-"`:             {Bots: one(Bot{Name: "a", Agents: []string{"bot-"}})},
		`agent ""`:                 {Bots: one(Bot{Name: "a", Agents: []string{""}})},
		`domain "com"`:             {Bots: one(Bot{Name: "a", Agents: []string{"a"}, Domains: []string{"com"}})},
		`domain "*.com"`:           {Bots: one(Bot{Name: "a", Agents: []string{"a"}, Domains: []string{"*.com"}})},
		`domain "a.*.example.com"`: {Bots: one(Bot{Name: "a", Agents: []string{"a"}, Domains: []string{"a.*.example.com"}})},
		`domain "*-*.example.com"`: {Bots: one(Bot{Name: "a", Agents: []string{"a"}, Domains: []string{"*-*.example.com"}})},
		`domain ".example.com"`:    {Bots: one(Bot{Name: "a", Agents: []string{"a"}, Domains: []string{".example.com"}})},
		`domain "example.com."`:    {Bots: one(Bot{Name: "a", Agents: []string{"a"}, Domains: []string{"example.com."}})},
		`"Gogglebot"`:              {Ranges: map[string][]netip.Prefix{"Gogglebot": nil}},
		`"Duckbot"`:                {Files: map[string]string{"Duckbot": "list"}},
		"0.0.0.0/0":                {Ranges: map[string][]netip.Prefix{"Googlebot": {netip.MustParsePrefix("0.0.0.0/0")}}},
		"::/0":                     {Ranges: map[string][]netip.Prefix{"Googlebot": {netip.MustParsePrefix("::/0")}}},
		"::ffff:0.0.0.0/90":        {Ranges: map[string][]netip.Prefix{"Googlebot": {netip.MustParsePrefix("::ffff:0.0.0.0/90")}}},
		"invalid Prefix":           {Ranges: map[string][]netip.Prefix{"Googlebot": {{}}}},
		"reading its addresses":    {Files: map[string]string{"Googlebot": "no such file"}},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestBotsOfOnesOwn(t *testing.T) {
	f := dns()
	f.names["192.0.2.50"] = []string{"node-7.crawl.example.com."}
	f.addrs["node-7.crawl.example.com."] = addrs("192.0.2.50")
	c := checker(t, Config{Resolver: f, Bots: []Bot{{Name: "ours", Agents: []string{"Example.Bot"}, Domains: []string{"Node-*.Crawl.Example.com"}}}})
	if !c.knows("192.0.2.50", "example.bot/1") || c.Claims(googlebot) {
		t.Error("they do not take the place of those we know")
	}
}
