package appsec

import (
	"container/list"
	"sync"
	"time"
)

// A budget is a shared amount. Callers take parts of it, in the order in which they
// came. A caller that wants more than the total gets the total.
type budget struct {
	most int64

	mu      sync.Mutex
	used    int64
	waiting list.List // of *claim
}

// A claim is a caller that waits for its part.
type claim struct {
	n     int64
	given chan struct{} // closed when the claim is met
}

// try takes n if it is available at once, and reports whether it did.
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

// take takes n, waits for it until the given time at most, and reports whether it took
// it. The caller returns it with give.
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

// withdraw cancels a claim. It reports whether the claim has been met instead.
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

// serveLocked meets as many claims as possible.
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
