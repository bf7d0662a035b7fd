//go:build unix

package community_test

import (
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// cpu returns the CPU time of this process so far: other programs take turns with it.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAccept measures a signal with the store in memory: batches of 100 signals by 300
// members about 2,000 units, which have some ten reporters each. Compare it with
// BenchmarkEvaluate in the same run.
func BenchmarkAccept(b *testing.B) {
	w := found(b, func(c *community.Config) {
		c.Rates = community.Rates{PerSecond: 1_000_000, Burst: 1_000_000, Additions: 1_000_000}
	})
	members := w.members(300)
	w.must(w.RenewStandings(b.Context()))
	batch := make([]community.Signal, 100)
	rnd := rand.New(rand.NewPCG(1, 1))
	i, before := 0, cpu(b)
	for b.Loop() {
		for k := range batch {
			batch[k] = community.Signal{Unit: nth(rnd.IntN(2000)), Scenario: exploit, Last: w.clock.now()}
			i++
		}
		if _, err := w.Accept(b.Context(), members[rnd.IntN(300)], batch); err != nil {
			b.Fatal(err)
		}
		w.pass(10 * time.Second)
	}
	b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(i), "cpu-ns/signal")
}

// BenchmarkEvaluate measures what consensus takes of that: a verdict about a unit with ten
// reporters.
func BenchmarkEvaluate(b *testing.B) {
	rules, err := consensus.New(consensus.Defaults())
	if err != nil {
		b.Fatal(err)
	}
	e := consensus.Evidence{Unit: nth(1), Standings: map[consensus.MemberID]consensus.Standing{}}
	for i := range consensus.MemberID(10) {
		e.Standings[i] = consensus.Standing{Cluster: consensus.ClusterID(i), Net: consensus.ASN(i), Trust: 850_000, State: consensus.Vouched, Dilution: consensus.One}
		e.Reports = append(e.Reports, consensus.Report{Member: i, Seq: uint64(i), Behaviour: "http:exploit", Confidence: 3, Last: begin, Arrived: begin})
	}
	e.Context.Established, e.Context.Overlaps = 300, &consensus.Overlaps{}
	before := cpu(b)
	for b.Loop() {
		consensus.Evaluate(begin, rules, e)
	}
	b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// BenchmarkList measures how long a list takes after a change.
func BenchmarkList(b *testing.B) {
	w := found(b, func(c *community.Config) {
		c.Rates = community.Rates{PerSecond: 1_000_000, Burst: 1_000_000, Additions: 1_000_000}
		rules, err := consensus.New(func() consensus.Config {
			cfg := consensus.Defaults()
			cfg.Brake.SmallSlack = 1000
			return cfg
		}())
		if err != nil {
			b.Fatal(err)
		}
		c.Rules = rules
	})
	members := w.members(45)
	var units []consensus.Unit
	for i := range 20_000 {
		units = append(units, nth(i))
	}
	for k, some := range slices.Collect(slices.Chunk(units, 250)) {
		for j := range 2 {
			w.report(members[(k+j*(1+k%20))%45], some...)
		}
	}
	b.Logf("%d entries", len(w.List().Entries))
	i := 0
	var spent time.Duration
	for b.Loop() {
		w.must(w.Delist(b.Context(), "root", units[i%len(units)], "benchmark"))
		i++
		before := cpu(b)
		w.List()
		spent += cpu(b) - before
		w.pass(time.Second)
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "cpu-ns/list")
}
