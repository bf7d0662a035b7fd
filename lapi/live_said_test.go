package lapi

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
)

// wantSince checks the beginning of the decision about ip.
func (s *liveScene) wantSince(when, ip string, want time.Time) {
	s.Helper()
	if d := s.ask(ip); !d.Since.Equal(want) || d.Action == lookup.None {
		s.Errorf("%s: %v of %s since %v, want %v", when, d.Action, ip, d.Since, want)
	}
}

func TestALiveDecisionBeginsOnce(t *testing.T) {
	playLive(t, LiveConfig{}, func(s *liveScene) {
		start := time.Now()
		s.Add(lapitest.Decision{Value: "192.0.2.0/24", Type: "captcha", Duration: 2 * time.Hour})
		s.wantSince("at first", "192.0.2.1", start)
		for range 30 {
			<-time.After(61 * time.Second)
			s.wantSince("asked again", "192.0.2.1", start)
		}
		s.wantSince("about another of the range", "192.0.2.2", start)
		s.wantAsked(32)

		s.Add(lapitest.Decision{Value: "192.0.2.0/24", Type: "captcha", Duration: 4 * time.Hour, Origin: "CAPI"})
		<-time.After(61 * time.Second)
		s.wantSince("prolonged by the community, under another id", "192.0.2.1", start)
		s.Add(lapitest.Decision{Value: "192.0.2.0/24", Type: "captcha", Duration: 4 * time.Hour, Origin: "crowdsec"})
		<-time.After(61 * time.Second)
		start = time.Now()
		s.wantSince("by a new offence", "192.0.2.1", start)
		<-time.After(61 * time.Second)
		s.wantSince("asked again after that", "192.0.2.1", start)

		banned := time.Now().Add(61 * time.Second)
		s.Add(lapitest.Decision{Value: "192.0.2.1", Duration: 90 * time.Second})
		<-time.After(61 * time.Second)
		s.wantSince("a ban beside it", "192.0.2.1", banned)
		<-time.After(61 * time.Second)
		s.wantSince("once that is over", "192.0.2.1", start)

		<-time.After(5 * time.Hour)
		s.want("192.0.2.1", lookup.None)
		s.Add(lapitest.Decision{Value: "192.0.2.0/24", Type: "captcha"})
		<-time.After(61 * time.Second)
		s.wantSince("after it had ended", "192.0.2.1", time.Now())
	})
}

func TestALiveDecisionThatIsTakenBackBeginsAnew(t *testing.T) {
	playLive(t, LiveConfig{}, func(s *liveScene) {
		s.Add(lapitest.Decision{Value: "192.0.2.0/24", Type: "captcha"}, lapitest.Decision{Value: "192.0.2.1", Type: "throttle"})
		start := time.Now()
		s.wantSince("at first", "192.0.2.1", start)
		s.Delete("192.0.2.0/24", "")
		<-time.After(61 * time.Second)
		s.wantSince("what is left", "192.0.2.1", start)
		s.Add(lapitest.Decision{Value: "192.0.2.0/24", Type: "captcha"})
		<-time.After(61 * time.Second)
		s.wantSince("made again", "192.0.2.1", time.Now())
	})
}

// A solved challenge stays valid during an outage and after it.
func TestALiveDecisionOutlastsAnOutage(t *testing.T) {
	playLive(t, LiveConfig{Failure: lookup.Captcha}, func(s *liveScene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1", Type: "captcha"})
		start := time.Now()
		s.wantSince("at first", "192.0.2.1", start)
		s.spoil(-1, lapitest.Status(500, nil, ""))
		for range 10 {
			<-time.After(61 * time.Second)
			s.wantSince("while there is no answer", "192.0.2.1", time.Time{})
			s.wantSince("while there is no answer", "192.0.2.2", time.Time{})
		}
		s.ClearFaults()
		<-time.After(61 * time.Second)
		s.wantSince("after the outage", "192.0.2.1", start)
	})
}

func TestDecisionsInForceAreBounded(t *testing.T) {
	l, err := NewLive(LiveConfig{URL: "http://127.0.0.1:1", Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	const many = 1000 // decisions in one answer
	for i := range 65_536/many + 1 {
		var all []lookup.Decision
		ids := make([]int64, many)
		for j := range many {
			ip := netip.AddrFrom4([4]byte{10, byte(i), byte(j >> 8), byte(j)})
			all = append(all, lookup.Decision{Prefix: netip.PrefixFrom(ip, 32), Action: lookup.Captcha, Until: time.Now().Add(time.Hour)})
		}
		if since := l.enforced(all[0].Prefix.Addr(), all, ids, new(Rows))[0].Since; time.Since(since) > time.Minute {
			t.Fatal(since)
		}
	}
	if n := l.inForce.Len(); n != many {
		t.Errorf("%d decisions, want those of the last answer, %d", n, many)
	}
}

// Ranges that are narrow enough alone can cover too much together: an API must not ban
// the Internet step by step.
func TestLiveRangesAreBoundedTogether(t *testing.T) {
	playLive(t, LiveConfig{}, func(s *liveScene) {
		const most = 12 // of a 256th each are less than 5 %
		for i := range 40 {
			s.Add(lapitest.Decision{Value: fmt.Sprintf("%d.0.0.0/8", 16+i), Duration: time.Hour})
			s.Add(lapitest.Decision{Value: fmt.Sprintf("%d.0.0.1", 16+i), Type: "captcha", Duration: time.Hour})
		}
		var banned []int
		for range 2 {
			banned = nil
			for i := range 40 {
				switch d := s.ask(fmt.Sprintf("%d.0.0.1", 16+i)); d.Action {
				case lookup.Ban:
					banned = append(banned, i)
				case lookup.Captcha: // other decisions still apply
				default:
					s.Errorf("%d.0.0.1: %v", 16+i, d.Action)
				}
			}
			s.live.cache.Purge()
		}
		if len(banned) != most || banned[most-1] != most-1 {
			s.Errorf("bans of %v hold; want those of the first %d", banned, most)
		}
		s.want("16.1.2.3", lookup.Ban)
		s.want("55.1.2.3", lookup.None)
		if n := s.logs.FilterMessageSnippet("option coverage").Len(); n != 1 {
			s.Errorf("said %d times", n)
		}
		if n := s.live.Status().Held; n == 0 {
			s.Error("the status says nothing of it")
		}
		<-time.After(time.Hour + time.Minute)
		s.want("55.0.0.1", lookup.None)
		s.Add(lapitest.Decision{Value: "55.0.0.0/8"})
		<-time.After(time.Minute)
		s.want("55.0.0.1", lookup.Ban) // there is room again
	})
	playLive(t, LiveConfig{Coverage: 1}, func(s *liveScene) {
		s.Add(lapitest.Decision{Value: "0.0.0.0/1"}, lapitest.Decision{Value: "128.0.0.0/1"})
		s.want("16.0.0.1", lookup.Ban)
		s.want("198.51.100.1", lookup.Ban)
	})
}
