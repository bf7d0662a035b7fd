package lapi

import (
	"fmt"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
)

// A client that can choose its address gains nothing by it: decisions about the IPv4
// address in it apply to the client too, but an allow list entry for that address does
// not.
func TestLiveFindsDecisionsAboutTheIPv4AddressThatAClientClaims(t *testing.T) {
	for _, row := range []struct{ name, client string }{
		{"6to4", "2002:cb00:7101::1"},
		{"Teredo", "2001:0:c000:201:0:0:34ff:8efe"},
		{"ISATAP", "2001:db8::5efe:203.0.113.1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			playLive(t, LiveConfig{}, func(s *liveScene) {
				s.want(row.client, lookup.None)
				s.live.cache.Purge()
				s.Add(lapitest.Decision{Value: "203.0.113.1", Type: "captcha"})
				s.want(row.client, lookup.Captcha)
				s.live.cache.Purge()
				s.Add(lapitest.Decision{Value: row.client})
				s.want(row.client, lookup.Ban)
				s.wantAsked(6)
				s.want(row.client, lookup.Ban) // both answers are kept
				s.want("203.0.113.1", lookup.Captcha)
				s.wantAsked(6)
			})
		})
	}
}

// Both questions are asked at the same time, so the request does not wait longer.
func TestAClientThatClaimsAnAddressWaitsNoLonger(t *testing.T) {
	playLive(t, LiveConfig{}, func(s *liveScene) {
		s.spoil(-1, slow(190*time.Millisecond))
		start := time.Now()
		s.want("2002:cb00:7101::1", lookup.None)
		if d := time.Since(start); d != 190*time.Millisecond {
			t.Errorf("%v", d)
		}
	})
}

// A client that claims many addresses uses up its own share, and not that of the
// networks that it claims.
func TestClaimsUseUpNobodyElsesTurns(t *testing.T) {
	playLive(t, LiveConfig{Failure: lookup.Captcha}, func(s *liveScene) {
		s.Add(lapitest.Decision{Value: "203.0.113.77", Type: "ban"})
		s.spoil(-1, slow(150*time.Millisecond))
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.all(200, func(i int) string { return fmt.Sprintf("2001:db8::5efe:cb00:71%02x", i) })
		}()
		<-time.After(10 * time.Millisecond)
		s.want("203.0.113.222", lookup.None)
		s.want("203.0.113.77", lookup.Ban)
		<-done
	})
}
