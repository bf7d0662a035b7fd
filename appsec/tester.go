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

// testPause is the shortest time between the starts of two test questions.
const testPause = 1 * time.Second

// A tester decides whether AppSec fails in general or on a single request only. If
// AppSec has answered anything since the request was sent, the request is the cause.
// Otherwise the client asks a test question, with no data from a visitor.
//
// The test question continues even if the time of its request is over. So an attacker
// cannot hide the result with requests that fail just before their timeout.
type tester struct {
	carrier carrier       // its own connection where all questions share one; nil: the usual carrier
	answers atomic.Uint64 // the number of AppSec's answers, to any question

	mu     sync.Mutex
	next   time.Time     // when the next test question may start
	last   *testQuestion // the one in progress, or else the last one; nil: none yet
	before *testQuestion // the one before that
	closed bool          // no more test questions are asked
	waits  sync.WaitGroup
}

// A testQuestion is a question without data of a visitor.
type testQuestion struct {
	done    chan struct{} // closed at the end; the other fields do not change after that
	result  health
	answers uint64 // the number of answers at its end
}

// A health says whether an AppSec works.
type health uint8

const (
	notKnown health = iota
	healthy         // it answers other questions
	failing         // it also fails on a test question
)

// over reports whether i has ended.
func (i *testQuestion) over() bool {
	select {
	case <-i.done:
		return true
	default:
		return false
	}
}

// health returns the result of i, given the current number of answers. The test must
// have ended.
func (i *testQuestion) health(now uint64) health {
	if i.answers != now {
		return healthy
	}
	return i.result
}

// health reports whether AppSec answers questions other than t, on which it has failed.
// It waits for the result until the time of t is over. put asks a test question.
func (n *tester) health(t *turn, put func() health) health {
	if n.answers.Load() != t.answers {
		return healthy
	}
	i, before := n.test(put)
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
		return failing // an outage lasts until there is an answer
	}
	return notKnown
}

// test returns the test question to wait for, which may have ended, and the one
// before it; nil: none.
func (n *tester) test(put func() health) (i, before *testQuestion) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, nil
	}
	now := time.Now()
	if n.last != nil && !n.last.over() || now.Before(n.next) {
		return n.last, n.before
	}
	n.before, n.last = n.last, &testQuestion{done: make(chan struct{})}
	n.next = now.Add(testPause)
	i = n.last
	n.waits.Go(func() {
		i.result = put()
		i.answers = n.answers.Load()
		close(i.done)
	})
	return i, n.before
}

// close waits for the test question in progress. No other starts after it.
func (n *tester) close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.waits.Wait()
	if n.carrier != nil {
		n.carrier.close()
	}
}

// An unsentError means that there is no connection, so AppSec has not received the
// request.
type unsentError struct{ error }

func (e unsentError) Unwrap() error { return e.error }

// findCause finds the cause of a failure within the time of t: the request, or an
// AppSec that fails on everything.
func (c *Client) findCause(t *turn, failed Failure, err error) Failure {
	_, unsent := errors.AsType[unsentError](err)
	if unsent || failed != ServerError && failed != BadAnswer && failed != Unreachable {
		return failed
	}
	switch c.tester.health(t, c.askTest) {
	case healthy:
		return ByRequest
	case failing:
		return failed
	}
	return InDoubt
}

// askTest asks a test question. It uses no shared budget, so no client can delay it
// here.
func (c *Client) askTest() health {
	q := c.questions.Get().(*question)
	defer q.free(&c.questions)
	r, in := harmless(HTTP11)
	in = in.WithDefaults(r)
	q.secure, q.internal, q.mostHTTP, q.body, q.size = false, false, HTTP11, nil, 0
	q.setHead(r, &in, r.RequestURI, c.cfg.Key)
	t := c.newTurn(q, c.networks.enter(inspect.NetworkOf(in.Client)))
	t.most = t.allow // no request waits longer for it
	t.ask()
	wire := c.wire
	if c.tester.carrier != nil {
		wire = c.tester.carrier
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
		c.tester.answers.Add(1)
		return healthy
	case failed.ofRequests(): // it waits behind a large request
		return notKnown
	}
	return failing
}

// harmless returns a request that no rule refuses.
func harmless(v HTTPVersion) (*http.Request, inspect.Details) {
	return &http.Request{
		Method: http.MethodGet, RequestURI: "/", Host: "localhost", ProtoMajor: int(v) / 10, ProtoMinor: int(v) % 10,
		Header: http.Header{"User-Agent": {"tocsin"}, "Accept": {"*/*"}},
	}, inspect.Details{Client: netip.AddrFrom4([4]byte{127, 0, 0, 1})}
}
