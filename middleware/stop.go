package middleware

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/lookup"
)

// maxRetryAfter is what a client is told at most: a decision without an end
// must not become a number that no client understands.
const maxRetryAfter = 24 * time.Hour

// A Stop says that a request is not to be served, and why.
type Stop struct {
	Decision lookup.Decision // about the client, or about this request
	Client   netip.Addr      // whom the request came from, normalized
	Status   int             // what to answer: 403; 429 if the decision is to throttle, and for a captcha without a challenge; or what an inspection says

	// RetryAfter is how long the decision still holds, in whole seconds rounded
	// up, one second to one day; a day too if it has no end. It is 0 unless
	// Status is 429, or 503 because AppSec was too busy to judge the request: a banned
	// client is not invited to come back.
	RetryAfter time.Duration

	// Ref is a short reference that stands in the answer and in the log: ten
	// digits and capital letters, without I, L, O and U. It is random and means
	// nothing else. Where the log has no line about this request, it is the
	// reference of the last one about the same client.
	Ref string

	Time time.Time // when the request was stopped

	// Inspected says that an inspector stops the request, because of its content or
	// because it could not be judged. The client is not the reason.
	Inspected bool

	// Guard says that the request wants a pass, whoever sends it, because of where it
	// goes: an [Observer] has returned a captcha decision with neither Prefix, Country
	// nor AS. Nothing is decided about the client. No request is exempt, and a pass
	// from before Decision.Since does not count. If there is no challenge to send, the
	// client is told to come back later: Status is 429, and RetryAfter says when the
	// decision ends.
	Guard bool

	// Challenge says that the client may clear itself: [Middleware.Answer] sends
	// the challenge, or takes the answer to it, and has to be called. Else the
	// request is refused.
	Challenge bool

	// Answer says that the request is such an answer. It is neither counted as
	// stopped nor logged.
	Answer bool

	cause  cause
	relay  http.Handler // the inspector's own answer; nil: none
	bodies bodies       // what inspectors hold of the request's body, until it is answered
}

// A cause is what a Stop is about.
type cause uint8

const (
	byClient  cause = iota // the decision about the client, or what Inspected says
	byRequest              // this request, whoever sends it: it is not exempt from challenges
	byNothing              // the answer to a challenge that nothing asks for any more
	byEarlier              // the answer to a challenge that an earlier request may have caused
)

// isAboutClient reports whether the decision about the client is the reason.
func (s *Stop) isAboutClient() bool {
	return !s.Guard && !s.Inspected && s.cause != byNothing && s.cause != byEarlier
}

// visitor returns what the gate has to know.
func (s *Stop) visitor() challenge.Visitor {
	return challenge.Visitor{
		Addr: s.Client, Since: s.Decision.Since, Request: s.cause == byRequest || s.Inspected, Ref: s.Ref, Time: s.Time,
	}
}

// newStop returns the stop of a request from ip because of d. An action that is not
// known here is a ban: the strict side.
func newStop(d lookup.Decision, ip netip.Addr) *Stop {
	s := &Stop{Decision: d, Client: ip, Status: http.StatusForbidden, Ref: newRef(), Time: time.Now()}
	if d.Action == lookup.Throttle {
		s.Status = http.StatusTooManyRequests
		s.RetryAfter = retryAfter(d.Until, s.Time)
	}
	return s
}

// newObservedStop returns the stop that an [Observer] asks for, because of the
// request that it has just been told of.
func newObservedStop(d lookup.Decision, ip netip.Addr) *Stop {
	s := newStop(d, ip)
	s.cause = byRequest
	s.Guard = d.Action == lookup.Captcha && !d.Prefix.IsValid() && d.Country == "" && d.AS == 0
	return s
}

// postpone changes a stop without a challenge into one that ends by itself: a client that
// is only suspected, and cannot solve a challenge, is not banned for good. The verdict of
// an inspector is about this request alone, and stays.
func (s *Stop) postpone() {
	if s.Guard || s.Decision.Action == lookup.Captcha && !s.Inspected {
		s.Status, s.RetryAfter = http.StatusTooManyRequests, retryAfter(s.Decision.Until, s.Time)
	}
}

func retryAfter(until, now time.Time) time.Duration {
	if until.IsZero() {
		return maxRetryAfter
	}
	left := (until.Sub(now) + time.Second - 1).Truncate(time.Second)
	return min(max(left, time.Second), maxRetryAfter)
}

// newRef makes a reference of 50 random bits: unlikely to come twice among the
// lines of one log.
func newRef() string {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // Crockford's base 32
	var ref [10]byte
	rand.Read(ref[:]) // never fails
	for i, b := range ref {
		ref[i] = digits[b&31]
	}
	return string(ref[:])
}

type stopKey struct{}

// NewContext returns a context that carries s, for a handler such as [Page].
func NewContext(ctx context.Context, s *Stop) context.Context {
	return context.WithValue(ctx, stopKey{}, s)
}

// FromContext returns the [Stop] that ctx carries, and whether there is one.
func FromContext(ctx context.Context) (*Stop, bool) {
	s, ok := ctx.Value(stopKey{}).(*Stop)
	return s, ok && s != nil
}
