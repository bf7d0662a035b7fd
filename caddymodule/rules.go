package caddymodule

import (
	"slices"
	"sync"

	"github.com/tocsin-project/tocsin/detect"
)

// A ruleSwitch has a detector, which outlives many configs, look for what the
// newest config that runs says.
type ruleSwitch struct {
	detector *detect.Detector

	mu    sync.Mutex
	users []*ruleUser // running configs, the newest last
}

// A ruleUser is a config that runs.
type ruleUser struct {
	of    *ruleSwitch
	rules *detect.Rules
}

func newRuleSwitch() *ruleSwitch { return &ruleSwitch{detector: detect.New(detect.Config{})} }

// use has the detector look for r until the user is released.
func (s *ruleSwitch) use(r *detect.Rules) *ruleUser {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := &ruleUser{s, r}
	s.users = append(s.users, u)
	s.detector.Use(r)
	return u
}

// release lets the newest of the others take over, so that a config that fails to
// start leaves the running one its rules. When there is none the rules stay: the
// next config may be about to say the same, and finds what was counted.
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

// replace has the detector look for fresh rules instead of the user's.
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

// names returns the names of the scenarios that are looked for.
func (s *ruleSwitch) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.users); n > 0 {
		return s.users[n-1].rules.Names()
	}
	return nil
}
