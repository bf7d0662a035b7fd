package lapi

import (
	"fmt"
	"time"
)

const (
	handful      = 10 // decisions that may go at once and unexplained
	convincingly = 3  // answers in a row that are believed
)

// A guard keeps a full answer that is cut short from emptying the table: a
// server whose database fails in mid-stream ends the JSON properly, with status
// 200. An answer with less than half of what is held, of which the decisions
// that it lists as deleted are not expected, is only believed when two more
// have about the same size. Until then it adds and does not remove.
type guard struct {
	held int // answers held back in a row
	size int // decisions in the last one
}

// check returns why a must not remove anything, or nil.
func (g *guard) check(f *follower, a *answer) error {
	expected := f.table.Count(f.cfg.Name)
	if a.isShort(expected) {
		// Decisions that have ended are no loss.
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
	if g.held >= convincingly {
		*g = guard{}
		return nil
	}
	return fmt.Errorf("the full answer has %d decisions, but %d are in force and it explains the end of %d: waiting for %d more like it",
		size, expected, a.explained(), convincingly-g.held)
}

// isShort reports whether a has much less than the decisions held, for no
// reason that it gives.
func (a *answer) isShort(held int) bool {
	return held > handful && 2*a.added < held-a.explained()
}

// isAlike reports whether two answers are of one size, but for a tenth.
func isAlike(a, b int) bool {
	return max(a, b)-min(a, b) <= max(a, b)/10
}
