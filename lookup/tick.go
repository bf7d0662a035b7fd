package lookup

import (
	"sync/atomic"
	"time"
)

// tickSlack is how far away the end of a decision has to be for the last tick to
// tell that it is in force. It is many times the pause between two ticks, so that a
// machine that is too busy to tick lets no decision last longer.
const tickSlack = time.Minute

// A tick says up to when decisions have ended for certain, or are about to: those
// that end later are in force, without a look at the clock. It counts from the
// epoch of its state. Without ticks it is never, and the clock is asked.
type tick struct{ late atomic.Int64 }

func newTick() *tick {
	t := new(tick)
	t.late.Store(never)
	return t
}

// Tick tells t what time it is. Whoever calls it about once a second, and Rest in
// the end, spares Lookup the clock, which costs a third of the time of a hit: it is
// only read for decisions that end within a minute. The engine of this module does.
func (t *Table) Tick(now time.Time) {
	if s := t.cur.Load(); s != nil {
		s.tick.late.Store(s.epoch.nanos(now.Add(tickSlack)))
	}
}

// Rest says that there will be no more ticks for now.
func (t *Table) Rest() {
	if s := t.cur.Load(); s != nil {
		s.tick.late.Store(never)
	}
}
