// Package limit answers one question: may this key have another token already?
//
// A [Limiter] is a token bucket for each key, in bounded memory.
package limit

import (
	"sync"
	"time"
)

// A Limiter is a token bucket for each key. It keeps a bounded number of keys; further keys
// share the allowance of the zero key. Many goroutines may use it.
type Limiter[K comparable] struct {
	cfg Config[K]

	mu    sync.Mutex
	keys  map[K]*allowance
	wide  map[K]int // number of keys with the same wide key
	swept time.Time
}

// Config configures a [Limiter]. All fields but Wide are required.
type Config[K comparable] struct {
	PerSecond, Burst float64 // tokens
	Most             int     // keys
	Now              func() time.Time
	// Wide returns what keys of one owner have in common, such as a wider network. Together
	// they use an eighth of the memory at most; further ones share one allowance. nil: keys
	// have nothing in common.
	Wide func(K) K
}

// An allowance is the number of tokens of a key at a time.
type allowance struct {
	left float64
	at   time.Time
}

// sweepEvery is the least time between two sweeps, because a sweep checks all keys.
const sweepEvery = time.Second

// New returns a limiter in which every key has Burst tokens.
func New[K comparable](cfg Config[K]) *Limiter[K] {
	return &Limiter[K]{cfg: cfg, keys: map[K]*allowance{}, wide: map[K]int{}}
}

// Take takes n tokens of a key. If it has fewer, Take takes none and returns how long to wait.
// With n = 0 it only checks whether the key has any.
func (l *Limiter[K]) Take(key K, n int) (retry time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.cfg.Now()
	a := l.of(key, now)
	if rest := now.Sub(a.at); rest > 0 {
		a.left, a.at = l.after(a, rest), now
	}
	if missing := float64(max(n, 1)) - a.left; missing > 0 {
		return max(time.Second, time.Duration(missing/l.cfg.PerSecond*float64(time.Second))), false
	}
	a.left -= float64(n)
	return 0, true
}

// after returns the tokens of an allowance after some time.
func (l *Limiter[K]) after(a *allowance, rest time.Duration) float64 {
	return min(l.cfg.Burst, a.left+rest.Seconds()*l.cfg.PerSecond)
}

// of returns the allowance of a key, or the one that it shares.
func (l *Limiter[K]) of(key K, now time.Time) *allowance {
	if a := l.keys[key]; a != nil {
		return a
	}
	if len(l.keys) >= l.cfg.Most {
		l.sweep(now)
	}
	if l.cfg.Wide != nil && l.wide[l.cfg.Wide(key)] >= l.cfg.Most/8 {
		key = l.cfg.Wide(key)
	}
	if len(l.keys) >= l.cfg.Most {
		var shared K
		key = shared
	}
	a := l.keys[key]
	if a == nil {
		a = &allowance{l.cfg.Burst, now}
		l.keys[key] = a
		l.count(key, 1)
	}
	return a
}

// count counts a key with its wide key.
func (l *Limiter[K]) count(key K, more int) {
	if l.cfg.Wide == nil {
		return
	}
	wide := l.cfg.Wide(key)
	if l.wide[wide] += more; l.wide[wide] <= 0 {
		delete(l.wide, wide)
	}
}

// sweep forgets keys with a full bucket.
func (l *Limiter[K]) sweep(now time.Time) {
	if now.Sub(l.swept).Abs() < sweepEvery {
		return
	}
	l.swept = now
	for key, a := range l.keys {
		if l.after(a, now.Sub(a.at)) >= l.cfg.Burst {
			delete(l.keys, key)
			l.count(key, -1)
		}
	}
}

// Sizes returns the number of remembered keys, and of their wide keys.
func (l *Limiter[K]) Sizes() (keys, wide int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.keys), len(l.wide)
}
