package consensus_test

import (
	"slices"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// A shortList is what a member takes that has room for a few entries only.
type shortList map[consensus.MemberID]map[consensus.Unit]bool

// A market compares ways to order the list, for members that take the first n of it.
type market struct {
	w     *world
	n     int
	known map[consensus.MemberID]*consensus.Histogram
	same  map[consensus.Unit]bool // the first n, for all
	own   shortList               // the first n of each member
	hits  [2]int
}

// see counts the contacts of a day that the short lists of the night before prevent.
func (m *market) see(contacts []contact) {
	for _, c := range contacts {
		id := consensus.MemberID(c.site)
		if c.reported && c.attack {
			if m.known[id] == nil {
				m.known[id] = &consensus.Histogram{}
			}
			m.known[id].Add(c.behave)
		}
		if !c.attack || c.who.seenBy[c.site] {
			continue
		}
		if m.same[c.who.unit] {
			m.hits[0]++
		}
		if m.own[id][c.who.unit] {
			m.hits[1]++
		}
	}
}

// order makes the short lists of the next day.
func (m *market) order(verdicts []consensus.Verdict) {
	clusters := map[consensus.ClusterID]*consensus.Histogram{}
	for id, h := range m.known {
		clusters[consensus.ClusterID(id)] = h
	}
	first := func() map[consensus.Unit]bool {
		short := map[consensus.Unit]bool{}
		for _, v := range verdicts[:min(m.n, len(verdicts))] {
			short[v.Unit] = true
		}
		return short
	}
	consensus.Rank(verdicts)
	m.same, m.own = first(), shortList{}
	for id, h := range m.known {
		consensus.RankFor(h, clusters, verdicts)
		m.own[id] = first()
	}
}

// A member with room for 40 entries (of 120 attackers) loses nothing if the list is ordered by what members
// like it report. It gains little in this world, where attackers choose their targets by
// the service only.
func TestAShortListInTheOrderOfTheMember(t *testing.T) {
	s := base()
	s.sybils, s.victims, s.users = 0, 0, 50
	w := newWorld(s)
	history := consensus.History{Members: w.history.Members, Credits: slices.Clone(w.history.Credits)}
	o := newOurs("consensus", newRules(t), &history, nil)
	full := &score{scheme: o, ever: map[*dweller]time.Time{}, first: map[*dweller]time.Time{}, challenge: map[*dweller]bool{}, appeals: map[*dweller]int{}}
	m := &market{w: w, n: 40 * w.rate * w.days / 120, known: map[consensus.MemberID]*consensus.Histogram{}}
	for day := range w.days {
		contacts := w.day(day)
		m.see(contacts)
		full.live(w, contacts)
		now := w.at(float64(day + 1))
		o.night(now, &history)
		m.order(o.centre.listed(now))
		for _, c := range contacts {
			if c.attack && c.reported {
				c.who.seenBy[c.site] = true
			}
		}
	}
	t.Logf("prevented of %d contacts: %d with the whole list, %d with the first %d, %d with the member's first %d",
		full.hits, full.prevented, m.hits[0], m.n, m.hits[1], m.n)
	if 100*m.hits[1] < 98*m.hits[0] || 2*m.hits[0] < full.prevented {
		t.Errorf("the member's order prevents %d, the order of all %d, the whole list %d", m.hits[1], m.hits[0], full.prevented)
	}
}

// listed judges what is listed again, without a change.
func (c *centre) listed(now time.Time) (all []consensus.Verdict) {
	for _, f := range c.order {
		if f.isListed(now) {
			all = append(all, consensus.Evaluate(now, c.rules, c.evidence(f)))
		}
	}
	return all
}
