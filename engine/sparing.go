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
	netFindings   = 512  // of a network in a window: an eighth
	maxFinders    = 4096 // clients and rules that are told apart in a window
)

// A sparing keeps a flood of findings from being one of alerts. In a window of a minute,
// which begins with a finding, each rule leads to one alert about a client, and a client
// to five in all. A network, a /16 or a /32 of IPv6, leads to at most 512, so that its
// flood leaves room for alerts about others. When 4096 alerts were made, there are no
// more in that window. What rules have found is in the counts of the inspector all the
// same.
type sparing struct {
	mu    sync.Mutex
	since time.Time
	made  map[madeAlert]struct{}
	each  map[netip.Prefix]int // by client
	nets  map[netip.Prefix]int // by network
}

type madeAlert struct {
	client netip.Prefix
	rule   string
}

// take reports whether an alert is to be made at now.
func (s *sparing) take(ip netip.Addr, rule string, now time.Time) bool {
	one := madeAlert{event.ClientOf(ip), rule}
	network := sharedNetwork(one.client)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made == nil || now.Sub(s.since) >= findingWindow {
		s.since, s.made = now, map[madeAlert]struct{}{}
		s.each, s.nets = map[netip.Prefix]int{}, map[netip.Prefix]int{}
	}
	_, known := s.made[one]
	if known || s.each[one.client] >= findingAlerts || s.nets[network] >= netFindings || len(s.made) >= maxFinders {
		return false
	}
	s.made[one] = struct{}{}
	s.each[one.client]++
	s.nets[network]++
	return true
}
