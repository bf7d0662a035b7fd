package challenge

import "sync/atomic"

// Counters count the work of gates. The zero value is ready to use.
type Counters struct {
	issued, solved, failed, replayed, passed, barred, fallback, waited, renewed atomic.Uint64
}

// Counts are the numbers since the start.
type Counts struct {
	Issued   uint64 // challenges that were sent
	Solved   uint64 // proofs that earned a pass, including waits
	Failed   uint64 // refused answers: wrong, expired or forged
	Replayed uint64 // proofs that had been used before
	Passed   uint64 // requests let through with a pass
	Barred   uint64 // requests without a pass that were refused because their network seems to collect passes
	Fallback uint64 // embedded challenges sent because the provider failed, or because the network sent too many wrong answers
	Waited   uint64 // those of Solved by waiting
	Renewed  uint64 // renewals of passes in use
}

// Counts returns the counts so far.
func (c *Counters) Counts() Counts {
	return Counts{
		Issued:   c.issued.Load(),
		Solved:   c.solved.Load(),
		Failed:   c.failed.Load(),
		Replayed: c.replayed.Load(),
		Passed:   c.passed.Load(),
		Barred:   c.barred.Load(),
		Fallback: c.fallback.Load(),
		Waited:   c.waited.Load(),
		Renewed:  c.renewed.Load(),
	}
}
