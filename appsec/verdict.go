package appsec

import (
	"fmt"
	"net/http"
	"time"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
)

// judge asks AppSec and turns its answer into a verdict.
func (c *Client) judge(q *question) inspect.Verdict {
	a, failed, rest, err := c.ask(q)
	if err != nil {
		c.counts.failed[failed].Add(1)
		c.log.failure(failed, err)
		if failed.ofRequests() {
			return c.overloaded(q, failed, rest)
		}
		return c.unanswered(q, failed)
	}
	c.log.settle()
	v := c.translate(q, a)
	switch {
	case v.Relay != nil:
		c.counts.challenged.Add(1)
	case v.Answered:
		c.counts.stopped[v.Action].Add(1)
	}
	return v
}

// unanswered returns the verdict on a question without an answer.
func (c *Client) unanswered(q *question, failed Failure) inspect.Verdict {
	v := inspect.Verdict{Action: c.cfg.OnFailure, Status: http.StatusServiceUnavailable, Reason: failureReasons[failed]}
	switch {
	case q.internal:
		// Only AppSec can answer this path.
		v.Action = lookup.Ban
	case v.Action == lookup.None:
		// Fail open: an outage of AppSec must not stop the site.
		v.Status = 0
	case v.Action == lookup.Captcha:
		v.Status = http.StatusForbidden
	}
	return v
}

// overloaded returns the verdict on a request that AppSec did not inspect because of
// this request or another one. That is not an outage: if such requests passed, a client
// could switch inspection off.
func (c *Client) overloaded(q *question, failed Failure, rest time.Duration) inspect.Verdict {
	v := inspect.Verdict{Slow: failed == TooSlow || failed == ByRequest, Reason: failureReasons[failed]}
	if c.cfg.PassOverload && !q.internal {
		return v
	}
	v.Action, v.Status = lookup.Ban, http.StatusServiceUnavailable
	if failed != ByRequest { // a retry would fail again
		v.RetryAfter = rest
	}
	return v
}

// translate returns the verdict of an answer.
func (c *Client) translate(q *question, a *answer) inspect.Verdict {
	switch a.Action {
	case "allow":
		if q.internal {
			// AppSec has no such page, and the site must not see requests for AppSec.
			return inspect.Verdict{Action: lookup.Ban, Status: http.StatusNotFound, Reason: "AppSec has no such challenge page"}
		}
		return inspect.Verdict{}
	case "ban":
		return inspect.Verdict{Action: lookup.Ban, Status: sane(a.Status), Answered: true, Reason: "AppSec: ban"}
	case "captcha":
		return inspect.Verdict{Action: lookup.Captcha, Status: sane(a.Status), Answered: true, Reason: "AppSec: captcha"}
	case "challenge":
		relay, err := newRelay(a, q.secure)
		if err == nil {
			return inspect.Verdict{Action: lookup.Captcha, Status: relay.Status, Relay: relay, Answered: true, Reason: "AppSec: challenge"}
		}
		c.counts.unknown.Add(1)
		c.log.unknown("challenge", err)
	default:
		c.counts.unknown.Add(1)
		c.log.unknown(a.Action, nil)
	}
	return inspect.Verdict{
		Action: c.cfg.Fallback, Status: sane(a.Status), Answered: true,
		Reason: fmt.Sprintf("AppSec: %.64q", a.Action),
	}
}

// sane returns status if it refuses a request, or else 403.
func sane(status int) int {
	if status < 400 || status > 599 {
		return http.StatusForbidden
	}
	return status
}

// refuse returns the verdict on a request that is not sent to AppSec, because it would
// answer with an error or inspect only a part.
func (c *Client) refuse(why Skip) inspect.Verdict {
	c.counts.refused[why].Add(1)
	v := inspect.Verdict{Action: lookup.Ban, Status: http.StatusForbidden, Reason: skipReasons[why]}
	switch why {
	case BadTarget:
		v.Status = http.StatusBadRequest
	case LargeHead:
		v.Status = http.StatusRequestHeaderFieldsTooLarge
	case LongBody:
		v.Status, v.Close = http.StatusRequestEntityTooLarge, true
	case SlowBody:
		v.Status, v.Close = http.StatusRequestTimeout, true
	case NoRoom, NoShare:
		v.Status, v.Close = http.StatusServiceUnavailable, true
	}
	return v
}

// ask gets an answer. Without one it returns the kind of failure, and how long the
// client should wait.
func (c *Client) ask(q *question) (a *answer, failed Failure, rest time.Duration, err error) {
	p := c.networks.enter(q.network)
	t := c.newTurn(q, p)
	if t.alone, rest = c.networks.record(p); rest > 0 && t.bulky {
		t.end(false)
		return nil, PutOff, rest, errPutOff
	}
	try, ok := c.breaker.admit()
	if !ok {
		t.end(false)
		return nil, Paused, 0, errPaused
	}
	a, failed, err = c.askInTurn(q, t)
	switch {
	case err == nil:
		c.tester.answers.Add(1)
		c.load.answer(t)
		c.counts.latency.add(time.Since(t.began))
		c.breaker.note(try, answered)
	default:
		failed = t.cause(failed)
		c.breaker.note(try, failed.outcome())
	}
	t.end(err == nil || failed.heard())
	if err != nil {
		failed = c.findCause(t, failed, err)
	}
	return a, failed, retryAfter, err
}

// askInTurn waits for its part of the budgets and asks.
func (c *Client) askInTurn(q *question, t *turn) (*answer, Failure, error) {
	if !t.take() {
		return nil, Busy, errBusy
	}
	c.counts.asked.Add(1)
	return c.put(c.wire, q, t)
}

// put asks q over wire.
func (c *Client) put(wire carrier, q *question, t *turn) (*answer, Failure, error) {
	a, err := wire.ask(q, t)
	if err == nil && a.code == http.StatusUnauthorized && a.Action == "" {
		// AppSec also answers 401 if the Local API was slow to confirm a valid key. At
		// the second request it knows the key.
		c.counts.retried.Add(1)
		if again, err := wire.ask(q, t); err == nil {
			a = again
		}
	}
	if err != nil {
		return nil, failureOf(err), err
	}
	failed, err := a.check()
	return a, failed, err
}
