package member

import (
	"fmt"
	"time"
)

const (
	handful      = 10 // entries that may disappear at once without a reason
	convincingly = 3  // similar answers in a row that are accepted
)

// A guard prevents that an empty or incomplete list removes all decisions: a centre that lost
// its data sends a short but valid list. A whole list must have at least half of the entries
// in force. The guard accepts a shorter one only after two more of about the same size. Until
// then, short lists add decisions but remove none.
type guard struct {
	held int // rejected lists in a row
	size int // entries of the last of them
}

// check returns an error if a may not remove decisions.
func (g *guard) check(f *follower, a *answer) error {
	got, had := a.batch.Added(), f.table.Count(f.cfg.Name)
	if isShort(got, had) {
		f.table.Expire(time.Now()) // ended decisions must not count as missing
		had = f.table.Count(f.cfg.Name)
	}
	if !isShort(got, had) {
		*g = guard{}
		return nil
	}
	if g.held > 0 && !isAlike(got, g.size) {
		g.held = 0
	}
	g.held++
	g.size = got
	if g.held >= convincingly {
		*g = guard{}
		return nil
	}
	return fmt.Errorf("the whole list has %d entries, and %d are in force: nothing is removed until %d more lists have a similar size",
		got, had, convincingly-g.held)
}

func isShort(got, had int) bool { return had > handful && 2*got < had }

// isAlike reports whether two sizes differ by at most a tenth.
func isAlike(a, b int) bool { return max(a, b)-min(a, b) <= max(a, b)/10 }
