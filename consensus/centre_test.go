package consensus_test

import (
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// A centre is the least server that there can be: it keeps reports, and evaluates.
type centre struct {
	rules       *consensus.Rules
	standings   map[consensus.MemberID]consensus.Standing
	established int
	overlaps    *consensus.Overlaps // nil: no brake
	seq         uint64
	files       map[consensus.Unit]*file
	order       []*file // in the order in which they came to be
}

// A file is what is known of a unit.
type file struct {
	unit      consensus.Unit
	class     consensus.Context
	prev      consensus.Prev
	reports   []consensus.Report // the latest of each member
	novel     []consensus.MemberID
	benign    []consensus.Benign
	reporters consensus.Reporting
	everFrom  time.Time // when it was listed first
	braked    bool      // its reporters are not independent
}

func newCentre(rules *consensus.Rules, standings map[consensus.MemberID]consensus.Standing) *centre {
	c := &centre{
		rules: rules, overlaps: &consensus.Overlaps{Key: 99}, files: map[consensus.Unit]*file{},
	}
	c.stand(standings)
	return c
}

// stand gives the members other standings.
func (c *centre) stand(standings map[consensus.MemberID]consensus.Standing) {
	c.standings, c.established = standings, consensus.CountEstablished(c.rules, standings)
}

func (c *centre) file(u consensus.Unit) *file {
	f := c.files[u]
	if f == nil {
		f = &file{unit: u}
		c.files[u] = f
		c.order = append(c.order, f)
	}
	return f
}

// report takes a report that arrives now, and evaluates.
func (c *centre) report(now time.Time, u consensus.Unit, r consensus.Report) consensus.Verdict {
	f := c.file(u)
	c.seq++
	r.Seq, r.Arrived = c.seq, now
	if i := slices.IndexFunc(f.reports, func(other consensus.Report) bool { return other.Member == r.Member }); i >= 0 {
		f.reports[i] = r
	} else {
		f.reports = append(f.reports, r)
		if consensus.Novel(now, c.rules, f.prev, false) {
			f.novel = append(f.novel, r.Member)
		}
	}
	v := c.evaluate(now, f)
	braked := slices.Contains(v.Reasons, consensus.ReasonCollusion)
	if braked && !f.braked {
		c.reviewAll(now, f.reporters.Clusters)
	}
	f.braked = braked
	return v
}

// use takes the word of a member that it sees ordinary use, and evaluates what is in doubt.
func (c *centre) use(now time.Time, member consensus.MemberID, u consensus.Unit) {
	f := c.file(u)
	b := consensus.Benign{Member: member, Last: now}
	if i := slices.IndexFunc(f.benign, func(other consensus.Benign) bool { return other.Member == member }); i >= 0 {
		f.benign[i] = b
	} else {
		f.benign = append(f.benign, b)
	}
	if f.prev.Tier > consensus.None {
		c.evaluate(now, f)
	}
}

func (c *centre) evidence(f *file) consensus.Evidence {
	e := consensus.Evidence{
		Unit: f.unit, Prev: f.prev, Reports: f.reports, Benign: f.benign, Standings: c.standings, Context: f.class,
	}
	e.Context.Established, e.Context.Overlaps = c.established, c.overlaps
	return e
}

func (c *centre) evaluate(now time.Time, f *file) consensus.Verdict {
	e := c.evidence(f)
	if c.overlaps != nil {
		reporters := consensus.Reporters(now, c.rules, e)
		c.overlaps.Replace(f.reporters, reporters)
		f.reporters = reporters
	}
	v := consensus.Evaluate(now, c.rules, e)
	f.prev = v.Next
	if v.Tier == consensus.Listed && f.everFrom.IsZero() {
		f.everFrom = now
	}
	return v
}

// reviewAll evaluates what some of the reporters had listed.
func (c *centre) reviewAll(now time.Time, reporters []consensus.ClusterID) {
	for _, f := range c.order {
		if f.prev.Tier >= consensus.Suspect && f.prev.Expires.After(now) &&
			slices.ContainsFunc(f.reporters.Clusters, func(r consensus.ClusterID) bool { return slices.Contains(reporters, r) }) {
			c.evaluate(now, f)
		}
	}
}

// purge deletes what is too old, as the server does once a day.
func (c *centre) purge(now time.Time) {
	limit := now.Add(-14 * 24 * time.Hour)
	for _, f := range c.order {
		f.reports = slices.DeleteFunc(f.reports, func(r consensus.Report) bool { return !r.Last.After(limit) })
		f.benign = slices.DeleteFunc(f.benign, func(b consensus.Benign) bool { return !b.Last.After(limit) })
		if c.overlaps != nil {
			reporters := consensus.Reporters(now, c.rules, c.evidence(f))
			c.overlaps.Replace(f.reporters, reporters)
			f.reporters = reporters
		}
	}
}

// isListed reports whether a unit is banned now.
func (f *file) isListed(now time.Time) bool {
	return f.prev.Tier == consensus.Listed && f.prev.Expires.After(now)
}
