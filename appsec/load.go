package appsec

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// perByte is the time that AppSec gets for each byte of a large question: about
	// twice what slow rules took in tests (the Core Rule Set in-band, with JSON).
	perByte = 100 * time.Microsecond
	// usualHead is the size of the header fields for which Timeout is enough.
	usualHead = 1 << 10
	// bulkyHead is the largest size of the header fields of honest browsers. A network
	// that sends more, or a large body, and makes AppSec late gets a record.
	bulkyHead = 8 << 10
	// light is the largest weight of a question that is not blamed for a delay: 2 kB.
	light = 2048 * perByte

	// AppSec counts as hanging after a silence of holdFactor times the weight of its
	// heaviest question in progress. If it has answered before, the time is at least
	// silence, because the Core Rule Set takes more than a second for some small
	// questions. Questions asked meanwhile are refused, because one of them may be the
	// cause.
	holdFactor = 3
	maxHold    = time.Minute
	silence    = 2 * time.Second
)

// weight returns the extra time that AppSec gets for the size of q.
func (q *question) weight() time.Duration {
	return time.Duration(q.size+max(len(q.fields)-usualHead, 0)) * perByte
}

// bulky reports whether q is larger than a browser's request without an upload.
func (q *question) bulky() bool {
	return time.Duration(q.size+max(len(q.fields)-bulkyHead, 0))*perByte > light
}

// A load knows which of this client's questions AppSec works on. One question can delay
// all others, because by default AppSec inspects one after the other, and continues
// after a timeout.
type load struct {
	timeout  time.Duration // of a question without weight
	silence  time.Duration // the longest silence of an AppSec that has answered before
	routines time.Duration // how many questions it inspects at the same time

	pace  pace
	alive atomic.Bool // it has answered, and has not hung since

	mu    sync.Mutex
	sum   time.Duration      // the weight of all questions in progress
	heavy map[*turn]struct{} // those that are not light
	n     int                // the number of all questions in progress
	quiet time.Time          // since when AppSec has been silent; zero: no question is unanswered
	spoke time.Time          // the time of its last answer
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

// answer records that AppSec has answered t. The caller still has to call remove.
func (l *load) answer(t *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.alive.Store(true)
	if waited := now.Sub(t.start); t.bytes > 0 {
		// Since the previous answer, each routine has worked on a question.
		l.pace.note(min(waited, min(waited, now.Sub(l.spoke))*l.routines), t.bytes)
	}
	l.spoke = now
}

// remove records the end of t, and whether anything was heard from AppSec.
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

// A view is the state of a load for one question.
type view struct {
	others time.Duration // the weight of the other questions
	held   bool          // another question is not light
	alive  bool          // AppSec has answered before, and does not hang
	hangs  bool          // AppSec is silent for longer than any of them explains
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
