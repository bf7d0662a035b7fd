package engine

import (
	"net/netip"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

const (
	findingWindow = time.Minute
	findingAlerts = 5    // of a client in a window
	maxFinders    = 4096 // clients and rules that are told apart in a window
)

// A sparing keeps a flood of findings from being one of alerts. In a window of a minute,
// which begins with a finding, each rule leads to one alert about a client, and a client
// to five in all. When 4096 alerts were made, there are no more in that window. What rules
// have found is in the counts of the inspector all the same.
type sparing struct {
	mu    sync.Mutex
	since time.Time
	made  map[madeAlert]struct{}
	each  map[netip.Prefix]int
}

type madeAlert struct {
	client netip.Prefix
	rule   string
}

// take reports whether an alert is to be made at now.
func (s *sparing) take(ip netip.Addr, rule string, now time.Time) bool {
	one := madeAlert{event.ClientOf(ip), rule}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made == nil || now.Sub(s.since) >= findingWindow {
		s.since, s.made, s.each = now, map[madeAlert]struct{}{}, map[netip.Prefix]int{}
	}
	if _, known := s.made[one]; known || s.each[one.client] >= findingAlerts || len(s.made) >= maxFinders {
		return false
	}
	s.made[one] = struct{}{}
	s.each[one.client]++
	return true
}
