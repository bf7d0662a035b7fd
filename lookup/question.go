package lookup

import (
	"context"
	"errors"
	"net/netip"
	"time"
)

// A question is a question in progress. Its answer and error may be read after done is
// closed.
type question struct {
	turn   *waiter         // the turn of the asking caller; nil: none
	asking chan struct{}   // closed when its turn has come
	late   <-chan struct{} // closed when its time is up; set before asking is closed
	done   chan struct{}
	answer *answer
	err    error
}

// A request is a question about ip in a turn of asker. Only requests of the same asker
// share a question, so that a crowded network does not delay others.
type request struct{ ip, asker netip.Addr }

// join returns the existing question of r, or a new one, which the caller must ask.
func (c *Cache) join(r request) (q *question, first bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.recallLocked(r.ip); a != nil {
		c.hits.Add(1)
		q = &question{done: make(chan struct{}), answer: a}
		close(q.done)
		return q, false, nil
	}
	c.misses.Add(1)
	if q, ok := c.asked[r]; ok {
		return q, false, nil
	}
	w, err := c.turns.join(r)
	if err != nil {
		c.countRefusal(err)
		return nil, false, err
	}
	q = &question{turn: w, asking: make(chan struct{}), done: make(chan struct{}), err: errNoAnswer}
	c.asked[r] = q
	return q, true, nil
}

// recallLocked returns an answer about ip that arrived meanwhile, or a ban of a range
// with ip, because nothing is stronger.
func (c *Cache) recallLocked(ip netip.Addr) *answer {
	now := c.epoch.now()
	if a, ok := c.answers.Peek(ip); ok && now < a.end {
		return a
	}
	if a := c.known.find(ip, now); a != nil && a.decision.Action == Ban {
		return a
	}
	return nil
}

func (c *Cache) countRefusal(err error) {
	if errors.Is(err, ErrCrowded) {
		c.crowded.Add(1)
	} else {
		c.busy.Add(1)
	}
}

// wait waits for the answer to q at least as long as the asking caller, so that the
// second of two lookups does not time out before the first. The caller waits a limited
// time for its turn, and then for the answer. An Asker that ignores its context delays
// others at most for timeout.
func (q *question) wait(timeout time.Duration) error {
	select {
	case <-q.done:
		return q.err
	case <-q.asking:
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	// Both must be over, because the caller may have started later.
	late, own := q.late, timer.C
	for late != nil || own != nil {
		select {
		case <-q.done:
			return q.err
		case <-late:
			late = nil
		case <-own:
			own = nil
		}
	}
	if q.isDone() {
		return q.err
	}
	return context.DeadlineExceeded
}

func (q *question) isDone() bool {
	select {
	case <-q.done:
		return true
	default:
		return false
	}
}

// ask asks q in its turn, and then wakes the waiting callers, even if Ask panics.
func (c *Cache) ask(ctx context.Context, r request, q *question) {
	if !c.await(q) {
		c.finish(r, q, false)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.Timeout)
	defer cancel() // after finish: those who wait would take it for the timeout
	defer c.finish(r, q, true)
	q.late = ctx.Done()
	close(q.asking)
	began := c.epoch.now()
	d, found, err := c.cfg.Ask(ctx, r.ip)
	if err != nil {
		q.err = err
		return
	}
	q.answer, q.err = c.answer(began, d, found), nil
}

// await waits for the turn of q, and reports whether it has come. If not, q has an
// error, or an answer from another question.
func (c *Cache) await(q *question) bool {
	if err := c.wait(q.turn); err != nil {
		q.err = err
		return false
	}
	if a := q.turn.known; a != nil {
		q.answer, q.err = a, nil
		return false
	}
	return true
}

// wait waits until w is ready. An error says why it did not get a turn in time.
func (c *Cache) wait(w *waiter) error {
	select {
	case <-w.ready:
		return nil
	default:
	}
	timer := time.NewTimer(c.cfg.Timeout)
	defer timer.Stop()
	select {
	case <-w.ready:
		return nil
	case <-timer.C:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.turns.giveUp(w)
	if err != nil {
		c.countRefusal(err)
	}
	return err
}

// answer returns the answer to a question asked at began. It is stored for TTL, but not
// longer than the decision.
func (c *Cache) answer(began int64, d Decision, found bool) *answer {
	a := &answer{end: shift(began, int64(c.cfg.TTL))}
	// An expired decision does not count.
	if end := c.epoch.end(d.Until); found && c.epoch.now() < end {
		a.decision, a.found = d, true
		a.end = min(a.end, end)
	}
	return a
}

// finish stores the answer to q if it was asked, unless it was forgotten meanwhile.
func (c *Cache) finish(r request, q *question, asked bool) {
	c.mu.Lock()
	wanted := c.asked[r] == q
	if wanted {
		delete(c.asked, r)
	}
	if asked {
		c.questions.Add(1)
		if q.err != nil {
			c.errors.Add(1)
		} else if wanted {
			c.rememberLocked(r.ip, q.answer)
		}
		c.turns.done(q.turn) // after those that the answer is about have got it
	}
	c.mu.Unlock()
	close(q.done)
}

// rememberLocked stores the answer about ip, and for its range if it has one.
func (c *Cache) rememberLocked(ip netip.Addr, a *answer) {
	c.answers.Add(ip, a)
	if p, ok := c.known.learn(ip, a); ok && a.decision.Action == Ban {
		c.turns.tell(p, a)
	}
}
