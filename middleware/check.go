package middleware

import (
	"net/http"
	"net/netip"

	"github.com/tocsin-project/tocsin/lookup"
)

// A finding is what is known of a request before it goes on.
type finding struct {
	client  netip.Addr   // the zero Addr: it cannot be told
	allowed bool         // the client is on the allow list
	seen    *observation // nil: the request is not observed
	session bool         // that is because of its session
	stop    *Stop        // nil: it goes on
	pass    *Stop        // what it would be stopped by if it had no pass; nil: it needs none
	exempt  *Stop        // what it goes on against without a pass; nil: nothing
	held    *held        // of what is ended when its client is banned meanwhile; nil: it is not
	visit   *Visit       // nil: it meets no other middleware
}

// Check says whether r is to be stopped because of its client, and why; nil
// means: let it pass. It writes nothing to the client. It counts r and, if r is
// to be stopped, logs it, so it is to be called once for a request. In a dry run
// it always returns nil, but for answers to challenges of before. It does not
// allocate for a client that is known and may pass, unless there is something to
// observe it.
//
// It does not ask [Config].Inspect, which may read a body and wait: that is for
// [Middleware.Serve] and [Middleware.Handler]. Nor is any request exempt from a
// challenge: that takes somebody who looks at the answer, as these do.
func (m *Middleware) Check(r *http.Request) *Stop { return m.CheckVisit(nil, r) }

// check is Check, and returns what else it has found out.
func (m *Middleware) check(r *http.Request, v *Visit) (f finding) {
	f.visit = v
	n, ip, first := m.counters.next(), m.clientIP(r), v.begin()
	if !ip.IsValid() {
		// Nothing to judge by: a mistake in the setup must not close the site,
		// and must not stay unseen.
		if first {
			n.unknown.Add(1)
			m.warnUnknown(r)
		}
		f.stop = m.unsolicited(r, &f)
		return f
	}
	// The IPFunc may be the caller's own. One client must not have two names.
	f.client = m.nat64.Normalize(ip)
	if first {
		n.processed[family(f.client)].Add(1)
	}
	d, ok := v.lookup(m, r, f.client)
	ok = ok && d.Action != lookup.None
	// Asked last, so that the many clients without a decision pay nothing.
	if (ok || m.observer != nil || m.inspector != nil) && m.allow.contain(f.client) {
		if ok {
			n.noteAllowed(v)
		}
		f.allowed = true
		f.stop = m.unsolicited(r, &f)
		return f
	}
	if ok {
		f.weigh(m, r, newStop(d, f.client))
	}
	if f.stop == nil {
		f.stop = m.unsolicited(r, &f)
	}
	if f.stop == nil && !v.hasEnded() && m.observes(r, &f) {
		m.look(r, &f)
	}
	return f
}

// look begins to observe r, and has f say whether that stops it.
func (m *Middleware) look(r *http.Request, f *finding) {
	f.seen = f.visit.observe(m, r, f.client)
	if d, ok := f.visit.ask(m, f.seen); ok && d.Action != lookup.None {
		if d.Prefix.IsValid() { // else it is about the request before it was answered
			f.visit.enters(entry{f.client, d, true})
		}
		f.weigh(m, r, newObservedStop(d, f.client))
	}
}

// weigh has f say whether s stops r.
func (f *finding) weigh(m *Middleware, r *http.Request, s *Stop) {
	if f.stop = m.stop(r, s, f.visit); f.stop != nil {
		return
	}
	if s.passed {
		f.pass = s
	}
	if s.exempt {
		f.exempt = s
	}
}

// stop returns s, counted and logged; nil if r goes on all the same, with a pass
// or in a dry run.
func (m *Middleware) stop(r *http.Request, s *Stop, v *Visit) *Stop {
	gated := s.Decision.Action == lookup.Captcha && m.gate != nil && !m.dryRun && !s.relays()
	if gated && v.cleared(s) {
		return nil
	}
	if gated && !m.challenge(v.whole(r), s) {
		v.clear(s)
		return nil
	}
	if s.Answer {
		return s
	}
	if m.gate == nil || m.quiet {
		s.postpone()
	}
	if m.dryRun {
		v.note(s, func() { m.noteStop(r, s) })
		return nil
	}
	return v.stopped(s, func() { m.noteStop(r, s) })
}

// noteStop counts and logs that r is stopped, or would be.
func (m *Middleware) noteStop(r *http.Request, s *Stop) {
	m.counters.stop(s, m.dryRun)
	m.logStop(r, s)
}

// noteAllowed counts that a request goes on because of an allow list.
func (n *stripe) noteAllowed(v *Visit) {
	if v == nil {
		n.allowed.Add(1)
		return
	}
	v.note(nil, func() { n.allowed.Add(1) })
}
