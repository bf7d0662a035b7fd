package middleware

import (
	"net/http"
	"net/netip"

	"github.com/tocsin-project/tocsin/lookup"
)

// A finding is what the stages have found out about a request.
type finding struct {
	visit *Visit // nil: the request meets no other middleware

	client   netip.Addr      // the zero Addr: unknown
	decision lookup.Decision // about the client
	found    bool            // decision is in force
	allowed  bool            // the client is on the allow list
	stop     *Stop           // nil: the request passes
	pass     *Stop           // the challenge that its pass replaces; nil: it needs none
	exempt   *Stop           // the challenge that it is exempt from; nil: none
	session  bool            // it is not observed because of its session
	seen     *observation    // nil: it is not observed
	bodies   bodies          // what inspectors hold of its body
	held     *held           // for ending it when its client is banned; nil: it stays
}

// enter takes r through the stages that need no body and wait for nobody.
func (m *Middleware) enter(v *Visit, r *http.Request) (f finding) {
	f.visit = v
	m.address.enter(r, &f)
	m.decision.enter(r, &f)
	m.allow.enter(&f)
	m.challenge.enter(r, &f)
	m.observe.enter(r, &f)
	return f
}

// serve takes r through all stages, to next and back.
func (m *Middleware) serve(v *Visit, w http.ResponseWriter, r *http.Request, next nextFunc) (s *Stop, err error) {
	f := m.enter(v, r)
	unread := m.inspect.enter(w, r, &f)
	if unread != nil || f.stop != nil {
		return f.stop, unread
	}
	whole := r
	defer func() { f.bodies.releaseAfter(whole, err) }()
	m.challenge.renew(w, r, &f)
	f.held, r = m.ending.hold(m, w, v.forward(m, r), &f)
	defer f.held.release()
	if f.exempt != nil {
		return m.serveExempt(w, whole, r, &f, next), nil
	}
	return nil, m.observe.serve(w, r, &f, next)
}

// A nextFunc is a handler that may return an error.
type nextFunc = func(http.ResponseWriter, *http.Request) error

// Check says whether r is to be stopped because of its client, and why; nil
// means: let it pass. It writes nothing to the client. It counts r and, if r is
// to be stopped, logs it, so it is to be called once for a request. In a dry run
// it always returns nil, but for answers to challenges of before. It does not
// allocate for a client that is known and may pass, unless there is something to
// observe it.
//
// It does not ask [Config].Inspectors, which may read a body and wait: that is for
// [Middleware.Serve] and [Middleware.Handler]. No request is exempt from a challenge
// here, because these two check the answer to an exempt request.
func (m *Middleware) Check(r *http.Request) *Stop { return m.CheckVisit(nil, r) }

// CheckVisit is [Middleware.Check] for a request that meets several middlewares.
func (m *Middleware) CheckVisit(v *Visit, r *http.Request) *Stop {
	f := m.enter(v, r)
	if f.exempt != nil {
		return m.challenge.withhold(r, &f)
	}
	return f.stop
}

// Handler returns a handler that answers for next where Check, or an inspection,
// says stop. A request whose body breaks off is given up by [http.ErrAbortHandler].
func (m *Middleware) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := m.Serve(w, r, func(w http.ResponseWriter, r *http.Request) error {
			next.ServeHTTP(w, r)
			return nil
		})
		switch {
		case s != nil:
			m.Answer(w, r, s)
		case err != nil:
			giveUp(w, err)
		}
	})
}

// Serve serves r with next unless it is to be stopped: then it returns the Stop
// and has written nothing. It is for servers whose handlers return errors.
//
// An error that wraps [inspect.ErrBody] is not that of next, which was not called:
// the body of r cannot be read, mostly because the client has gone, and r is to be
// given up without an answer. Nothing was written then either.
func (m *Middleware) Serve(w http.ResponseWriter, r *http.Request, next func(http.ResponseWriter, *http.Request) error) (s *Stop, err error) {
	return m.serve(nil, w, r, next)
}

// ServeVisit is [Middleware.Serve] for a request that meets several middlewares.
func (m *Middleware) ServeVisit(v *Visit, w http.ResponseWriter, r *http.Request, next func(http.ResponseWriter, *http.Request) error) (s *Stop, err error) {
	defer v.settle()
	return m.serve(v, w, r, next)
}

// Forward returns r as the next handler is to see it: without the pass of a
// solved challenge, which is nobody else's business. It returns r itself if
// there is none.
func (m *Middleware) Forward(r *http.Request) *http.Request { return m.challenge.forward(r) }

// Answer answers r, which s, the result of Check or Serve, says is to be stopped.
func (m *Middleware) Answer(w http.ResponseWriter, r *http.Request, s *Stop) {
	defer s.bodies.release()
	switch {
	case s.relay != nil:
		s.relay.ServeHTTP(w, r)
	case s.Answer || s.Challenge:
		m.challenge.answer(w, r, s)
	default:
		if p, ok := m.banned.(*Page); ok {
			p.ServeStop(w, r, s)
			return
		}
		m.banned.ServeHTTP(w, r.WithContext(NewContext(r.Context(), s)))
	}
}
