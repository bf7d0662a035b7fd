package middleware

import "net/http"

// serveExempt serves r, which came as whole and is exempt from the challenge f.exempt. It
// returns that stop, now in force, if r is not exempt for this answer.
//
// A handler for errors may be a part of the site, so it does not get an error of next.
// Only the status of the error counts here.
func (m *Middleware) serveExempt(w http.ResponseWriter, whole, r *http.Request, f *finding, next nextFunc) *Stop {
	e, r := m.challenge.gate.Exempt(w, r)
	r = m.reduced(w, r)
	if err := m.observe.serve(e, r, f, next); err != nil {
		e.Fail(m.errorStatus(err))
	}
	if !e.Close() {
		return nil
	}
	return m.challenge.withhold(whole, f)
}
