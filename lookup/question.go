package lookup

import (
	"context"
	"errors"
	"net/netip"
	"time"
)

// A question is one that is under way. Its answer and its error may be read
// once done is closed.
type question struct {
	turn   *waiter         // of who asks; nil if nobody has to
	asking chan struct{}   // closed when its turn has come
	late   <-chan struct{} // closed when its time is up; set before asking is closed
	done   chan struct{}
	answer *answer
	err    error
}

// A request is a wish to ask about an address, of who needs a turn for it. Only those
// of one asker share a question: one that waits for the turn of a network that asks too
// much must not keep others waiting.
type request struct{ ip, asker netip.Addr }

// join returns the question of r that is under way or settled, or else a new one that
// the caller is the first to ask.
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

// recallLocked returns the answer about ip that has come since the caller looked for
// it, or that about a range that settles it: nothing is stronger than a ban.
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

// wait waits for the answer to q as long as its caller does, and no less: of two lookups
// about a client, the second one must not give up before the first one does. The caller
// waits a bounded time for its turn, and then for the answer. An Asker that outstays its
// context holds up nobody else for longer than timeout.
func (q *question) wait(timeout time.Duration) error {
	select {
	case <-q.done:
		return q.err
	case <-q.asking:
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	// Both have to be over: the caller may have set its clock later.
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

// ask asks q when it is its turn, and lets go those who wait for it, even if Ask
// panics.
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
// error, or the answer that another question has brought.
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

// answer returns what the source said in answer to a question asked at began.
// It is remembered for TTL, but not beyond the end of the decision.
func (c *Cache) answer(began int64, d Decision, found bool) *answer {
	a := &answer{end: shift(began, int64(c.cfg.TTL))}
	// A decision past its end does not count, whatever the source says.
	if end := c.epoch.end(d.Until); found && c.epoch.now() < end {
		a.decision, a.found = d, true
		a.end = min(a.end, end)
	}
	return a
}

// finish remembers the answer to q if it was asked, unless it was to be forgotten
// meanwhile.
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

// rememberLocked remembers the answer about ip, for others too if it is about a range.
func (c *Cache) rememberLocked(ip netip.Addr, a *answer) {
	c.answers.Add(ip, a)
	if p, ok := c.known.learn(ip, a); ok && a.decision.Action == Ban {
		c.turns.tell(p, a)
	}
}
