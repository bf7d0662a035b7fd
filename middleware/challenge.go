package middleware

import (
	"net/http"
	"time"

	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/lookup"
)

// challenge asks the gate about r, which s would stop because of a captcha
// decision, and reports whether it still does.
func (m *Middleware) challenge(r *http.Request, s *Stop) bool {
	if m.gate.Answering(r) {
		s.Challenge, s.Answer = true, true
		return true
	}
	switch m.gate.Judge(r, s.visitor()) {
	case challenge.Passed:
		m.counters.origin.of(&s.Decision).passed[family(s.Client)].Add(1)
		m.passed(r, s)
		return false
	case challenge.Exempt:
		return false
	case challenge.Barred:
		// To solve challenges all the time is what bots do that can.
		s.Decision.Action = lookup.Ban
	case challenge.Due:
		s.Challenge = true
	}
	return true
}

// unsolicited returns the stop of r if it is an answer to a challenge that no
// decision asks for: the decision has ended meanwhile, or another tab of the same
// browser was faster. The application must not see it. If requests are inspected it
// counts, for the inspection of an earlier one may have asked for it.
func (m *Middleware) unsolicited(r *http.Request, f *finding) *Stop {
	if m.gate == nil || f.visit.expects() || !m.gate.Answering(r) {
		return nil
	}
	s := &Stop{
		Client: f.client, Status: http.StatusNoContent, Ref: newRef(), Time: time.Now(),
		Challenge: true, Answer: true, settled: true,
	}
	if m.inspector != nil && !f.allowed && f.client.IsValid() {
		s.Decision, s.settled = appsecDecision(lookup.Captcha, f.client), false
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
		}
	case s.Challenge:
		m.gate.Challenge(w, r, s.visitor())
	default:
		m.banned.ServeHTTP(w, r.WithContext(NewContext(r.Context(), s)))
	}
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
	return challenge.Visitor{Addr: s.Client, Since: s.Decision.Since, Ref: s.Ref, Time: s.Time}
}
