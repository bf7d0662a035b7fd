package middleware

import (
	"net/http"
	"net/netip"

	"go.uber.org/zap"
)

// setDefaults gives what m was not told its default.
func (m *Middleware) setDefaults() error {
	if m.clientIP == nil {
		m.clientIP = RemoteAddr
	}
	if m.banned == nil {
		page, err := NewPage(PageConfig{Logger: m.log})
		if err != nil {
			return err
		}
		m.banned = page
	}
	if told, ok := m.observer.(challengeObserver); ok && m.challenged == nil {
		m.challenged = told.Challenged
	}
	if m.recheck == nil {
		m.recheck = m.lookup
	}
	if m.passed == nil {
		m.passed = func(*http.Request, *Stop) {}
	}
	if m.trusted == nil {
		m.trusted = func(*http.Request, netip.Addr) bool { return false }
	}
	if m.reduced == nil {
		m.reduced = func(_ http.ResponseWriter, r *http.Request) *http.Request { return r }
	}
	if m.notExempt == nil {
		m.notExempt = func() bool { return false }
	}
	if m.statusOf == nil {
		m.statusOf = func(error) int { return http.StatusInternalServerError }
	}
	if m.counters == nil {
		m.counters = new(Counters)
	}
	if m.log == nil {
		m.log = zap.NewNop()
	}
	return nil
}
