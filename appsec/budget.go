package appsec

import (
	"container/list"
	"sync"
	"time"
)

// A budget is what many may take of, in the order in which they came. One that
// wants more than there ever is gets all of it.
type budget struct {
	most int64

	mu      sync.Mutex
	used    int64
	waiting list.List // of *claim
}

// A claim is a wait for a part of the budget.
type claim struct {
	n     int64
	given chan struct{} // closed when it is taken
}

// try takes n if nobody has to wait for it, and reports whether it has.
func (b *budget) try(n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tryLocked(max(min(n, b.most), 0))
}

func (b *budget) tryLocked(n int64) bool {
	if n > 0 && (b.waiting.Len() > 0 || b.used+n > b.most) {
		return false
	}
	b.used += n
	return true
}

// take takes n, and waits for it until a time at the most. It reports whether it
// has taken it; give gives it back.
func (b *budget) take(n int64, until time.Time) bool {
	n = max(min(n, b.most), 0)
	b.mu.Lock()
	if b.tryLocked(n) {
		b.mu.Unlock()
		return true
	}
	c := &claim{n: n, given: make(chan struct{})}
	place := b.waiting.PushBack(c)
	b.mu.Unlock()
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-c.given:
		return true
	case <-timer.C:
		return b.withdraw(place)
	}
}

// withdraw takes a claim back, unless it has been met meanwhile, as it reports.
func (b *budget) withdraw(place *list.Element) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-place.Value.(*claim).given:
		return true
	default:
	}
	b.waiting.Remove(place)
	b.serveLocked()
	return false
}

func (b *budget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= max(min(n, b.most), 0)
	b.serveLocked()
}

// serveLocked meets the claims that can be met.
func (b *budget) serveLocked() {
	for e := b.waiting.Front(); e != nil; e = b.waiting.Front() {
		c := e.Value.(*claim)
		if b.used+c.n > b.most {
			return
		}
		b.used += c.n
		b.waiting.Remove(e)
		close(c.given)
	}
}
