package appsec

import (
	"sync"
	"sync/atomic"
	"time"
)

// Questions in a row that run into the timeout, and for how long, until AppSec is
// taken to hang.
const (
	patience     = 8
	patienceTime = time.Second
)

// A breaker keeps an AppSec that hangs from costing every request its timeout.
// It only counts timeouts that no request is the reason of, and any answer sets it
// back, an error too: that costs no time. While it is broken one question at a time
// goes through, so that the first answer mends it.
type breaker struct {
	never  bool
	late   atomic.Int32 // timeouts in a row; read without the lock
	broken atomic.Bool  // changed under mu, read without

	mu     sync.Mutex
	first  time.Time // when the first of them was over
	trying bool      // broken, and a question is under way
}

// admit reports whether a question may be asked, and whether it is the one to
// try with. If it may, note is to be called with what came of it.
func (b *breaker) admit() (try, ok bool) {
	if !b.broken.Load() {
		return false, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.broken.Load() {
		return false, true
	}
	if b.trying {
		return false, false
	}
	b.trying = true
	return true, true
}

// An outcome is how a question went, for a breaker.
type outcome uint8

const (
	answered outcome = iota // or failed at once
	timedOut
	unclear // late because of the requests themselves
)

// note notes how a question went.
func (b *breaker) note(try bool, how outcome) {
	if b.never || how != timedOut && b.late.Load() == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if try {
		b.trying = false
	}
	switch how {
	case unclear:
		return
	case answered:
		b.late.Store(0)
		b.broken.Store(false)
		return
	}
	now := time.Now()
	if b.late.Load() == 0 {
		b.first = now
	}
	if b.late.Load() < patience {
		b.late.Add(1)
	}
	if b.late.Load() >= patience && now.Sub(b.first) >= patienceTime {
		b.broken.Store(true)
	}
}
