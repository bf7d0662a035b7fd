package inspect

import (
	"container/list"
	"time"
)

// A ledger holds what the bodies of one network take, or those of all, and which of
// them still grow.
type ledger struct {
	most, used int64
	elders     int // how many that came first may take all, the others half

	entered list.List // of *Body, the first that came first
	filled  list.List // of *Body that do not wait for room, the one that has gone longest without a new piece first
}

// newLedger returns one for so many bytes.
func newLedger(most, longest int64) ledger {
	return ledger{most: most, elders: int(max(most/2/longest, 1))}
}

// A line is the entry of one body in a ledger.
type line struct {
	of              *ledger
	entered, filled *list.Element // filled is nil while the body waits for room
}

func (l *ledger) enter(b *Body) line {
	return line{of: l, entered: l.entered.PushBack(b), filled: l.filled.PushBack(b)}
}

func (n *line) leave() {
	n.of.entered.Remove(n.entered)
	n.starve()
}

// starve notes that the body waits for room.
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

// hasHalf reports whether so many bytes more leave half of the room.
func (l *ledger) hasHalf(size int64) bool { return l.used+size <= l.most/2 }

// isElder reports whether the body of n is one of those that came first. They can
// always go on to the end: else many bodies of one network that grow side by side
// would use up its share together, and none would ever be whole.
func (l *ledger) isElder(n line) bool {
	e := l.entered.Front()
	for range l.elders {
		if e == nil || e == n.entered {
			return e != nil
		}
		e = e.Next()
	}
	return false
}

// stalled returns the body that is to make room, nil if there is none. One that
// waits for room itself has not stalled.
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
