package caddymodule

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/detect"
)

// A ruleSwitch makes a detector, which outlives many configs, use the rules of the newest
// running config.
type ruleSwitch struct {
	detector *detect.Detector

	mu    sync.Mutex
	users []*ruleUser // the running configs, the newest last
}

// A ruleUser is a running config.
type ruleUser struct {
	of    *ruleSwitch
	rules *detect.Rules
}

// newRuleSwitch returns a switch without rules. good is called for clients that behaved well.
func newRuleSwitch(good func(client netip.Addr, at time.Time)) *ruleSwitch {
	return &ruleSwitch{detector: detect.New(detect.Config{Good: good})}
}

// use makes the detector use r until the user is released.
func (s *ruleSwitch) use(r *detect.Rules) *ruleUser {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := &ruleUser{s, r}
	s.users = append(s.users, u)
	s.detector.Use(r)
	return u
}

// release switches to the newest remaining config, so a config that fails to start leaves
// the running one its rules. If no config is left, the rules stay: the next config may have
// the same ones, and can continue their counts.
func (u *ruleUser) release() {
	s := u.of
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.users, u)
	if i < 0 {
		return
	}
	s.users = slices.Delete(s.users, i, i+1)
	if n := len(s.users); n > 0 && i == n {
		s.detector.Use(s.users[n-1].rules)
	}
}

// replace gives the user new rules.
func (u *ruleUser) replace(fresh *detect.Rules) {
	s := u.of
	s.mu.Lock()
	defer s.mu.Unlock()
	u.rules = fresh
	if i := slices.Index(s.users, u); i >= 0 && i == len(s.users)-1 {
		s.detector.Use(fresh)
	}
}

// current returns the user's rules.
func (u *ruleUser) current() *detect.Rules {
	u.of.mu.Lock()
	defer u.of.mu.Unlock()
	return u.rules
}

// names returns the names of the scenarios in use.
func (s *ruleSwitch) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.users); n > 0 {
		return s.users[n-1].rules.Names()
	}
	return nil
}
