package appsec

import (
	"sync"
	"sync/atomic"
	"time"
)

// After this many timeouts in a row, over at least this time, AppSec counts as hanging.
const (
	patience     = 8
	patienceTime = time.Second
)

// A breaker opens if AppSec hangs, so that not every request must wait for the timeout.
// It counts only timeouts that no request has caused. Any answer closes it, also an
// error. While it is open, one question at a time passes.
type breaker struct {
	never  bool
	late   atomic.Int32 // timeouts in a row; read without mu
	broken atomic.Bool  // open; written under mu, read without

	mu     sync.Mutex
	first  time.Time // the end of the first of them
	trying bool      // it is open, and a question is in progress
}

// admit reports whether a question may be asked, and whether it is the one that tests
// an open breaker. If it may, the caller must call note with the outcome.
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

// An outcome is the result of a question for a breaker.
type outcome uint8

const (
	answered outcome = iota // also if it failed at once
	timedOut
	unclear // late, but requests are the cause
)

// note records the outcome of a question.
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
