package lapi

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

const queryPath = "/v1/decisions"

// A liveScene is a fake API and a Live that asks it, in a synctest bubble.
type liveScene struct {
	*testing.T
	*lapitest.Server

	live *Live
	logs *observer.ObservedLogs
}

// playLive runs a scene against both generations of the API.
func playLive(t *testing.T, cfg LiveConfig, f func(*liveScene)) {
	for name, gen := range map[string]lapitest.Generation{"1.4.6": lapitest.Old, "1.7.8": lapitest.New} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &liveScene{T: t, Server: lapitest.StartPipe(t, lapitest.Config{Generation: gen})}
				core, logs := observer.New(zap.DebugLevel)
				cfg := cfg
				cfg.URL, cfg.Key, cfg.Logger = s.Server.URL, s.Key, zap.New(core)
				l, err := NewLive(cfg)
				if err != nil {
					t.Fatal(err)
				}
				l.http.Transport = s.Transport()
				s.live, s.logs = l, logs
				f(s)
			})
		})
	}
}

func (s *liveScene) ask(ip string) lookup.Decision {
	d, ok := s.live.Lookup(s.Context(), addr(ip))
	if ok != (d.Action != lookup.None) {
		s.Errorf("%s: %v, and yet %v", ip, ok, d.Action)
	}
	return d
}

func (s *liveScene) want(ip string, want lookup.Action) {
	s.Helper()
	if d := s.ask(ip); d.Action != want {
		s.Errorf("%s: %v, want %v", ip, d.Action, want)
	}
}

func (s *liveScene) wantAsked(want int) {
	s.Helper()
	if n := len(s.Requests()); n != want {
		s.Errorf("%d questions, want %d", n, want)
	}
}

// spoil replaces the next n answers by a fault.
func (s *liveScene) spoil(n int, f lapitest.Fault) { s.InjectWhen(lapitest.Path(queryPath), n, f) }

func (s *liveScene) messages(part string) int { return s.logs.FilterMessageSnippet(part).Len() }

func TestLiveFindsTheStrongestDecision(t *testing.T) {
	playLive(t, LiveConfig{}, func(s *liveScene) {
		s.Add(
			lapitest.Decision{Value: "192.0.2.1", Type: "captcha", Duration: 9 * time.Hour},
			lapitest.Decision{Value: "192.0.2.1", Duration: time.Hour, Scenario: "short"},
			lapitest.Decision{Value: "192.0.2.0/24", Duration: 2 * time.Hour, Scenario: "long", Origin: "lists"},
			lapitest.Decision{Value: "192.0.2.1", Type: "throttle"},
			lapitest.Decision{Value: "2001:db8::/32", Type: "captcha"},
			lapitest.Decision{Value: "203.0.113.1", Type: "tarpit"},
			lapitest.Decision{Value: "203.0.113.2", Simulated: true},
			lapitest.Decision{Scope: "Country", Value: "FR"},
		)
		for _, ip := range []string{"192.0.2.1", "::ffff:192.0.2.1"} {
			d := s.ask(ip)
			if d.Action != lookup.Ban || d.Reason != "long" || d.Origin != "lists:long" || d.Source != "live" || d.Prefix.String() != "192.0.2.0/24" {
				t.Errorf("%s: %+v", ip, d)
			}
			if left := time.Until(d.Until); left < 2*time.Hour-time.Second || left > 2*time.Hour+time.Second {
				t.Errorf("ends in %v", left)
			}
		}
		s.wantAsked(1) // two forms of one client's address
		s.want("192.0.2.2", lookup.Ban)
		s.want("2001:db8::1", lookup.Captcha)
		s.want("2001:db9::1", lookup.None)
		s.want("198.51.100.1", lookup.None)
		s.want("203.0.113.1", lookup.Ban) // the fallback
		s.want("203.0.113.2", lookup.None)
		r := s.Requests()[0]
		if r.Query.Encode() != "ip=192.0.2.1" || r.Header.Get("User-Agent") != userAgent || r.Header.Get("X-Api-Key") != s.Key {
			t.Errorf("%v %v", r.Query, r.Header)
		}
		if st := s.live.Status(); st.Err != nil || !st.Synced.Equal(time.Now()) || !st.Ready(time.Now().Add(48*time.Hour)) {
			t.Errorf("%+v", st)
		}
	})
}

