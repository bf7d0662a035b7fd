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
	stop    *Stop        // nil: it goes on
}

// Check says whether r is to be stopped because of its client, and why; nil
// means: let it pass. It writes nothing to the client. It counts r and, if r is
// to be stopped, logs it, so it is to be called once for a request. In a dry run
// it always returns nil, but for answers to challenges of before. It does not
// allocate for a client that is known and may pass, unless there is something to
// observe it.
//
// It does not ask [Config].Inspect, which may read a body and wait: that is for
// [Middleware.Serve] and [Middleware.Handler].
func (m *Middleware) Check(r *http.Request) *Stop {
	f := m.check(r)
	return f.stop
}

// check is Check, and returns what else it has found out.
func (m *Middleware) check(r *http.Request) (f finding) {
	n, ip := m.counters.next(), m.clientIP(r)
	if !ip.IsValid() {
		// Nothing to judge by: a mistake in the setup must not close the site,
		// and must not stay unseen.
		n.unknown.Add(1)
		m.warnUnknown(r)
		f.stop = m.unsolicited(r, &f)
		return f
	}
	// The IPFunc may be the caller's own. One client must not have two names.
	f.client = lookup.Normalize(ip)
	n.processed[family(f.client)].Add(1)
	d, ok := m.lookup(r.Context(), f.client)
	ok = ok && d.Action != lookup.None
	// Asked last, so that the many clients without a decision pay nothing.
	if (ok || m.observer != nil || m.inspector != nil) && m.allow.contain(f.client) {
		if ok {
			n.allowed.Add(1)
		}
		f.allowed = true
		f.stop = m.unsolicited(r, &f)
		return f
	}
	if ok {
		f.stop = m.stop(r, newStop(d, f.client))
	}
	if f.stop == nil {
		f.stop = m.unsolicited(r, &f)
	}
	if f.stop != nil || !m.observes(r, f.client) {
		return f
	}
	f.seen = m.newObservation(r, f.client)
	if d, ok := m.observer.Request(&f.seen.event); ok && d.Action != lookup.None {
		f.stop = m.stop(r, newObservedStop(d, f.client))
	}
	return f
}

// stop returns s, counted and logged; nil if r goes on all the same, with a pass
// or in a dry run.
func (m *Middleware) stop(r *http.Request, s *Stop) *Stop {
	gated := s.Decision.Action == lookup.Captcha && m.gate != nil && !m.dryRun && !s.relays()
	if gated && !m.challenge(r, s) {
		return nil
	}
	if s.Answer {
		return s
	}
	if m.gate == nil {
		s.postpone()
	}
	m.counters.stop(s, m.dryRun)
	m.logStop(r, s)
	if m.dryRun {
		return nil
	}
	return s
}
