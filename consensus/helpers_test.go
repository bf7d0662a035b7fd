package consensus_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// start is when stories begin.
var start = time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC)

const aDay = 24 * time.Hour

// unit is what they are about.
var unit = consensus.UnitOf(netip.MustParseAddr("203.0.113.7"))

// newRules returns the default rules, with changes.
func newRules(t testing.TB, change ...func(*consensus.Config)) *consensus.Rules {
	t.Helper()
	cfg := consensus.Defaults()
	for _, c := range change {
		c(&cfg)
	}
	rules, err := consensus.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// A scene is a community and what it knows of one unit.
type scene struct {
	now   time.Time
	rules *consensus.Rules
	seq   uint64
	consensus.Evidence
}

// newScene returns a community of a hundred established clusters, of which members 1 to
// 20, each in a network of its own, take part. Members from 1000 on are newcomers.
func newScene(t testing.TB, change ...func(*consensus.Config)) *scene {
	t.Helper()
	s := &scene{now: start, rules: newRules(t, change...)}
	s.Unit = unit
	s.Standings = map[consensus.MemberID]consensus.Standing{}
	s.Context.Established = 100
	for id := range 20 {
		s.member(id+1, consensus.ASN(id+1), 850_000)
	}
	return s
}

// member makes a member who has been there for a hundred days.
func (s *scene) member(id int, net consensus.ASN, trust consensus.Micro) {
	s.Standings[consensus.MemberID(id)] = consensus.Standing{
		Cluster: consensus.ClusterID(id), Net: net, Trust: trust, Age: 100 * aDay, Dilution: 1_000_000,
	}
}

// newcomers makes members from 1000 on.
func (s *scene) newcomers(n int) {
	for id := range n {
		s.member(1000+id, consensus.ASN(1000+id), 100_000)
	}
}

// report lets members report now that they saw the same: by default, an exploit.
func (s *scene) report(ids ...int) {
	for _, id := range ids {
		s.add(consensus.Report{Member: consensus.MemberID(id), Behaviour: "http:exploit", Confidence: 3})
	}
}

// add adds a report, of now if it has no time.
func (s *scene) add(r consensus.Report) {
	s.seq++
	r.Seq = s.seq
	if r.Last.IsZero() {
		r.Last = s.now
	}
	if r.Arrived.IsZero() {
		r.Arrived = s.now
	}
	s.Reports = append(s.Reports, r)
}

// use lets members see ordinary use now.
func (s *scene) use(ids ...int) {
	for _, id := range ids {
		s.Benign = append(s.Benign, consensus.Benign{Member: consensus.MemberID(id), Last: s.now})
	}
}

// judge evaluates, and goes on from there.
func (s *scene) judge() consensus.Verdict {
	v := consensus.Evaluate(s.now, s.rules, s.Evidence)
	s.Prev = v.Next
	return v
}

// wantTier checks the tier of the next verdict.
func (s *scene) wantTier(t *testing.T, want consensus.Tier) consensus.Verdict {
	t.Helper()
	v := s.judge()
	if v.Tier != want {
		t.Errorf("%v, because of %v (net %v of %v, %d members in %d networks); want %v",
			v.Tier, v.Reasons, v.Net, v.Threshold, v.Established, v.Networks, want)
	}
	return v
}

// near checks a number to two decimals.
func near(t *testing.T, what string, got consensus.Micro, want float64) {
	t.Helper()
	if diff := float64(got)/1e6 - want; diff > 0.0051 || diff < -0.0051 {
		t.Errorf("%s: %v, want %.2f", what, got, want)
	}
}