func TestLiveRemembersAnswers(t *testing.T) {
	playLive(t, LiveConfig{}, func(s *liveScene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1"})
		for range 3 {
			s.want("192.0.2.1", lookup.Ban)
			s.want("192.0.2.2", lookup.None)
		}
		s.wantAsked(2)
		<-time.After(59 * time.Second)
		s.want("192.0.2.1", lookup.Ban)
		s.want("192.0.2.2", lookup.None)
		s.wantAsked(2)
		<-time.After(time.Second)
		s.Delete("192.0.2.1", "")
		s.Add(lapitest.Decision{Value: "192.0.2.2", Duration: 10 * time.Second})
		s.want("192.0.2.1", lookup.None)
		s.want("192.0.2.2", lookup.Ban)
		s.wantAsked(4)
		<-time.After(11 * time.Second)
		s.want("192.0.2.2", lookup.None) // not longer than the decision
	})
}

func TestLiveForgets(t *testing.T) {
	playLive(t, LiveConfig{}, func(s *liveScene) {
		all := []string{"192.0.2.1", "192.0.2.2", "198.51.100.1"}
		look := func(want int) {
			t.Helper()
			for _, ip := range all {
				s.ask(ip)
			}
			s.wantAsked(want)
		}
		look(3)
		s.live.Forget(netip.MustParsePrefix("192.0.2.1/32"))
		look(4)
		s.live.Forget(netip.MustParsePrefix("::ffff:192.0.2.1/128"))
		look(5)
		s.live.Forget(netip.MustParsePrefix("192.0.2.0/24"))
		look(8)
	})
}

func TestLiveFilters(t *testing.T) {
	playLive(t, LiveConfig{Origins: []string{"crowdsec"}, ScenariosNotContaining: []string{"TRIAL"}}, func(s *liveScene) {
		s.Add(
			lapitest.Decision{Value: "192.0.2.1", Origin: "cscli"},
			lapitest.Decision{Value: "192.0.2.1", Origin: "crowdsec", Type: "captcha"},
			lapitest.Decision{Value: "192.0.2.2", Origin: "crowdsec", Scenario: "a trial"},
		)
		s.want("192.0.2.1", lookup.Captcha)
		s.want("192.0.2.2", lookup.None)
		if n := s.live.Stats().Rows.Filtered; n != 2 {
			t.Errorf("%d filtered", n)
		}
	})
}

func TestLiveTakesNoAnswerAboutOthers(t *testing.T) {
	playLive(t, LiveConfig{}, func(s *liveScene) {
		s.spoil(1, lapitest.Raw(`[{"duration":"4h","type":"ban","value":"192.0.2.2"},{"duration":"4h","type":"ban","value":"root","scope":"username"},
			{"duration":"4h","type":"ban","value":"FR","scope":"Country"},{"duration":"soon","type":"ban","value":"192.0.2.1"},{"duration":"-1s","type":"ban","value":"192.0.2.1"}]`))
		s.want("192.0.2.1", lookup.None)
		if r := s.live.Stats().Rows; r.Read != 5 || r.Malformed != 3 || r.OtherScope != 1 {
			t.Errorf("%+v", r)
		}
	})
}

func TestLiveFailsAsItIsTold(t *testing.T) {
	html := http.Header{"Content-Type": {"text/html"}}
	faults := map[string]lapitest.Fault{
		"a hang without headers":   lapitest.Hang(),
		"a hang in the body":       lapitest.Stall(2),
		"one byte and no more":     lapitest.Trickle(nil),
		"reset in the body":        lapitest.Cut(3),
		"reset before the headers": lapitest.Cut(0),
		"a server error":           lapitest.Status(500, nil, `{"message":"database is locked"}`),
		"a proxy's error page":     lapitest.Status(502, html, "<html>"),
		"a page with status 200":   lapitest.Status(200, html, "<html>"),
		"unauthorized":             lapitest.Status(401, nil, ""),
		"a refused key":            lapitest.Status(403, nil, ""),
		"too many requests":        lapitest.Status(429, http.Header{"Retry-After": {"1"}}, ""),
		"no JSON":                  lapitest.Raw("no"),
		"an empty answer":          lapitest.Raw(""),
		"an answer cut short":      lapitest.Raw(`[{"value":"192.0.2.2"}`),
		"something behind":         lapitest.Trailing("x"),
		"an object":                lapitest.Raw(`{"message":"no"}`),
		"a gzip bomb":              lapitest.GzipBomb(1 << 30),
		"an endless string":        lapitest.GiantString(1 << 30),
		"endless white space":      lapitest.Raw(strings.Repeat(" ", 2<<20) + "null"),
	}
	for name, fault := range faults {
		for _, failure := range []lookup.Action{lookup.None, lookup.Captcha, lookup.Ban} {
			t.Run(fmt.Sprint(name, ", ", failure), func(t *testing.T) {
				playLive(t, LiveConfig{Failure: failure}, func(s *liveScene) {
					s.Add(lapitest.Decision{Value: "192.0.2.2"})
					s.spoil(1, fault)
					start := time.Now()
					s.want("192.0.2.1", failure)
					if d := time.Since(start); d > 200*time.Millisecond {
						t.Errorf("it took %v", d)
					}
					st, stats := s.live.Status(), s.live.Stats()
					if st.Err == nil || st.Failures != 1 || stats.Failures != 1 || stats.Unanswered != 1 || s.messages("answer") > 0 {
						t.Errorf("%+v %+v, %d lines", st, stats, s.logs.Len())
					}
					s.want("192.0.2.1", lookup.None) // an error is not kept
					s.want("192.0.2.2", lookup.Ban)
					if st := s.live.Status(); st.Err != nil || st.Failures != 0 {
						t.Errorf("%+v", st)
					}
				})
			})
		}
	}
}

