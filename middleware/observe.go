package middleware

import (
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// An Observer looks for abuse. The engine of this module is one.
type Observer interface {
	// Request judges a request before it goes on, and returns the decision that
	// it gives cause for, and whether there is one. A captcha whose prefix is the zero
	// Prefix is about this request alone: see [Stop].Guard. It stands in front of the
	// request, so it must not wait.
	Request(*event.Event) (lookup.Decision, bool)

	// Response is told when the request is over. It may keep the event, and must
	// not wait: it delays the client.
	Response(*event.Event)
}

// A challengeObserver is an Observer that also gets challenges: see
// [Config].Challenged.
type challengeObserver interface {
	Challenged(client netip.Addr, d lookup.Decision, page string, solved bool)
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
// An error that wraps [appsec.ErrBody] is not that of next, which was not called:
// the body of r cannot be read, mostly because the client has gone, and r is to be
// given up without an answer. Nothing was written then either.
func (m *Middleware) Serve(w http.ResponseWriter, r *http.Request, next func(http.ResponseWriter, *http.Request) error) (s *Stop, err error) {
	return m.serve(nil, w, r, next)
}

func (m *Middleware) serve(v *Visit, w http.ResponseWriter, r *http.Request, next func(http.ResponseWriter, *http.Request) error) (s *Stop, err error) {
	f := m.check(r, v)
	if f.stop == nil && m.inspector != nil {
		v, unread := m.inspect(w, r, &f)
		if unread != nil {
			return nil, unread
		}
		defer func() { letGo(r, &v, err) }()
	}
	if f.stop != nil {
		return f.stop, nil
	}
	f.renew(m, w, r)
	whole := r
	f.held, r = m.hold(v, w, v.forward(m, r), f.client)
	defer f.held.release()
	if f.exempt != nil {
		return m.serveExempt(v, w, whole, r, &f, next), nil
	}
	return nil, f.serve(m, w, r, next)
}

// serve serves r, which goes on, with next.
func (f *finding) serve(m *Middleware, w http.ResponseWriter, r *http.Request, next func(http.ResponseWriter, *http.Request) error) error {
	if f.seen != nil {
		f.seen.writer.held = f.held
		return f.seen.serve(m, w, r, next)
	}
	if f.held != nil && isTakenOver(r) {
		w = &recorder{ResponseWriter: w, held: f.held}
	}
	err := next(w, r)
	if f.session {
		m.sessions.Note(r, w.Header(), f.client) // it may end here
	}
	return err
}

// An observation is what is seen of one request and the response to it.
type observation struct {
	event  event.Event
	writer recorder
	body   bodyWatch
	length int64 // of the body, as the request says

	unasked bool // the observer was not asked yet: see Visit
	left    bool // somebody else observes the request now
}

// observes reports whether r, which goes on, is to be observed.
func (m *Middleware) observes(r *http.Request, f *finding) bool {
	if m.observer == nil || m.trusted(r, f.client) {
		return false
	}
	f.session = m.sessions != nil && m.sessions.Known(r, f.client)
	return !f.session
}

func (m *Middleware) newObservation(r *http.Request, ip netip.Addr) *observation {
	o := &observation{event: event.Event{
		Time: time.Now(), Client: ip, Method: r.Method, Target: r.RequestURI, Host: r.Host, Proto: r.Proto,
		UserAgent: r.UserAgent(), Referer: r.Referer(), Request: pick(r.Header, ofRequest),
	}}
	o.event.Attribute(r.Header, r.TLS != nil)
	if m.describe != nil {
		m.describe(r, &o.event)
	}
	return o
}

// serve serves r with next, and tells the observer when it is over, also if next
// panics.
func (o *observation) serve(m *Middleware, w http.ResponseWriter, r *http.Request, next func(http.ResponseWriter, *http.Request) error) error {
	o.writer.ResponseWriter, o.length = w, r.ContentLength
	o.writer.keep = o.body.watch(r)
	status := http.StatusInternalServerError // if next panics
	defer func() {
		if !o.over(m) {
			return
		}
		if o.writer.hijacked {
			status = http.StatusSwitchingProtocols
		} else if o.writer.status != 0 {
			status = o.writer.status
		}
		o.event.Ended = time.Now()
		o.event.Status, o.event.Header = status, withoutPass(pick(w.Header(), ofResponse))
		o.event.Size, o.event.ContentType = o.writer.size, contentType(w.Header())
		o.event.Body, o.event.Truncated = o.body.seen()
		if o.event.Answer = o.writer.answer; len(o.event.Answer) > 0 {
			o.event.Header = withEncoding(o.event.Header, w.Header())
		}
		if m.sessions != nil {
			m.sessions.Note(r, w.Header(), o.event.Client)
		}
		m.observer.Response(&o.event)
	}()
	err := next(&o.writer, r)
	status = http.StatusOK // of who writes nothing
	if err != nil {
		status = m.statusOf(err)
	}
	if err == nil && !o.writer.hijacked { // else who answers may want the body
		o.body.finish(w, o.length)
	}
	return err
}

// What of the headers says whether somebody logged in, or failed to, and that a store has
// read what signs a request.
var (
	ofRequest  = event.RequestFields()
	ofResponse = event.ResponseFields()
)

// withoutPass returns what was picked of a response without the pass that was renewed
// with it, which is no cookie of the site's.
func withoutPass(picked http.Header) http.Header {
	lines := picked["Set-Cookie"]
	if !slices.ContainsFunc(lines, challenge.IsPass) {
		return picked
	}
	if lines = slices.DeleteFunc(lines, challenge.IsPass); len(lines) > 0 {
		picked["Set-Cookie"] = lines
	} else {
		delete(picked, "Set-Cookie")
	}
	return picked
}

func contentType(h http.Header) string {
	if values := h["Content-Type"]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// withEncoding returns picked with what says how the body was compressed, by which
// what is kept of it can be read.
func withEncoding(picked, h http.Header) http.Header {
	encoding := h["Content-Encoding"]
	if len(encoding) == 0 {
		return picked
	}
	if picked == nil {
		picked = make(http.Header, 1)
	}
	picked["Content-Encoding"] = append([]string(nil), encoding...)
	return picked
}

// pick returns the named fields of h, nil if it has none. They are looked at
// while others may go on to change h.
func pick(h http.Header, names []string) http.Header {
	var picked http.Header
	for _, name := range names {
		values := h[name]
		if len(values) == 0 {
			continue
		}
		if picked == nil {
			picked = make(http.Header, len(names))
		}
		picked[name] = append([]string(nil), values...)
	}
	return picked
}
