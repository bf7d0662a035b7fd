package lapi

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
)

var liveMachine = LiveConfig{Machine: withMachine.Machine, Failure: lookup.Ban}

// run runs the Live until stop is called.
func (s *liveScene) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.live.Run(ctx) }()
	synctest.Wait()
	return func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			s.Errorf("Run returned %v", err)
		}
	}
}

func TestALiveUnbanIsFeltAtOnce(t *testing.T) {
	playLive(t, liveMachine, func(s *liveScene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1"}, lapitest.Decision{Value: "192.0.2.1", Type: "captcha"}, lapitest.Decision{Value: "198.51.100.0/24"})
		s.want("192.0.2.1", lookup.Ban)
		s.want("198.51.100.1", lookup.Ban)
		for about, want := range map[string]int{"192.0.2.1": 2, "198.51.100.0/24": 1, "203.0.113.1": 0} {
			if n, err := s.live.Unban(s.Context(), target(about)); n != want || err != nil {
				s.Errorf("%s: %d decisions ended, want %d; %v", about, n, want, err)
			}
		}
		s.want("192.0.2.1", lookup.None)
		s.want("198.51.100.1", lookup.None)
	})
}

func TestALiveUnbanThatFailsForgetsNothing(t *testing.T) {
	playLive(t, LiveConfig{}, func(s *liveScene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1"})
		s.want("192.0.2.1", lookup.Ban)
		if n, err := s.live.Unban(s.Context(), target("192.0.2.1")); n != 0 || !errors.Is(err, ErrNoMachine) {
			s.Errorf("%d, %v", n, err)
		}
		s.want("192.0.2.1", lookup.Ban)
		s.wantAsked(1)
		s.run()()
		s.wantAsked(1) // without a machine it reads no allowlists
	})
}

func TestALiveHonoursAllowlists(t *testing.T) {
	playLive(t, liveMachine, func(s *liveScene) {
		allowed, entries := lookup.None, 1
		if strings.HasSuffix(s.T.Name(), "1.4.6") {
			allowed, entries = lookup.Ban, 0 // this generation has no allowlists
		}
		s.Add(lapitest.Decision{Value: "192.0.2.0/24", Duration: 48 * time.Hour})
		s.Allowlist(netip.MustParsePrefix("192.0.2.1/32"))
		s.want("192.0.2.1", lookup.Ban) // the allowlists are not read yet
		stop := s.run()
		s.want("192.0.2.1", allowed) // although the ban is kept
		s.want("::ffff:192.0.2.1", allowed)
		s.want("192.0.2.2", lookup.Ban)
		if l := s.live.Stats().Allowlist; l.Entries != entries || !l.Fetched.Equal(time.Now()) || l.Err != nil {
			s.Errorf("%+v", l)
		}
		s.spoil(-1, lapitest.Status(500, nil, ""))
		s.InjectWhen(lapitest.Path(allowlistsPath), -1, lapitest.Status(500, nil, ""))
		<-time.After(10*time.Minute + time.Second)
		s.want("192.0.2.1", allowed) // Failure does not apply to allowlisted clients
		s.want("192.0.2.2", lookup.Ban)
		if l := s.live.Stats().Allowlist; l.Entries != entries || l.Err == nil {
			s.Errorf("%+v", l)
		}
		s.ClearFaults()
		s.Disallow(netip.MustParsePrefix("192.0.2.1/32"))
		<-time.After(time.Minute + time.Second)
		s.want("192.0.2.1", lookup.Ban)
		stop()
	})
}
