package inspect

import (
	"container/list"
	"time"
)

// A ledger records how much memory the bodies of one network use, or all bodies together,
// and which of them still grow.
type ledger struct {
	most, used int64
	oldest     int // this many of the oldest bodies may use all the memory, the others only half of it

	entered list.List // of *Body, the oldest first
	filled  list.List // of *Body that do not wait for memory; first the one that got its last piece the longest time ago
}

// newLedger returns a ledger for most bytes. The longest body takes longest bytes.
func newLedger(most, longest int64) ledger {
	return ledger{most: most, oldest: int(max(most/2/longest, 1))}
}

// A line is the entry of one body in a ledger.
type line struct {
	of              *ledger
	entered, filled *list.Element // filled is nil while the body waits for memory
}

func (l *ledger) enter(b *Body) line {
	return line{of: l, entered: l.entered.PushBack(b), filled: l.filled.PushBack(b)}
}

func (n *line) leave() {
	n.of.entered.Remove(n.entered)
	n.starve()
}

// starve records that the body waits for memory.
func (n *line) starve() {
	if n.filled != nil {
		n.of.filled.Remove(n.filled)
		n.filled = nil
	}
}

func (n *line) take(size int64) {
	n.starve()
	n.filled = n.of.filled.PushBack(n.entered.Value)
	n.of.used += size
}

// hasHalf reports whether half of the memory is still free after size more bytes.
func (l *ledger) hasHalf(size int64) bool { return l.used+size <= l.most/2 }

// isOldest reports whether the body of n is one of the oldest. These can always grow to their
// end. Otherwise many bodies of one network that grow side by side would use its share
// together, and none of them would ever be complete.
func (l *ledger) isOldest(n line) bool {
	e := l.entered.Front()
	for range l.oldest {
		if e == nil || e == n.entered {
			return e != nil
		}
		e = e.Next()
	}
	return false
}

// stalled returns the body that must free its memory, or nil if there is none. A body that
// itself waits for memory has not stalled.
func (l *ledger) stalled() *Body {
	e := l.filled.Front()
	if e == nil {
		return nil
	}
	if b := e.Value.(*Body); time.Since(b.grown) >= stallTime {
		return b
	}
	return nil
}
