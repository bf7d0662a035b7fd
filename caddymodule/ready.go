package caddymodule

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/caddymodule/option"
)

// readiness is the answer of the directive tocsin_ready.
type readiness struct {
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"`
}

// Ready answers health checks. It answers with status 200 and {"ready":true} while every
// source of decisions is in sync, or was recently enough. Otherwise it answers with status
// 503 and {"ready":false,"reason":"…"}, and the reason names the sources. A server that is
// not ready still enforces the decisions that it has. So a load balancer that uses this
// answer should keep some servers if all of them are not ready, which happens when they all
// use one CrowdSec and that is down.
type Ready struct{ engine *pooled }

// CaddyModule returns the Caddy module information.
func (Ready) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.tocsin_ready", New: func() caddy.Module { return new(Ready) }}
}

// Provision sets the handler up.
func (h *Ready) Provision(ctx caddy.Context) error {
	app, err := appOf(ctx)
	if err != nil {
		return err
	}
	h.engine = app.engine
	return nil
}

// ServeHTTP implements [caddyhttp.MiddlewareHandler].
func (h *Ready) ServeHTTP(w http.ResponseWriter, _ *http.Request, _ caddyhttp.Handler) error {
	var a readiness
	a.Ready, a.Reason = h.engine.readiness(h.engine.Stats(), time.Now())
	text, err := json.Marshal(a)
	if err != nil {
		return caddyhttp.Error(http.StatusInternalServerError, err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !a.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write(append(text, '\n')) // the client has gone, so nobody can receive an error
	return nil
}

// parseReady sets up the handler from the directive tocsin_ready; see
// [Ready.UnmarshalCaddyfile].
func parseReady(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Ready)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up the handler:
//
//	tocsin_ready [<matcher>]
func (*Ready) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	const name = "tocsin_ready"
	d.Next() // tocsin_ready
	if err := option.Exact(d, name); err != nil {
		return err
	}
	return option.Block{}.Parse(d, name)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Ready)(nil)
	_ caddyhttp.MiddlewareHandler = (*Ready)(nil)
	_ caddyfile.Unmarshaler       = (*Ready)(nil)
)
