package member

import (
	"fmt"
	"time"
)

const (
	handful      = 10 // entries that may disappear at once without a reason
	convincingly = 3  // similar answers in a row that are accepted
)

// A guard stops an empty or incomplete list from lifting all decisions: a centre that lost
// its data, or was just set up anew, sends a short list in perfect form. A whole list must
// have at least half of what is in force. A shorter one is accepted only when two more have
// about the same size. Until then it adds decisions and removes none.
type guard struct {
	held int // rejected lists in a row
	size int // entries of the last of them
}

// check returns an error if a must not remove anything.
func (g *guard) check(f *follower, a *answer) error {
	got, had := a.batch.Added(), f.table.Count(f.cfg.Name)
	if isShort(got, had) {
		f.table.Expire(time.Now()) // what has ended must not count as missing
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
