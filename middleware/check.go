package middleware

import (
	"net/http"
	"net/netip"

	"github.com/tocsin-project/tocsin/lookup"
)

// A finding has the results of the stages for a request.
type finding struct {
	visit *Visit // nil: the request meets no other middleware

	client   netip.Addr      // the zero Addr: unknown
	decision lookup.Decision // about the client
	found    bool            // decision is in force
	allowed  bool            // the client is on the allow list
	stop     *Stop           // nil: the request passes
	pass     *Stop           // the stop that its pass has prevented; nil: none
	exempt   *Stop           // the stop from which it is exempt; nil: none
	session  bool            // it is not observed, because its session is known
	trusted  bool            // the last rule to match it is not certain, and its client has logged in
	seen     *observation    // nil: it is not observed
	bodies   bodies          // the inspectors' copies of its body
	request  *openRequest    // to end it if its client is banned meanwhile; nil: it is not ended
}

// enter passes r through the stages that need no body and do not wait.
func (m *Middleware) enter(v *Visit, r *http.Request) (f finding) {
	f.visit = v
	m.address.enter(r, &f)
	m.decision.enter(r, &f)
	m.allow.enter(&f)
	m.challenge.enter(r, &f)
	m.observe.enter(r, &f)
	return f
}

// serve passes r through all stages and to next.
func (m *Middleware) serve(v *Visit, w http.ResponseWriter, r *http.Request, next nextFunc) (s *Stop, err error) {
	f := m.enter(v, r)
	unread := m.inspect.enter(w, r, &f)
	if unread != nil || f.stop != nil {
		return f.stop, unread
	}
	whole := r
	defer func() { f.bodies.releaseAfter(whole, err) }()
	m.challenge.renew(w, r, &f)
	f.request, r = m.ending.hold(m, w, v.forward(m, r), &f)
	defer f.request.release()
	if f.exempt != nil {
		return m.serveExempt(w, whole, r, &f, next), nil
	}
	return nil, m.observe.serve(w, r, &f, next)
}

// A nextFunc is a handler that may return an error.
type nextFunc = func(http.ResponseWriter, *http.Request) error

// Check returns the reason to stop r because of its client, or nil if r passes. It
// writes nothing to the client. It counts r, and logs it if it is stopped, so call it
// once for each request. In a dry run it returns nil, except for answers to earlier
// challenges. It does not allocate for a client that passes, unless there is an
// observer.
//
// It does not ask [Config].Inspectors, which may read a body and wait: only
// [Middleware.Serve] and [Middleware.Handler] do. Here no request is exempt from a
// challenge, because only these two can check the response to an exempt request.
func (m *Middleware) Check(r *http.Request) *Stop { return m.CheckVisit(nil, r) }

// CheckVisit is [Middleware.Check] for a request that meets several middlewares.
func (m *Middleware) CheckVisit(v *Visit, r *http.Request) *Stop {
	f := m.enter(v, r)
	if f.exempt != nil {
		return m.challenge.withhold(r, &f)
	}
	return f.stop
}

// Handler returns a handler that answers instead of next if Check or an inspector stops
// the request. It aborts a request whose body breaks off with [http.ErrAbortHandler].
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

// Serve serves r with next. If r is stopped, it returns the Stop and has written
// nothing. It is for servers whose handlers return errors.
//
// If the error wraps [inspect.ErrBody], next was not called and nothing was written:
// the body of r cannot be read, usually because the client has disconnected. The caller
// must drop r without a response.
func (m *Middleware) Serve(w http.ResponseWriter, r *http.Request, next func(http.ResponseWriter, *http.Request) error) (s *Stop, err error) {
	return m.serve(nil, w, r, next)
}

// ServeVisit is [Middleware.Serve] for a request that meets several middlewares.
func (m *Middleware) ServeVisit(v *Visit, w http.ResponseWriter, r *http.Request, next func(http.ResponseWriter, *http.Request) error) (s *Stop, err error) {
	defer v.settle()
	return m.serve(v, w, r, next)
}

// Forward returns r for the next handler: without the cookie of the pass. It returns r
// itself if there is none.
func (m *Middleware) Forward(r *http.Request) *http.Request { return m.challenge.forward(r) }

// Answer answers the stopped request r. s is the result of Check or Serve.
func (m *Middleware) Answer(w http.ResponseWriter, r *http.Request, s *Stop) {
	defer s.bodies.release()
	switch {
	case s.relay != nil:
		s.relay.ServeHTTP(w, r)
	case s.Answer || s.Challenge:
		m.challenge.answer(w, r, s)
	default:
		if p, ok := m.banned.(*Page); ok { // which reads nothing of r's body
			p.ServeStop(w, r, s)
			return
		}
		m.banned.ServeHTTP(w, s.Request(r.WithContext(NewContext(r.Context(), s))))
	}
}
