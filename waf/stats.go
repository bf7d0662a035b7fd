package waf

import (
	"sync/atomic"

	"github.com/tocsin-project/tocsin/lookup"
)

// Stats counts what became of requests since the inspector was made.
type Stats struct {
	Inspected uint64                 // all of them
	Stopped   [lookup.Ban + 1]uint64 // those that a rule stopped, by action
	Told      uint64                 // those that rules matched, and that were not stopped by them
	Partial   [int(cutCount)]uint64  // those of which not all was inspected, by the Cut
	Refused   [int(cutCount)]uint64  // those refused for that
	Broken    uint64                 // those whose body broke off or was malformed
	Failed    uint64                 // those at which the WAF itself failed
	Bodies    int64                  // bytes that bodies take now
	Rules     []RuleStats            // of the rules that match, in their order
}

// RuleStats counts what a rule has matched.
type RuleStats struct {
	Rule     *Rule
	Matched  uint64 // requests
	Excepted uint64 // requests for which it does not count
}

// counts are those of an inspector.
type counts struct {
	inspected, told, broken, failed atomic.Uint64

	stopped          [lookup.Ban + 1]atomic.Uint64
	partial, refused [cutCount]atomic.Uint64
	rules            []ruleCounts // by rule
}

type ruleCounts struct{ matched, excepted atomic.Uint64 }

func newCounts(r *Rules) counts { return counts{rules: make([]ruleCounts, len(r.rules))} }

// of returns the counts of a rule.
func (i *Inspector) of(r *Rule) *ruleCounts { return &i.counts.rules[r.number] }

// Stats returns what has been counted.
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
