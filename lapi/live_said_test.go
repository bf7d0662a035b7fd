package lapi

import (
	"net/netip"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
)

// wantSince checks since when the decision about ip has been in force.
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

// A challenge that was solved holds over an outage, and during one.
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

func TestWhatALiveHasHeardIsBounded(t *testing.T) {
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
		if since := l.begun(all[0].Prefix.Addr(), all, ids, &all[0]); time.Since(since) > time.Minute {
			t.Fatal(since)
		}
	}
	if n := l.said.Len(); n != many {
		t.Errorf("%d decisions, want those of the last answer, %d", n, many)
	}
}