func TestADeadAPIDoesNotCostEveryRequest(t *testing.T) {
	playLive(t, LiveConfig{Failure: lookup.Captcha}, func(s *liveScene) {
		s.Add(lapitest.Decision{Value: "192.0.2.250"})
		s.want("192.0.2.250", lookup.Ban)
		s.Add(lapitest.Decision{Value: "192.0.2.0/24"})
		s.spoil(-1, lapitest.Hang())
		start := time.Now()
		for i := range 200 {
			s.want(fmt.Sprintf("192.0.2.%d", i), lookup.Captcha)
		}
		if d := time.Since(start); d != 3*(200*time.Millisecond) {
			t.Errorf("200 requests waited %v", d)
		}
		s.wantAsked(1 + 3)
		s.want("192.0.2.250", lookup.Ban) // a kept answer applies
		for range 30 {                    // three requests in two seconds, for a minute
			<-time.After(2 * time.Second)
			for i := range 3 {
				s.ask(fmt.Sprintf("192.0.2.%d", i))
			}
		}
		s.wantAsked(1 + 3 + 30)
		if n := s.messages("does not answer"); n != 1 {
			t.Errorf("said %d times", n)
		}
		if stats := s.live.Stats(); stats.Paused != 197+60 || stats.Questions != 1+3+30 || stats.Unanswered != 200+90 {
			t.Errorf("%+v", stats)
		}
		s.ClearFaults()
		<-time.After(time.Second)
		for i := range 200 {
			s.want(fmt.Sprintf("192.0.2.%d", i), lookup.Ban)
		}
		if n := s.messages("answers again"); n != 1 {
			t.Errorf("said %d times", n)
		}
	})
}

func TestALiveKeyThatIsRefusedIsNamed(t *testing.T) {
	playLive(t, LiveConfig{}, func(s *liveScene) {
		s.RemoveKey(s.Key)
		for i := range 10 {
			s.want(fmt.Sprintf("192.0.2.%d", i), lookup.None)
			<-time.After(time.Minute)
		}
		if n := s.messages("does not answer"); n != 1 || !isForbidden(s.live.Status().Err) {
			t.Errorf("said %d times; %v", n, s.live.Status().Err)
		}
		s.spoil(1, lapitest.Status(500, nil, ""))
		s.ask("192.0.2.1")
		if n := s.messages("does not answer"); n != 2 {
			t.Errorf("another reason is said %d times", n-1)
		}
		s.AddKey(s.Key)
		<-time.After(time.Minute)
		s.want("192.0.2.1", lookup.None)
		if s.live.Status().Err != nil {
			t.Error(s.live.Status().Err)
		}
	})
}

func TestLiveHeedsRetryAfter(t *testing.T) {
	playLive(t, LiveConfig{}, func(s *liveScene) {
		s.spoil(-1, lapitest.Status(429, http.Header{"Retry-After": {"60"}}, ""))
		for range 3 {
			s.ask("192.0.2.1")
		}
		<-time.After(59 * time.Second)
		s.ask("192.0.2.1")
		s.wantAsked(3)
		<-time.After(time.Second)
		s.ask("192.0.2.1")
		s.wantAsked(3 + 1)
	})
}

