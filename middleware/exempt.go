package middleware

import (
	"net/http"
)

// serveExempt serves r, which came as whole and is exempt from the challenge that
// f.exempt asks for, and returns that stop, now in force, if the answer is not one that r is exempt for.
//
// An error of next does not go to who answers errors, for that may be a part of the
// site: it is its status here, and nothing else.
func (m *Middleware) serveExempt(v *Visit, w http.ResponseWriter, whole, r *http.Request, f *finding, next func(http.ResponseWriter, *http.Request) error) *Stop {
	e, r := m.gate.Exempt(w, r)
	r = m.reduced(w, r)
	if err := f.serve(m, e, r, next); err != nil {
		e.Fail(m.statusOf(err))
	}
	if !e.Close() {
		return nil
	}
	return m.withhold(whole, f.exempt, v)
}

// withhold returns the stop that r was exempt from, counted and logged: it is in force
// after all, and the gate is asked about r as about any other request.
func (m *Middleware) withhold(r *http.Request, s *Stop, v *Visit) *Stop {
	s.exempt, s.caused = false, true
	m.challenge(v.whole(r), s) // it had no pass before
	if m.quiet {
		s.postpone()
	}
	return v.stopped(s, func() { m.noteStop(r, s) })
}
