package middleware

import (
	"crypto/rand"
	"net/http"
	"time"

	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// originLocal is the origin of what is decided on this server, as the engine of
// this module names it.
const originLocal = "tocsin"

// newOwnGate returns the gate of a middleware that was given none, and says what
// that means.
func newOwnGate(l *zap.Logger) (*challenge.Gate, error) {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	keys, err := challenge.NewKeyring(secret)
	if err != nil {
		return nil, err
	}
	l.Info("challenges have a secret of their own, made at random: " +
		"passes end with this process, and other servers do not take them; set Challenge for passes that last")
	return challenge.New(challenge.Config{Keys: keys})
}

// challenge asks the gate about r, which s would stop because of a captcha
// decision, and reports whether it still does.
func (m *Middleware) challenge(r *http.Request, s *Stop) bool {
	if !m.quiet && m.gate.Answering(r) {
		s.Challenge, s.Answer = true, true
		return true
	}
	v := s.visitor()
	v.Request = v.Request || m.notExempt()
	switch m.gate.Judge(r, v) {
	case challenge.Passed:
		m.counters.origin.of(&s.Decision).passed[family(s.Client)].Add(1)
		m.passed(r, s)
		s.passed = true
		return false
	case challenge.Exempt:
		s.exempt = true
		return false
	case challenge.Barred:
		m.turnAway(r, s)
	case challenge.Due:
		s.Challenge = !m.quiet
	}
	return true
}

// turnAway makes of s that the client is to come back later, since passes are
// collected at its address: others are there, too.
func (m *Middleware) turnAway(r *http.Request, s *Stop) {
	wait := max(m.gate.BarredFor(r, s.visitor()), time.Second)
	s.Decision.Action, s.Guard = lookup.Throttle, false
	s.Decision.Until = s.Time.Add(wait)
	s.Status, s.RetryAfter = http.StatusTooManyRequests, retryAfter(s.Decision.Until, s.Time)
}

// renew has the pass that r goes on with hold for longer, if it has one.
func (f *finding) renew(m *Middleware, w http.ResponseWriter, r *http.Request) {
	if f.pass != nil {
		m.gate.Renew(w, f.visit.whole(r), f.pass.visitor())
	}
}

// unsolicited returns the stop of r if it is an answer to a challenge that no
// decision asks for: the decision has ended meanwhile, or another tab of the same
// browser was faster. The application must not see it. If requests are inspected or
// observed it counts, for an earlier one may have asked for it by what it was. The
// answer does not say which of the two has judged that one; it counts for the
// inspection if there is one.
func (m *Middleware) unsolicited(r *http.Request, f *finding) *Stop {
	if m.gate == nil || m.quiet || f.visit.expects() || !m.gate.Answering(r) {
		return nil
	}
	s := &Stop{
		Client: f.client, Status: http.StatusNoContent, Ref: newRef(), Time: time.Now(),
		Challenge: true, Answer: true, unasked: true, settled: true,
	}
	switch {
	case m.dryRun || f.allowed || !f.client.IsValid():
	case m.inspector != nil:
		s.Decision, s.settled = appsecDecision(lookup.Captcha, f.client), false
	case m.observer != nil:
		s.Decision, s.settled = lookup.Decision{Action: lookup.Captcha, Origin: originLocal}, false
	}
	return s
}

// Answer answers r, which s, the result of Check or Serve, says is to be stopped.
func (m *Middleware) Answer(w http.ResponseWriter, r *http.Request, s *Stop) {
	defer s.release()
	switch {
	case s.relays():
		s.verdict.Relay.ServeHTTP(w, r)
	case s.Answer:
		if m.gate.Answer(w, r, s.visitor(), !s.settled) {
			m.counters.origin.of(&s.Decision).solved[family(s.Client)].Add(1)
			m.tellChallenged(r, s, true)
		}
	case s.Challenge:
		m.tellChallenged(r, s, false)
		m.gate.Challenge(w, r, s.visitor())
	default:
		m.banned.ServeHTTP(w, r.WithContext(NewContext(r.Context(), s)))
	}
}

// tellChallenged tells what became of a challenge. Who was asked because of what a
// request was, and not because of a decision about the client, is told of only when
// the challenge is solved.
func (m *Middleware) tellChallenged(r *http.Request, s *Stop, solved bool) {
	if m.challenged != nil && s.Client.IsValid() && (solved || !s.Guard && !s.Inspected && !s.unasked && asksItself(r)) {
		m.challenged(s.Client, s.Decision, r.URL.Path, solved)
	}
}

// asksItself reports whether r is the client's own act, and nothing that a page which
// is open fetches or embeds: those ask on without anybody.
func asksItself(r *http.Request) bool {
	ev := event.Event{Method: r.Method, Host: r.Host, UserAgent: r.UserAgent()}
	ev.Attribute(r.Header, r.TLS != nil)
	dest := r.Header.Get("Sec-Fetch-Dest")
	return (dest == "" || dest == "document") && ev.Attribution == event.Own
}

// Forward returns r as the next handler is to see it: without the pass of a
// solved challenge, which is nobody else's business. It returns r itself if
// there is none.
func (m *Middleware) Forward(r *http.Request) *http.Request {
	if m.gate == nil {
		return r
	}
	return m.gate.Strip(r)
}

func (s *Stop) visitor() challenge.Visitor {
	return challenge.Visitor{
		Addr: s.Client, Since: s.Decision.Since, Request: s.caused || s.Inspected, Ref: s.Ref, Time: s.Time,
	}
}
