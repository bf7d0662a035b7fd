package consensus_test

import (
	"crypto/sha256"
	"math/rand/v2"
	"testing"

	"github.com/tocsin-project/tocsin/consensus"
)

// The yardstick of the others: what a signal costs whatever is made of it.
func BenchmarkSHA256OfAKilobyte(b *testing.B) {
	text := make([]byte, 1024)
	for b.Loop() {
		sha256.Sum256(text)
	}
}

// One unit with reports of twenty established clusters, in a community with a thousand
// others, so that the brake compares 120 pairs.
func BenchmarkEvaluate(b *testing.B) {
	rules := newRules(b)
	c := newCentre(rules, members(100))
	r := rand.New(rand.NewPCG(1, 1))
	tellTheTruth(c, r, 1000, 11)
	for id := range 20 {
		c.report(start, unit, exploit(id, start))
	}
	e := c.evidence(c.file(unit))
	e.Prev = consensus.Prev{}
	b.ReportAllocs()
	for b.Loop() {
		if v := consensus.Evaluate(start, rules, e); v.Tier != consensus.Listed {
			b.Fatal(v.Tier)
		}
	}
}

// A report as it comes: who reports, the overlaps, the verdict.
func BenchmarkReport(b *testing.B) {
	c := newCentre(newRules(b), members(100))
	r := rand.New(rand.NewPCG(1, 1))
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		c.report(start, numbered(r.IntN(2000)), exploit(r.IntN(100), start))
		if n%10_000 == 0 {
			c = newCentre(c.rules, c.standings)
		}
	}
}

// A window of ten thousand units with seven reporters on average, of three hundred.
func BenchmarkComponents(b *testing.B) {
	rules := newRules(b)
	r := rand.New(rand.NewPCG(1, 1))
	var seen []consensus.CoReport
	for u := range 10_000 {
		for _, id := range r.Perm(300)[:2+r.IntN(11)] {
			seen = append(seen, consensus.CoReport{
				Cluster: consensus.ClusterID(id), Unit: numbered(u), Behaviour: "http:scan", Seq: uint64(len(seen)), Last: start,
			})
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		consensus.Components(start, rules, 300, 1, seen)
	}
}
