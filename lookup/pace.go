package lookup

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// How long a writer uses the processor before it lets others run, and how long it pauses if
// it is gentle. Go's timers are not finer than this pause. After this many short turns the
// change is a large and rare one. Then the turns become longer, so that the change takes at
// most twice its normal time plus one second.
const (
	shortTurn  = 100 * time.Microsecond
	longTurn   = time.Millisecond
	shortTurns = 1024
	pause      = time.Millisecond

	stepsALook  = 8  // steps between two readings of the clock
	urgentSteps = 64 // the same for a writer that never pauses; a multiple of stepsALook
)

// A pacer is called at each of many small steps, and pauses from time to time.
//
// Yielding to other goroutines is not enough if requests must not wait. The thread of a
// writer that yields is still busy. Linux keeps it on its core for about three milliseconds
// together with a thread that has waiting requests, even if another core is idle. Only a
// thread that sleeps frees its core.
type pacer struct {
	gentle bool // it pauses instead of only yielding
	lock   *wlock
	steps  uint
	turns  int
	began  time.Time // when this turn began
}

func (p *pacer) step() {
	if p.steps++; p.steps%stepsALook == 0 {
		p.look()
	}
}

// look ends the turn if it has lasted long enough.
func (p *pacer) look() {
	if !p.gentle && p.steps%urgentSteps != 0 {
		return
	}
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

// A wlock is a mutex for writers. A writer may pause while it holds the mutex. The others
// must not wait for that, so the pause ends when another writer comes.
type wlock struct {
	mu      sync.Mutex
	waiting atomic.Int32
	knock   atomic.Pointer[chan struct{}] // closed by the first writer that comes during a pause
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

// pause is for the holder of the lock. It lasts at most d. While other writers wait, it only
// yields.
func (l *wlock) pause(d time.Duration) {
	knock := make(chan struct{})
	l.knock.Store(&knock)
	defer l.knock.Store(nil)
	if l.waiting.Load() > 0 { // writers that come later close knock
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
