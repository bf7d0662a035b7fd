package caddymodule

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"

	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/middleware"
)

// establishedKeep is the value of App.Established and Handler.Established that lets
// requests continue.
const establishedKeep = "keep"

// keep sets what happens to requests in progress when their client is banned. Long
// requests may outlive the config, so their set is kept across reloads.
func (h *Handler) keep(app *App, cfg *middleware.Config) {
	cfg.KeepEstablished = cmp.Or(h.Established, app.Established) == establishedKeep
	cfg.Established, cfg.Recheck = &app.engine.shared.established, lookupNow
	cfg.Lasts = func(r *http.Request, client netip.Addr) bool { return isTrustedProxy(r.Context(), client) }
}

// lookupNow finds the decision for a client in the running config, because the request
// may be from an earlier one, with a stopped engine and another allow list. A config
// without tocsin has no decisions.
func lookupNow(ctx context.Context, ip netip.Addr) (lookup.Decision, bool) {
	a, err := runningApp()
	if err != nil || a.allow.contains(ip) {
		return lookup.Decision{}, false
	}
	return a.engine.Lookup(ctx, ip)
}
