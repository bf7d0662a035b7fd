package waf

import (
	"sync/atomic"

	"github.com/tocsin-project/tocsin/lookup"
)

// Stats counts requests since the inspector was created.
type Stats struct {
	Inspected uint64                 // all requests
	Stopped   [lookup.Ban + 1]uint64 // requests that a rule stopped, by action
	Told      uint64                 // requests that matched rules but were not stopped by them
	Partial   [int(cutCount)]uint64  // requests that passed without complete inspection, by Cut
	Refused   [int(cutCount)]uint64  // requests challenged or refused for that, by Cut
	Broken    uint64                 // requests whose body ended too early or was malformed
	Failed    uint64                 // requests during which the WAF panicked
	Bodies    int64                  // bytes of memory that bodies use now
	Rules     []RuleStats            // the rules that matched at least once, in their order
}

// RuleStats counts the matches of one rule.
type RuleStats struct {
	Rule     *Rule
	Matched  uint64 // requests that match, without those excepted
	Excepted uint64 // requests for which an exception covers the rule
}

// counts are the counters of an inspector.
type counts struct {
	inspected, told, broken, failed atomic.Uint64

	stopped          [lookup.Ban + 1]atomic.Uint64
	partial, refused [cutCount]atomic.Uint64
	rules            []ruleCounts // by rule
}

type ruleCounts struct{ matched, excepted atomic.Uint64 }

func newCounts(r *Rules) counts { return counts{rules: make([]ruleCounts, len(r.rules))} }

// of returns the counters of a rule.
func (i *Inspector) of(r *Rule) *ruleCounts { return &i.counts.rules[r.number] }

// Stats returns the current counts.
func (i *Inspector) Stats() Stats {
	c := &i.counts
	s := Stats{
		Inspected: c.inspected.Load(), Told: c.told.Load(), Broken: c.broken.Load(), Failed: c.failed.Load(),
		Bodies: i.bodies.InUse(),
	}
	for a := range c.stopped {
		s.Stopped[a] = c.stopped[a].Load()
	}
	for why := range c.partial {
		s.Partial[why], s.Refused[why] = c.partial[why].Load(), c.refused[why].Load()
	}
	for n := range c.rules {
		one := RuleStats{&i.rules.rules[n], c.rules[n].matched.Load(), c.rules[n].excepted.Load()}
		if one.Matched+one.Excepted > 0 {
			s.Rules = append(s.Rules, one)
		}
	}
	return s
}
