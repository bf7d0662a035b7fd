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

// Warnings are about a config that does something else than its author is likely to
// mean. They are in the log once, and in the status as long as the config runs.
type warnings struct {
	matched   atomic.Bool // a matcher asks, so that no directive is needed
	forwarded atomic.Bool // the warning of proxies that are not trusted was given

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

// warn warns of text, which is the same each time for one cause.
func (a *App) warn(text string, fields ...zap.Field) {
	if a.warnings.add(text) {
		a.logger.Warn(text, fields...)
	}
}

// warnNoDirective warns if no site asks for anything.
func (a *App) warnNoDirective() {
	if len(a.places) == 0 && !a.warnings.matched.Load() {
		a.warn("no site has the directive tocsin, so nobody is stopped: write tocsin into each site that it should protect")
	}
}

// warnOfGuests has the guests look for mistakes in the config.
func (a *App) warnOfGuests(state State) {
	c := guest.Config{Sources: a.engine.opened, Report: state.Report}
	for _, o := range a.engine.opened {
		if g, ok := o.(guest.Warner); ok {
			g.Warn(c, a.warn)
		}
	}
}

// warnLost warns if this config has no source of decisions and the one before had:
// that may be an accident, and what they decided ends with it.
func (a *App) warnLost(before *pooled) {
	if before == nil || a.engine.hasDecisions() || !before.hasDecisions() {
		return
	}
	a.warn("the config before had sources of decisions, this one has none: what they decided is no longer enforced; " +
		"write lapi or blocklist into the global option tocsin")
}

// warnGone warns if no config has tocsin any more, though the server goes on.
func (a *App) warnGone() {
	if running() == nil && !caddy.Exiting() && caddy.ActiveContext().Context != nil {
		a.logger.Warn("the config that runs now has no tocsin: no request is checked any more")
	}
}

// watchForwarded returns what looks for requests that seem to come through a proxy
// although srv trusts none; nil if it does.
func (a *App) watchForwarded(srv *caddyhttp.Server) func(r *http.Request) {
	if trustsProxies(srv) {
		return nil
	}
	return a.warnForwarded
}

// warnForwarded warns of r, once, if it seems to come through a proxy that is not
// trusted. Anybody can send such a field, so the log names no address but that of a
// proxy next to us: an attacker's would be an invitation to trust it.
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
	a.warn("a request had X-Forwarded-For, but no proxy is trusted: if there is a proxy or CDN before this server, all of its clients are "+
		"taken for one; then write trusted_proxies static and its addresses, and trusted_proxies_strict, into the global option servers", fields...)
}
