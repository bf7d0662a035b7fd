package middleware

import (
	"crypto/rand"
	"net/http"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// originLocal is the origin of this server's own decisions, as in the engine.
const originLocal = "tocsin"

// The challengeStage handles a request that a decision would stop: it may have a pass,
// or be exempt.
type challengeStage struct {
	gate   *challenge.Gate // nil: none
	off    bool            // the gate sends no challenge
	dryRun bool

	passed    func(*http.Request, *Stop)
	notExempt func() bool
	onResult  func(client netip.Addr, agent string, d lookup.Decision, page string, solved bool) // nil: nobody is told

	inspectedBy string // the first inspector; empty: no inspectors
	observed    bool   // requests are observed
	results     *resultLog
}

// newOwnGate returns a gate for a config without one, and logs what that means.
func newOwnGate(l *zap.Logger) (*challenge.Gate, error) {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	keys, err := challenge.NewKeyring(secret)
	if err != nil {
		return nil, err
	}
	l.Info("challenges use a random secret, so passes end with this process and other servers do not accept them: " +
		"set Challenge for passes that last")
	return challenge.New(challenge.Config{Keys: keys})
}

// enter applies the decision about the client, and detects answers to challenges.
func (c *challengeStage) enter(r *http.Request, f *finding) {
	if f.found {
		c.weigh(r, newStop(f.decision, f.client), f)
	}
	if f.stop == nil {
		f.stop = c.unsolicited(r, f)
	}
	if f.stop == nil {
		c.collect(r, f)
	}
}

// collect stops r if it loads a page and a script of its browser got a challenge before,
// which only a page can show.
func (c *challengeStage) collect(r *http.Request, f *finding) {
	if c.gate == nil || c.off || c.dryRun || f.allowed || !f.client.IsValid() || f.visit.hasEnded() {
		return
	}
	v := challenge.Visitor{Addr: f.client}
	if !c.gate.Owes(f.visit.whole(r), v) {
		return
	}
	s := newStop(lookup.Decision{Action: lookup.Captcha, Origin: originLocal, Reason: "a script of this browser needs a pass"}, f.client)
	s.cause, s.Challenge = byEarlier, true
	c.refuse(r, s, f)
}

// weigh decides about r, which s would stop, and sets the result in f.
func (c *challengeStage) weigh(r *http.Request, s *Stop, f *finding) {
	if c.gate != nil && !c.dryRun && s.Decision.Action == lookup.Captcha && s.relay == nil {
		if f.visit.cleared(s) {
			return
		}
		if how := c.ask(f.visit.whole(r), s); how != notCleared {
			f.clear(s, how)
			return
		}
	}
	if !s.Answer {
		c.refuse(r, s, f)
		return
	}
	f.stop = s
}

// refuse stops r because of s. In a dry run it only counts and logs that.
func (c *challengeStage) refuse(r *http.Request, s *Stop, f *finding) {
	if c.gate == nil || c.off {
		s.postpone()
	}
	if c.dryRun {
		f.visit.note(s, func() { c.results.stopped(r, s) })
		return
	}
	f.stop = f.visit.stopped(s, func() { c.results.stopped(r, s) })
}

// clear lets a request pass that s would stop.
func (f *finding) clear(s *Stop, how clearance) {
	f.visit.clear(s, how)
	if how == byPass {
		f.pass = s
	} else {
		f.exempt = s
	}
}

// A clearance is the reason why a request passes a challenge.
type clearance uint8

const (
	notCleared  clearance = iota
	byExemption           // see [challenge.Gate.Exempt]
	byPass                // its client has solved a challenge before
)

// ask asks the gate about r, which s would stop because of a captcha decision. If r is
// stopped, ask completes s.
func (c *challengeStage) ask(r *http.Request, s *Stop) clearance {
	if !c.off && c.gate.Answering(r) {
		s.Challenge, s.Answer = true, true
		return notCleared
	}
	v := s.visitor()
	v.Request = v.Request || c.notExempt()
	switch c.gate.Judge(r, v) {
	case challenge.Passed:
		c.results.passed(s)
		c.passed(r, s)
		return byPass
	case challenge.Exempt:
		return byExemption
	case challenge.Barred:
		c.turnAway(r, s)
	case challenge.Due:
		s.Challenge = !c.off
	}
	return notCleared
}

// turnAway changes s into "come back later", because a client at this address collects
// passes. It is not a ban, because other clients may have the same address.
func (c *challengeStage) turnAway(r *http.Request, s *Stop) {
	wait := max(c.gate.BarredFor(r, s.visitor()), time.Second)
	s.Decision.Action, s.Guard = lookup.Throttle, false
	s.Decision.Until = s.Time.Add(wait)
	s.Status, s.RetryAfter = http.StatusTooManyRequests, retryAfter(s.Decision.Until, s.Time)
}

// withhold returns the stop from which r was exempt, because the response was not
// exempt. The stop is counted and logged, and r is handled like a request that is not
// exempt.
func (c *challengeStage) withhold(r *http.Request, f *finding) *Stop {
	s := f.exempt
	s.cause = byRequest
	c.ask(f.visit.whole(r), s) // it had no pass: otherwise it would not have been exempt
	if c.off {
		s.postpone()
	}
	return f.visit.stopped(s, func() { c.results.stopped(r, s) })
}

// renew renews the pass of r, if it has one.
func (c *challengeStage) renew(w http.ResponseWriter, r *http.Request, f *finding) {
	if f.pass != nil {
		c.gate.Renew(w, f.visit.whole(r), f.pass.visitor())
	}
}

// unsolicited returns the stop of r if r answers a challenge that no decision asks for:
// the decision has ended, or another tab of the browser was faster. The application
// must not see such a request. If requests are inspected or observed, the answer
// counts, because the content of an earlier request may have caused the challenge. The
// answer does not say who caused it, so it counts for the first inspector, if there is
// one.
func (c *challengeStage) unsolicited(r *http.Request, f *finding) *Stop {
	if c.gate == nil || c.off || f.visit.expects() || !c.gate.Answering(r) {
		return nil
	}
	s := &Stop{
		Client: f.client, Status: http.StatusNoContent, Ref: newRef(), Time: time.Now(),
		Challenge: true, Answer: true, cause: byNothing,
	}
	switch {
	case c.dryRun || f.allowed || !f.client.IsValid():
	case c.inspectedBy != "":
		s.Decision, s.cause = inspectedDecision(c.inspectedBy, lookup.Captcha, f.client), byEarlier
	case c.observed:
		s.Decision, s.cause = lookup.Decision{Action: lookup.Captcha, Origin: originLocal}, byEarlier
	}
	return s
}

// answer sends the challenge for s, or handles the answer to one.
func (c *challengeStage) answer(w http.ResponseWriter, r *http.Request, s *Stop) {
	if !s.Answer {
		c.reportResult(r, s, false)
		if isBrowser(r) && !event.AttributionOf(r.Header, r.Host).IsReflected() {
			c.gate.Owe(r, s.visitor())
		}
		c.gate.Challenge(w, r, s.visitor())
		return
	}
	if c.gate.Answer(w, r, s.visitor(), s.cause != byNothing) {
		c.results.solved(s)
		c.reportResult(r, s, true)
	}
}

// reportResult calls Config.Challenged. If the request itself caused the challenge, it calls it
// only after a solution.
func (c *challengeStage) reportResult(r *http.Request, s *Stop, solved bool) {
	if c.onResult != nil && s.Client.IsValid() && (solved || s.isAboutClient() && asksItself(r)) {
		c.onResult(s.Client, r.UserAgent(), s.Decision, r.URL.Path, solved)
	}
}

// asksItself reports whether the visitor requested r. An open page also fetches files
// by itself.
func asksItself(r *http.Request) bool {
	ev := event.Event{Method: r.Method, Host: r.Host, UserAgent: r.UserAgent()}
	ev.Attribute(r.Header, r.TLS != nil)
	dest := r.Header.Get("Sec-Fetch-Dest")
	return (dest == "" || dest == "document") && ev.Attribution == event.Own
}

// forward returns r without its pass.
func (c *challengeStage) forward(r *http.Request) *http.Request {
	if c.gate == nil {
		return r
	}
	return c.gate.Strip(r)
}
