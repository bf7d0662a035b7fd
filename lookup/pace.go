package lookup

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// How long a writer keeps the processor for before it lets others have it, and
// how long it stays away if it is gentle. Go's timers are no finer than the
// pause. After so many short turns the change is a large and rare one, and the
// turns become long, so that it takes twice as long as it would, and a second
// more, but no longer.
const (
	shortTurn  = 100 * time.Microsecond
	longTurn   = time.Millisecond
	shortTurns = 1024
	pause      = time.Millisecond

	stepsALook = 8 // steps between two looks at the clock
)

// A pacer is told of each of many small steps, and lets others go first now
// and then.
//
// To yield to other goroutines is not enough where requests must not wait. The
// thread of a writer that yields is still busy, and Linux leaves it on its core
// for some three milliseconds, and a thread with requests behind it, even if
// another core is idle. Only one that sleeps is out of the way.
type pacer struct {
	gentle bool // it pauses, and does not only yield
	lock   *wlock
	steps  uint
	turns  int
	began  time.Time // of this turn
}

func (p *pacer) step() {
	if p.steps++; p.steps%stepsALook == 0 {
		p.look()
	}
}

// look ends the turn if it has lasted long enough.
func (p *pacer) look() {
	now := time.Now()
	if p.began.IsZero() {
		p.began = now
	}
	turn := shortTurn
	if p.turns >= shortTurns {
		turn = longTurn
	}
	if now.Sub(p.began) < turn {
		return
	}
	switch {
	case !p.gentle:
		runtime.Gosched()
	case p.lock == nil:
		time.Sleep(pause)
	default:
		p.lock.pause(pause)
	}
	p.turns++
	p.began = time.Now()
}

// A wlock is a mutex for writers, one of which may pause while it holds it.
// The others are not to wait for that, so the pause ends when one comes.
type wlock struct {
	mu      sync.Mutex
	waiting atomic.Int32
	knock   atomic.Pointer[chan struct{}] // closed by the first that comes during a pause
}

func (l *wlock) Lock() {
	if l.mu.TryLock() {
		return
	}
	l.waiting.Add(1)
	defer l.waiting.Add(-1)
	if knock := l.knock.Swap(nil); knock != nil {
		close(*knock)
	}
	l.mu.Lock()
}

func (l *wlock) Unlock() { l.mu.Unlock() }

// pause is for who holds the lock. It lasts no longer than d, and while others
// wait it is a yield.
func (l *wlock) pause(d time.Duration) {
	knock := make(chan struct{})
	l.knock.Store(&knock)
	defer l.knock.Store(nil)
	if l.waiting.Load() > 0 { // whoever comes later finds knock
		runtime.Gosched()
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-knock:
	case <-timer.C:
	}
}
