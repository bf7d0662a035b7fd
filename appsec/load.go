package appsec

import (
	"sync"
	"time"
)

const (
	// perByte is how long AppSec is given for a byte of what makes a question large,
	// which is about twice as long as rules were seen to take that are slow: the Core
	// Rule Set in-band, and JSON.
	perByte = 100 * time.Microsecond
	// usualHead is how many bytes of header fields make no question large.
	usualHead = 8 << 10
	// light is the weight up to which a question cannot be why AppSec is late: 2 kB.
	light = 2048 * perByte

	// AppSec is taken to hang when it has said nothing for so many times the weight
	// of the heaviest question that it may be at.
	holdFactor = 3
	maxHold    = time.Minute
)

// weight returns how long AppSec may take for q because of how large it is.
func (q *question) weight() time.Duration {
	return time.Duration(q.size+max(len(q.fields)-usualHead, 0)) * perByte
}

// A load is what AppSec is at, as far as we have asked it. One question of a client's
// may keep it from all others: by default it judges one after the other, and goes on
// when nobody waits for the answer any more.
type load struct {
	timeout time.Duration // of a question without weight

	mu    sync.Mutex
	sum   time.Duration      // the weight of all questions under way
	heavy map[*turn]struct{} // those that are not light
	n     int                // how many there are in all
	quiet time.Time          // since when it has not answered what it was asked; zero: it has
}

func (l *load) add(t *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	l.sum += t.weight
	if t.weight > light {
		l.heavy[t] = struct{}{}
	}
	if l.quiet.IsZero() {
		l.quiet = time.Now()
	}
}

// remove notes that t is over, and whether anything was heard of AppSec.
func (l *load) remove(t *turn, heard bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n--
	l.sum -= t.weight
	delete(l.heavy, t)
	switch {
	case heard && l.n == 0:
		l.quiet = time.Time{}
	case heard:
		l.quiet = time.Now()
	}
}

// A view is how a load looks to one question.
type view struct {
	others time.Duration // the weight of the others
	held   bool          // one of the others is not light
	hangs  bool          // AppSec says nothing, for longer than any of them explains
}

func (l *load) look(t *turn) view {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := view{others: l.sum}
	heaviest := t.weight
	for other := range l.heavy {
		heaviest = max(heaviest, other.weight)
		v.held = v.held || other != t
	}
	if t.asked {
		v.others -= t.weight
	}
	v.hangs = !l.quiet.IsZero() && time.Since(l.quiet) >= l.timeout+holdOf(heaviest)
	return v
}

func holdOf(weight time.Duration) time.Duration { return min(holdFactor*weight, maxHold) }
