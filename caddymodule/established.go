package caddymodule

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"

	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/middleware"
)

// establishedKeep is the App.Established and Handler.Established that lets them go on.
const establishedKeep = "keep"

// keep says what becomes of requests that are being served here when their client is
// banned. Those that last may outlive the config, so what knows them is kept across
// reloads.
func (h *Handler) keep(app *App, cfg *middleware.Config) {
	cfg.KeepEstablished = cmp.Or(h.Established, app.Established) == establishedKeep
	cfg.Established, cfg.Recheck = &app.engine.shared.established, lookupNow
	cfg.Lasts = func(r *http.Request, client netip.Addr) bool { return isTrustedProxy(r.Context(), client) }
}

// lookupNow finds the decision for a client by the config that runs: the request may
// have come under an earlier one, whose engine has stopped and whose allow list was
// shorter. A config without tocsin decides nothing.
func lookupNow(ctx context.Context, ip netip.Addr) (lookup.Decision, bool) {
	a, err := runningApp()
	if err != nil || a.allow.contains(ip) {
		return lookup.Decision{}, false
	}
	return a.engine.Lookup(ctx, ip)
}
