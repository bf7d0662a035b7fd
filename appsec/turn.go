package appsec

import (
	"time"
)

// A turn is one attempt to get a question answered: how long it waits, and what it
// takes of the shared budgets.
type turn struct {
	c       *Client
	network *networkShare
	weight  time.Duration
	cost    time.Duration // what it takes of the work budgets
	bulky   bool          // larger than a browser's request without an upload
	bytes   int           // of the head, if there is no body; else 0
	alive   bool          // at the start of the turn, AppSec had answered before and did not hang
	allow   time.Duration // how long it may take if AppSec works on nothing else
	most    time.Duration // how long it may take at most
	alone   bool          // the network has repeatedly made AppSec late

	began, until time.Time
	start        time.Time // when the question was sent
	asked        bool      // the question has been sent
	answers      uint64    // the number of AppSec's answers by then
	crowded      bool      // it had to wait for others of its network
	longer       bool      // it may wait longer than allow
	stays        bool      // it continues after its request has ended: see stay
	taken        [4]taking
}

// A taking is an amount that a turn has taken from a budget.
type taking struct {
	of *budget
	n  int64
}

// newTurn returns a turn for q. The caller must call end.
func (c *Client) newTurn(q *question, p *networkShare) *turn {
	t := &q.turn
	*t = turn{c: c, network: p, weight: q.weight(), cost: c.load.pace.cost(q), bulky: q.bulky(), alive: c.load.alive.Load(), began: time.Now()}
	if q.size == 0 {
		t.bytes = len(q.fields)
	}
	wait := c.cfg.Timeout
	if q.internal {
		wait = c.cfg.ChallengeTimeout
	}
	t.most = max(c.cfg.MaxTimeout, wait)
	t.allow = min(wait+t.weight, t.most)
	t.until = t.began.Add(t.allow)
	return t
}

// take takes what the question needs from the budgets, those of its network first. It
// reports whether it got everything in time.
func (t *turn) take() bool {
	one := taking{&t.network.places, 1}
	lane := taking{&t.c.work, int64(t.cost)}
	if t.alone {
		// All networks with such a record share one place.
		one.n, lane = t.network.places.most, taking{&t.c.alone, 1}
	}
	all := [4]taking{one, {&t.network.work, int64(t.cost)}, lane, {&t.c.slots, 1}}
	for i, want := range all {
		if !want.of.try(want.n) {
			t.crowded = t.crowded || i < 2
			if !t.wait(want) {
				return false
			}
		}
		t.taken[i] = want
	}
	if !time.Now().Before(t.until) && !t.more() {
		return false
	}
	if t.longer { // its own time begins only now
		t.until = time.Now().Add(t.allow)
		if end := t.began.Add(t.most); end.Before(t.until) {
			t.until = end
		}
	}
	t.ask()
	return true
}

// ask records that the question is sent now.
func (t *turn) ask() {
	t.asked, t.answers = true, t.c.tester.answers.Load()
	t.c.load.add(t)
}

func (t *turn) wait(want taking) bool {
	for !want.of.take(want.n, t.until) {
		if !t.more() {
			return false
		}
	}
	return true
}

// more reports whether to wait longer when the time is over, and until when. If other
// requests keep AppSec busy, the request must still be inspected.
func (t *turn) more() bool {
	v := t.c.load.look(t)
	if v.hangs {
		return false
	}
	limit := t.began.Add(min(t.allow+v.others, t.most))
	if v.held || t.crowded || v.alive {
		limit = t.began.Add(t.most)
	}
	now := time.Now()
	if !now.Before(limit) {
		return false
	}
	t.longer = true
	if t.until = now.Add(t.c.cfg.Timeout); limit.Before(t.until) {
		t.until = limit
	}
	return true
}

// stay reports whether the wait for the answer continues after the request has ended,
// until when at most, and what to call then. Only this shows when AppSec has finished a
// question that delays others.
func (t *turn) stay() (until time.Time, over func(heard bool), ok bool) {
	v := t.c.load.look(t)
	if v.hangs || t.weight <= light && !v.alive {
		return time.Time{}, nil, false
	}
	t.stays = true
	return t.began.Add(t.most + max(holdOf(t.weight), t.c.load.silence)), func(heard bool) {
		if heard {
			t.c.load.answer(t)
		}
		if heard && t.bulky {
			t.c.blame(t)
		}
		t.release(heard)
	}, true
}

// end returns what t has taken to the budgets, unless t stays.
func (t *turn) end(heard bool) {
	if !t.stays {
		t.release(heard)
	}
}

func (t *turn) release(heard bool) {
	if t.asked {
		t.c.load.remove(t, heard)
	}
	for _, taken := range t.taken {
		if taken.of != nil {
			taken.of.give(taken.n)
		}
	}
	t.c.networks.leave(t.network)
}

// cause returns the real reason of a failure. For a failure in time that is the failure
// itself.
func (t *turn) cause(failed Failure) Failure {
	if failed != Late && failed != Busy {
		return failed
	}
	v := t.c.load.look(t)
	switch {
	case v.hangs && !t.alive:
		return failed
	case v.hangs:
		return Overloaded
	case t.crowded:
		return Crowded
	case t.bulky:
		return TooSlow
	case v.held:
		return Held
	case t.alive || v.alive || t.weight > light:
		return Overloaded
	}
	return failed
}

// blame records that t has made AppSec late.
func (c *Client) blame(t *turn) {
	busy := time.Since(t.began)
	c.networks.blame(t.network, busy)
	c.log.slow(t.weight, busy)
}
