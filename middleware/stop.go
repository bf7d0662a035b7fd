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

// maxRetryAfter is the largest Retry-After: a decision without an end must not become a
// number that clients do not understand.
const maxRetryAfter = 24 * time.Hour

// A Stop says why a request is not served.
type Stop struct {
	Decision lookup.Decision // about the client, or about this request
	Client   netip.Addr      // the client, normalized
	Status   int             // of the response: 403; 429 for a throttle, and for a captcha without a challenge; or that of an inspector

	// RetryAfter is how long the decision is still in force, rounded up to whole
	// seconds, at least one second and at most one day. It is a day if the decision has
	// no end. It is 0 unless Status is 429, or 503 because an inspector was too busy: a
	// banned client is not told to come back.
	RetryAfter time.Duration

	// Ref is a short random reference in the response and in the log: ten digits and
	// capital letters, without I, L, O and U. If the log has no line about this
	// request, it is the reference of the last line about the same client.
	Ref string

	Time time.Time // when the request was stopped

	// Inspected says that an inspector stops the request, because of its content, or
	// because it could not be inspected. The client is not the reason.
	Inspected bool

	// Guard says that this request needs a pass from any client, because of its path:
	// an [Observer] has returned a captcha decision without Prefix, Country and AS.
	// There is no decision about the client. No request is exempt, and a pass from
	// before Decision.Since does not count. If challenges are off, the client must come
	// back later: Status is 429, and RetryAfter says when the decision ends.
	Guard bool

	// Challenge says that the client may solve a challenge: the caller must call
	// [Middleware.Answer], which sends it or handles the answer. If it is false, the
	// request is refused.
	Challenge bool

	// Answer says that the request is an answer to a challenge. It is neither counted
	// as stopped nor logged.
	Answer bool

	bodiless bool // whoever answers gets no body of the request

	cause  cause
	relay  http.Handler // the inspector's own response; nil: none
	bodies bodies       // the inspectors' copies of the body, until the request is answered
}

// Request returns r for a handler that answers the stopped request. If the body is an
// attack, that is a copy of r without the body; the server reads the rest of it from r.
func (s *Stop) Request(r *http.Request) *http.Request {
	if !s.bodiless {
		return r
	}
	r = r.WithContext(r.Context())
	r.Body, r.ContentLength, r.TransferEncoding, r.Trailer = http.NoBody, 0, nil, nil
	return r
}

// A cause is the reason of a Stop.
type cause uint8

const (
	byClient  cause = iota // the decision about the client, or what Inspected says
	byRequest              // this request, from any client: it is not exempt from challenges
	byNothing              // the answer to a challenge that is not needed any more
	byEarlier              // an earlier request needs a challenge, or this is the answer to one that it may have caused
)

// isAboutClient reports whether a decision about the client is the reason.
func (s *Stop) isAboutClient() bool {
	return !s.Guard && !s.Inspected && s.cause != byNothing && s.cause != byEarlier
}

// visitor returns the data for the gate.
func (s *Stop) visitor() challenge.Visitor {
	return challenge.Visitor{
		Addr: s.Client, Since: s.Decision.Since, Request: s.cause == byRequest || s.Inspected, Ref: s.Ref, Time: s.Time,
	}
}

// newStop returns the stop of a request from ip because of d. An unknown action counts
// as a ban: fail closed.
func newStop(d lookup.Decision, ip netip.Addr) *Stop {
	s := &Stop{Decision: d, Client: ip, Status: http.StatusForbidden, Ref: newRef(), Time: time.Now()}
	if d.Action == lookup.Throttle {
		s.Status = http.StatusTooManyRequests
		s.RetryAfter = retryAfter(d.Until, s.Time)
	}
	return s
}

// newObservedStop returns the stop for the decision of an [Observer] about the current
// request.
func newObservedStop(d lookup.Decision, ip netip.Addr) *Stop {
	s := newStop(d, ip)
	s.cause = byRequest
	s.Guard = d.Action == lookup.Captcha && !d.Prefix.IsValid() && d.Country == "" && d.AS == 0
	return s
}

// postpone changes a captcha without a challenge into "come back later": a client that
// is only suspected, and cannot solve a challenge, is not banned. An inspector's
// verdict is about this request alone, and does not change.
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

// newRef returns a reference of 50 random bits, which will hardly ever occur twice in a
// log.
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

// NewContext returns a context with s, for a handler such as [Page].
func NewContext(ctx context.Context, s *Stop) context.Context {
	return context.WithValue(ctx, stopKey{}, s)
}

// FromContext returns the [Stop] in ctx, and whether there is one.
func FromContext(ctx context.Context) (*Stop, bool) {
	s, ok := ctx.Value(stopKey{}).(*Stop)
	return s, ok && s != nil
}
