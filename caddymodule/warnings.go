package caddymodule

import (
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"go.uber.org/zap"
)

// Warnings are about probable mistakes in a config. Each is logged once, and in the
// status while the config is running.
type warnings struct {
	matched   atomic.Bool // there is a matcher, so a directive is not needed
	forwarded atomic.Bool // the warning of untrusted proxies was logged

	mu   sync.Mutex
	text []string
}

func (w *warnings) add(text string) (isNew bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.Contains(w.text, text) {
		return false
	}
	w.text = append(w.text, text)
	return true
}

func (w *warnings) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.text)
}

// warn logs text once and adds it to the status. Each cause has one text.
func (a *App) warn(text string, fields ...zap.Field) {
	if a.warnings.add(text) {
		a.logger.Warn(text, fields...)
	}
}

// warnNoDirective warns if no site has the directive.
func (a *App) warnNoDirective() {
	if len(a.places) == 0 && !a.warnings.matched.Load() {
		a.warn("no site has the directive tocsin, so no request is checked: write tocsin into each site that it should protect")
	}
}

// warnOfGuests lets the guests check the config for mistakes.
func (a *App) warnOfGuests(state State) {
	c := guest.Config{Sources: a.engine.opened, Report: state.Report}
	for _, o := range a.engine.opened {
		if g, ok := o.(guest.Warner); ok {
			g.Warn(c, a.warn)
		}
	}
}

// warnLost warns if this config has no source of decisions and the previous one had:
// that may be a mistake, and their decisions are no longer enforced.
func (a *App) warnLost(before *pooled) {
	if before == nil || a.engine.hasDecisions() || !before.hasDecisions() {
		return
	}
	a.warn("the previous config had sources of decisions, this one has none, so their decisions are no longer enforced: " +
		"write lapi or blocklist into the global option tocsin")
}

// warnGone warns if the new config has no tocsin any more.
func (a *App) warnGone() {
	if running() == nil && !caddy.Exiting() && caddy.ActiveContext().Context != nil {
		a.logger.Warn("the new config has no tocsin: no request is checked any more")
	}
}

// watchForwarded returns a function that detects requests through a proxy although srv
// trusts none, or nil if it trusts some.
func (a *App) watchForwarded(srv *caddyhttp.Server) func(r *http.Request) {
	if trustsProxies(srv) {
		return nil
	}
	return a.warnForwarded
}

// warnForwarded warns once if r seems to come through an untrusted proxy. Any client
// can send such a header, so the log only names the address of a private proxy: an
// operator might trust an attacker's address.
func (a *App) warnForwarded(r *http.Request) {
	if a.warnings.forwarded.Load() || len(r.Header["X-Forwarded-For"]) == 0 || !a.warnings.forwarded.CompareAndSwap(false, true) {
		return
	}
	var fields []zap.Field
	if from, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		if ip := from.Addr().Unmap(); ip.IsPrivate() || ip.IsLoopback() {
			fields = append(fields, zap.String("from", ip.String()))
		}
	}
	a.warn("a request had X-Forwarded-For, but no proxy is trusted: if a proxy or CDN is in front of this server, all its clients "+
		"count as one: write trusted_proxies static and its addresses, and trusted_proxies_strict, into the global option servers", fields...)
}
