package challenge

import "sync/atomic"

// Counters count what gates do. The zero value is ready to use.
type Counters struct {
	issued, solved, failed, replayed, passed, barred, fallback, waited, renewed atomic.Uint64
}

// Counts are what was counted since the start.
type Counts struct {
	Issued   uint64 // challenges that were sent
	Solved   uint64 // proofs that earned a pass, waits included
	Failed   uint64 // answers that were none: wrong, expired, forged
	Replayed uint64 // proofs that had been used before
	Passed   uint64 // requests let through with a pass
	Barred   uint64 // requests without a pass refused because what comes from there looks like farming
	Fallback uint64 // embedded challenges sent because the provider failed, or the network has had it asked too much
	Waited   uint64 // those of Solved that waited instead
	Renewed  uint64 // passes in use that were renewed
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
