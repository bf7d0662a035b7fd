package lapi

import (
	"fmt"
	"time"
)

const (
	smallDrop     = 10 // decisions that may disappear at once without a reason
	enoughAnswers = 3  // similar answers in a row that are accepted
)

// A guard stops an incomplete full answer from emptying the table: if the database
// fails in mid-stream, the server still ends the JSON properly, with status 200. An
// answer must have at least half of the known decisions, not counting those that it
// lists as deleted. A smaller answer is only accepted when two more have about the same
// size. Until then it adds decisions but removes none.
type guard struct {
	held int // rejected answers in a row
	size int // decisions in the last of them
}

// check returns an error if a must not remove anything.
func (g *guard) check(f *follower, a *answer) error {
	expected := f.table.Count(f.cfg.Name)
	if a.isShort(expected) {
		// Expired decisions must not count as missing.
		f.table.Expire(time.Now())
		expected = f.table.Count(f.cfg.Name)
	}
	if !a.isShort(expected) {
		*g = guard{}
		return nil
	}
	size := a.added
	if g.held > 0 && !isAlike(size, g.size) {
		g.held = 0
	}
	g.held++
	g.size = size
	if g.held >= enoughAnswers {
		*g = guard{}
		return nil
	}
	return fmt.Errorf("the full answer has %d decisions, but %d are in force and it lists only %d of them as deleted: nothing is removed until %d more answers have a similar size",
		size, expected, a.explained(), enoughAnswers-g.held)
}

// isShort reports whether a has far fewer decisions than held, without listing the
// others as deleted.
func (a *answer) isShort(held int) bool {
	return held > smallDrop && 2*a.added < held-a.explained()
}

// isAlike reports whether the sizes of two answers differ by at most a tenth.
func isAlike(a, b int) bool {
	return max(a, b)-min(a, b) <= max(a, b)/10
}
