package appsec

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// perByte is how long AppSec is given for a byte of what makes a question large,
	// which is about twice as long as rules were seen to take that are slow: the Core
	// Rule Set in-band, and JSON.
	perByte = 100 * time.Microsecond
	// usualHead is how many bytes of header fields Timeout is enough for.
	usualHead = 1 << 10
	// bulkyHead is how many bytes of header fields honest browsers send. A client with more,
	// or a large body, and makes AppSec late has a record for it.
	bulkyHead = 8 << 10
	// light is the weight up to which a question cannot be why AppSec is late: 2 kB.
	light = 2048 * perByte

	// AppSec is taken to hang when it has said nothing for so many times the weight
	// of the heaviest question that it may be at, and for silence at least if it has
	// answered before: small questions can be slow, too, and for some the Core Rule Set
	// needs more than a second. What it was asked meanwhile is refused, for one of these
	// questions may be the reason.
	holdFactor = 3
	maxHold    = time.Minute
	silence    = 2 * time.Second
)

// weight returns how long AppSec may take for q because of how large it is.
func (q *question) weight() time.Duration {
	return time.Duration(q.size+max(len(q.fields)-usualHead, 0)) * perByte
}

// bulky reports whether q is larger than what browsers send without an upload.
func (q *question) bulky() bool {
	return time.Duration(q.size+max(len(q.fields)-bulkyHead, 0))*perByte > light
}

// A load is what AppSec is at, as far as we have asked it. One question of a client's
// may keep it from all others: by default it judges one after the other, and goes on
// when nobody waits for the answer any more.
type load struct {
	timeout  time.Duration // of a question without weight
	silence  time.Duration // how long it may say nothing if it has answered before
	routines time.Duration // how many questions it judges at once

	pace  pace
	alive atomic.Bool // it has answered, and has not been taken to hang since

	mu    sync.Mutex
	sum   time.Duration      // the weight of all questions under way
	heavy map[*turn]struct{} // those that are not light
	n     int                // how many there are in all
	quiet time.Time          // since when it has not answered what it was asked; zero: it has
	spoke time.Time          // when it gave its last answer
}

func (l *load) add(t *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	l.sum += t.weight
	if t.weight > light {
		l.heavy[t] = struct{}{}
	}
	t.start = time.Now()
	if l.quiet.IsZero() {
		l.quiet = t.start
	}
}

// answer notes that AppSec has answered t, which it is still at.
func (l *load) answer(t *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.alive.Store(true)
	if waited := now.Sub(t.start); t.bytes > 0 {
		// Since the answer before, as many were judged as there are routines.
		l.pace.note(min(waited, min(waited, now.Sub(l.spoke))*l.routines), t.bytes)
	}
	l.spoke = now
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
	alive  bool          // AppSec has answered before, and does not hang
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
	limit := l.timeout + holdOf(heaviest)
	if l.alive.Load() {
		limit = max(limit, l.silence)
	}
	if v.hangs = !l.quiet.IsZero() && time.Since(l.quiet) >= limit; v.hangs {
		l.alive.Store(false)
	}
	v.alive = l.alive.Load()
	return v
}

func holdOf(weight time.Duration) time.Duration { return min(holdFactor*weight, maxHold) }
