package consensus_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// A tape is what a random life is read from: any bytes are one. At its end there are
// zeros.
type tape struct{ bytes []byte }

func randomTape(seed uint64, n int) *tape {
	r := rand.New(rand.NewPCG(seed, 12))
	bytes := make([]byte, n)
	for i := range bytes {
		bytes[i] = byte(r.Uint32())
	}
	return &tape{bytes}
}

// below returns a number from 0 to n-1.
func (t *tape) below(n int) int {
	if len(t.bytes) == 0 {
		return 0
	}
	b := t.bytes[0]
	t.bytes = t.bytes[1:]
	return int(b) % n
}

// An act is what happens in a life.
type act int

const (
	reports act = iota
	uses
	waits
	trusts
	states
	grows
	appeals
	belongs
)

// acts has each as often as it happens.
var acts = []act{reports, reports, reports, reports, reports, reports, uses, waits, waits, trusts, states, grows, appeals, belongs}

// A life is a unit's, in a community of 24 members.
type life struct {
	now   time.Time
	rules *consensus.Rules
	seq   uint64
	consensus.Evidence
	others   []consensus.CoReport // of other units
	overlaps *consensus.Overlaps  // theirs
}

var (
	behaviours = []consensus.Behaviour{"http:exploit", "http:exploit", "ssh:bruteforce", "http:scan", "http:crawl", "http:audit"}
	waitings   = []time.Duration{time.Minute, 20 * time.Minute, 3 * time.Hour, 11 * time.Hour, 26 * time.Hour, 70 * time.Hour, 8 * 24 * time.Hour}
	sizes      = []int{100, 100, 30, 7, 1000, 1001, 20_000}
	trustworth = []consensus.Micro{850_000, 900_000, 600_000, 1_000_000, 500_000, 499_999, 300_000, 0}
)

func newLife(rules *consensus.Rules, t *tape) *life {
	l := &life{now: start, rules: rules}
	l.Unit = unit
	l.Standings = map[consensus.MemberID]consensus.Standing{}
	for id := range consensus.MemberID(24) {
		cluster := id - id*consensus.MemberID(t.below(4)/3) // most are clusters of their own
		l.Standings[id] = consensus.Standing{
			Cluster: consensus.ClusterID(cluster), Net: consensus.ASN(cluster % 7), Trust: trustworth[t.below(len(trustworth))],
			Age: time.Duration(20+t.below(100)) * 24 * time.Hour, Dilution: 1_000_000,
		}
	}
	l.evenOut()
	l.Context.Established = sizes[t.below(len(sizes))]
	for range t.below(60) {
		l.others = append(l.others, consensus.CoReport{
			Cluster: consensus.ClusterID(t.below(24)), Unit: unitOf("198.51.100." + string(rune('0'+t.below(10)))), Last: l.now,
		})
	}
	return l
}

// evenOut gives the members of a cluster the standing of its first one.
func (l *life) evenOut() {
	for id, s := range l.Standings {
		first := l.Standings[consensus.MemberID(s.Cluster)]
		first.State = s.State
		l.Standings[id] = first
	}
}

// step lets something happen, and returns what.
func (l *life) step(t *tape) act {
	what := acts[t.below(len(acts))]
	member := consensus.MemberID(t.below(26)) // two of them are strangers
	switch what {
	case reports:
		l.report(member, t)
	case uses:
		l.Benign = append(l.Benign, consensus.Benign{Member: member, Last: l.now.Add(-time.Duration(t.below(30)) * time.Hour)})
	case waits:
		l.now = l.now.Add(waitings[t.below(len(waitings))])
	case trusts:
		if s, known := l.Standings[member]; known {
			first := l.Standings[consensus.MemberID(s.Cluster)]
			first.Trust = trustworth[t.below(len(trustworth))]
			l.Standings[consensus.MemberID(s.Cluster)] = first
			l.evenOut()
		}
	case states:
		if s, known := l.Standings[member]; known {
			s.State = consensus.State(t.below(4))
			l.Standings[member] = s
		}
	case grows:
		l.Context.Established = sizes[t.below(len(sizes))]
	case appeals:
		if t.below(4) == 0 {
			l.Prev = l.Prev.Appeal(l.now)
		}
	case belongs:
		l.belong(t.below(24))
	}
	return what
}

func (l *life) belong(class int) {
	c := &l.Context
	c.Exclusion, c.Shared, c.Tor, c.Own = consensus.NotExcluded, class == 1, class == 2, class == 3
	if class == 0 {
		c.Exclusion = consensus.CDN
	}
	c.Noticed = l.now.Add(-20 * time.Hour)
}

func (l *life) report(member consensus.MemberID, t *tape) {
	l.seq++
	late := []time.Duration{0, 0, 0, time.Minute, time.Hour, 23 * time.Hour, 30 * time.Hour, -time.Hour}
	flags := t.below(64)
	l.Reports = append(l.Reports, consensus.Report{
		Member: member, Seq: l.seq, Behaviour: behaviours[t.below(len(behaviours))],
		Confidence: uint8(3 - t.below(8)/5), Provenance: consensus.Provenance(max(0, t.below(16)-11)),
		Last: l.now.Add(-late[t.below(len(late))]), Arrived: l.now, Reflected: flags == 1, EarlyData: flags == 2,
	})
}

// clone returns a life that goes on by itself.
func (l *life) clone() *life {
	other := *l
	other.Reports, other.Benign = slices.Clone(l.Reports), slices.Clone(l.Benign)
	other.Standings = maps.Clone(l.Standings)
	return &other
}

// evaluate judges, and changes nothing.
func (l *life) evaluate() consensus.Verdict {
	e := l.Evidence
	if l.overlaps == nil {
		l.overlaps = consensus.Count(start, l.rules, 1, l.others)
	}
	own := consensus.Reporters(l.now, l.rules, e)
	l.overlaps.Replace(consensus.Reporting{}, own)
	defer l.overlaps.Replace(own, consensus.Reporting{})
	e.Context.Overlaps = l.overlaps
	return consensus.Evaluate(l.now, l.rules, e)
}

// judge judges, and goes on from there.
func (l *life) judge() consensus.Verdict {
	v := l.evaluate()
	l.Prev = v.Next
	return v
}
