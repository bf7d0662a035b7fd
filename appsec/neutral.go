package appsec

import (
	"errors"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-project/tocsin/inspect"
)

// neutralPause is how long it takes from the beginning of one neutral question to that
// of the next.
const neutralPause = 1 * time.Second

// A neutral tells an AppSec that fails from one that fails over a single request. If
// AppSec has answered anything since the request was asked about, it is the request.
// Else a question of our own is put, without anything from a client in it.
//
// That runs to its end although the request that it was put for waits no longer: who
// sends requests that fail just before their time is up keeps nobody from knowing.
type neutral struct {
	carrier carrier       // that has a connection of its own where questions share one; nil: that of all questions
	answers atomic.Uint64 // how many AppSec has given, to any question

	mu     sync.Mutex
	next   time.Time // when another one may be put
	last   *inquiry  // the one under way, or else the last one; nil: there was none
	before *inquiry  // the one before that
	closed bool      // none is put any more
	waits  sync.WaitGroup
}

// An inquiry is one neutral question.
type inquiry struct {
	done    chan struct{} // closed when it is over; the rest does not change after that
	said    health
	answers uint64 // how many answers there were when it was over
}

// A health is what is known of an AppSec.
type health uint8

const (
	notKnown health = iota
	healthy         // it answers others
	failing         // it fails over a neutral question, too
)

// over reports whether i is over.
func (i *inquiry) over() bool {
	select {
	case <-i.done:
		return true
	default:
		return false
	}
}

// health returns what i says when there have been so many answers. It has to be over.
func (i *inquiry) health(now uint64) health {
	if i.answers != now {
		return healthy
	}
	return i.said
}

// health tells whether AppSec answers others than t, over which it has failed. It waits
// for that as long as t has time. put asks a neutral question.
func (n *neutral) health(t *turn, put func() health) health {
	if n.answers.Load() != t.answers {
		return healthy
	}
	i, before := n.inquiry(put)
	if i == nil {
		return notKnown
	}
	timer := time.NewTimer(time.Until(t.until))
	defer timer.Stop()
	select {
	case <-i.done:
	case <-timer.C:
	}
	if i.over() {
		return i.health(n.answers.Load())
	}
	if before != nil && before.health(n.answers.Load()) == failing {
		return failing // an outage goes on until there is an answer
	}
	return notKnown
}

// inquiry returns the neutral question to wait for, which may be over, and the one
// before it; nil: there is none.
func (n *neutral) inquiry(put func() health) (i, before *inquiry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, nil
	}
	now := time.Now()
	if n.last != nil && !n.last.over() || now.Before(n.next) {
		return n.last, n.before
	}
	n.before, n.last = n.last, &inquiry{done: make(chan struct{})}
	n.next = now.Add(neutralPause)
	i = n.last
	n.waits.Go(func() {
		i.said = put()
		i.answers = n.answers.Load()
		close(i.done)
	})
	return i, n.before
}

// close waits for the question under way, which is the last one.
func (n *neutral) close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.waits.Wait()
	if n.carrier != nil {
		n.carrier.close()
	}
}

// An unsentError is why there is no connection: AppSec has not received the request.
type unsentError struct{ error }

func (e unsentError) Unwrap() error { return e.error }

// tellApart returns what is behind a failure that t has met in time: the request, or
// an AppSec that fails over all.
func (c *Client) tellApart(t *turn, failed Failure, err error) Failure {
	_, unsent := errors.AsType[unsentError](err)
	if unsent || failed != ServerError && failed != BadAnswer && failed != Unreachable {
		return failed
	}
	switch c.neutral.health(t, c.askNeutral) {
	case healthy:
		return ByRequest
	case failing:
		return failed
	}
	return InDoubt
}

// askNeutral asks a neutral question. It takes nothing of what questions about requests
// share, so that no client can keep it waiting here.
func (c *Client) askNeutral() health {
	q := c.questions.Get().(*question)
	defer q.free(&c.questions)
	r, in := harmless(HTTP11)
	in = in.WithDefaults(r)
	q.secure, q.internal, q.mostHTTP, q.body, q.size = false, false, HTTP11, nil, 0
	q.setHead(r, &in, r.RequestURI, c.cfg.Key)
	t := c.newTurn(q, c.parties.enter(inspect.NetworkOf(in.Client)))
	t.most = t.allow // nobody waits longer for it
	t.ask()
	wire := c.wire
	if c.neutral.carrier != nil {
		wire = c.neutral.carrier
	}
	failed, err := Failure(0), error(nil)
	if _, failed, err = c.put(wire, q, t); err != nil {
		failed = t.cause(failed)
	}
	if err == nil {
		c.load.answer(t)
	}
	t.end(err == nil || failed.heard())
	switch {
	case err == nil:
		c.neutral.answers.Add(1)
		return healthy
	case failed.ofRequests(): // it waits behind a large one
		return notKnown
	}
	return failing
}

// harmless returns a request that no rule is against.
func harmless(v HTTPVersion) (*http.Request, inspect.Details) {
	return &http.Request{
		Method: http.MethodGet, RequestURI: "/", Host: "localhost", ProtoMajor: int(v) / 10, ProtoMinor: int(v) % 10,
		Header: http.Header{"User-Agent": {"tocsin"}, "Accept": {"*/*"}},
	}, inspect.Details{Client: netip.AddrFrom4([4]byte{127, 0, 0, 1})}
}