func TestManyAskAtOnce(t *testing.T) {
	playLive(t, LiveConfig{Failure: lookup.Ban}, func(s *liveScene) {
		s.spoil(-1, lapitest.Hang())
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() { s.ask(fmt.Sprintf("192.0.%d.%d", i/250, i%250)) })
		}
		wg.Wait()
		// A place may become free at the moment when the wait for it ends. Then a
		// second question is asked, with its own time.
		if d := time.Since(start); d > 2*(200*time.Millisecond) {
			t.Errorf("it took %v", d)
		}
		if n := len(s.Requests()); n > 2*64 {
			t.Errorf("%d questions", n)
		}
		if n := s.live.Stats().Unanswered; n != 1000 {
			t.Errorf("%d unanswered", n)
		}
	})
}

func TestNewLiveChecksItsConfig(t *testing.T) {
	tests := []struct {
		name string
		cfg  LiveConfig
		want string
	}{
		{"no URL", LiveConfig{Key: "k"}, "no URL"},
		{"no key", LiveConfig{URL: "http://h"}, "no API key"},
		{"no such failure policy", LiveConfig{URL: "http://h", Key: "k", Failure: 9}, "want none, ban, captcha or throttle"},
		{"no such fallback", LiveConfig{URL: "http://h", Key: "k", Fallback: 9}, "want ban, captcha or throttle"},
		{"a negative timeout", LiveConfig{URL: "http://h", Key: "k", Timeout: -1}, "is negative: want at least 0"},
		{"a negative time to remember", LiveConfig{URL: "http://h", Key: "k", TTL: -1}, "is negative: want at least 0"},
		{"an empty word in a filter", LiveConfig{URL: "http://h", Key: "k", Origins: []string{""}}, "a word is empty"},
		{"a CA that is not there", LiveConfig{URL: "https://h", Key: "k", TLS: TLS{CA: "/nowhere.pem"}}, "reading the CA"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewLive(tt.cfg)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "local API live: ") {
				t.Fatalf("error %v, want %s", err, tt.want)
			}
		})
	}
}

func TestAnAnswerFromMemoryCostsNoAllocation(t *testing.T) {
	s := lapitest.Start(t, lapitest.Config{})
	s.Add(lapitest.Decision{Value: "192.0.2.1"})
	l, err := NewLive(LiveConfig{URL: s.URL, Key: s.Key, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for ip, want := range map[netip.Addr]bool{addr("192.0.2.1"): true, addr("192.0.2.2"): false} {
		if n := testing.AllocsPerRun(100, func() {
			if _, ok := l.Lookup(t.Context(), ip); ok != want {
				t.Fatal(ok)
			}
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

// BenchmarkLiveHit compares a kept answer with a lookup in a table.
func BenchmarkLiveHit(b *testing.B) {
	s := lapitest.Start(b, lapitest.Config{})
	s.Add(lapitest.Decision{Value: "192.0.2.1"})
	l, err := NewLive(LiveConfig{URL: s.URL, Key: s.Key, Timeout: time.Minute, TTL: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	table := &lookup.Table{}
	table.Replace("lapi", []lookup.Decision{on("192.0.2.1", time.Now().Add(time.Hour))})
	for _, ip := range []string{"192.0.2.1", "192.0.2.2"} {
		ip := addr(ip)
		b.Run(ip.String()+"/live", func(b *testing.B) {
			for b.Loop() {
				l.Lookup(b.Context(), ip)
			}
		})
		b.Run(ip.String()+"/table", func(b *testing.B) {
			for b.Loop() {
				table.Lookup(ip)
			}
		})
	}
}

// TestSingleFailuresOfALiveAreLogged is about an API that is sometimes late, but never
// often enough in a row for a pause.
func TestSingleFailuresOfALiveAreLogged(t *testing.T) {
	playLive(t, LiveConfig{}, func(s *liveScene) {
		lateAndThen := func(n int) {
			for range n {
				s.spoil(1, lapitest.Status(502, nil, ""))
				s.ask("192.0.2.1")
				s.ask("192.0.2.2")
				s.live.Forget(netip.MustParsePrefix("192.0.2.0/24"))
			}
		}
		lateAndThen(20)
		<-time.After(time.Minute)
		s.ask("192.0.2.3")
		<-time.After(time.Minute)
		s.ask("192.0.2.4")
		var got []any
		for _, line := range s.logs.FilterMessage("the local API did not answer some questions").All() {
			got = append(got, line.ContextMap()["questions"])
		}
		if fmt.Sprint(got) != "[1 19]" || s.messages("does not answer") > 0 {
			t.Errorf("lines about %v questions; %v", got, s.logs.All())
		}
	})
}
