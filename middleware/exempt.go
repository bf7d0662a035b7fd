package middleware

import "net/http"

// serveExempt serves r, which is exempt from the challenge f.exempt. Whole is the
// request before it was reduced. If the response is not exempt, it returns the stop,
// which then applies.
//
// An error handler may be part of the site, so it does not get an error of next. Only
// the status of the error is used.
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
