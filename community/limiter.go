package community

import (
	"sync"
	"time"
)

// A limiter is a token bucket for each key. It keeps a bounded number of keys; further keys
// share one allowance.
type limiter struct {
	rate, burst float64
	most        int
	now         func() time.Time

	mu    sync.Mutex
	keys  map[string]*allowance
	swept time.Time
}

// An allowance is the number of tokens of a key at a time.
type allowance struct {
	left float64
	at   time.Time
}

func newLimiter(perSecond, burst float64, most int, now func() time.Time) *limiter {
	return &limiter{rate: perSecond, burst: burst, most: most, now: now, keys: map[string]*allowance{}}
}

// take takes n tokens of a key. If it has fewer, take takes none and returns how long to wait.
// With n = 0 it only checks whether the key has any.
func (l *limiter) take(key string, n int) (retry time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.refill(key)
	if missing := float64(max(n, 1)) - a.left; missing > 0 {
		return max(time.Second, time.Duration(missing/l.rate*float64(time.Second))), false
	}
	a.left -= float64(n)
	return 0, true
}

func (l *limiter) refill(key string) *allowance {
	now := l.now()
	a := l.keys[key]
	if a == nil {
		if len(l.keys) >= l.most && now.Sub(l.swept).Abs() >= sweepEvery {
			l.sweep(now)
		}
		if len(l.keys) >= l.most {
			key = ""
			a = l.keys[key]
		}
	}
	if a == nil {
		a = &allowance{l.burst, now}
		l.keys[key] = a
	}
	if rest := now.Sub(a.at); rest > 0 {
		a.left, a.at = min(l.burst, a.left+rest.Seconds()*l.rate), now
	}
	return a
}

// sweepEvery is the least time between two sweeps of all keys.
const sweepEvery = 5 * time.Second

// sweep forgets keys with a full bucket.
func (l *limiter) sweep(now time.Time) {
	l.swept = now
	for key, a := range l.keys {
		if a.left+now.Sub(a.at).Seconds()*l.rate >= l.burst {
			delete(l.keys, key)
		}
	}
}
