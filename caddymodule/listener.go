package caddymodule

import (
	"net"
	"net/netip"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/middleware"
	"go.uber.org/zap"
)

// ListenerWrapper closes the connections of banned clients before anything is read from
// them, so that they cost no TLS handshake. It goes before tls, and after
// proxy_protocol, in a server's listener_wrappers, and applies to all sites of that
// server. The handler judges everything else: captcha and throttle decisions, HTTP/3,
// and decisions of mode live.
//
// It closes no connection of a proxy that the server trusts, nor of a client that the
// app or one of the server's sites allows. If one of these sites is a dry run, so is
// the wrapper.
type ListenerWrapper struct {
	// How long the connection of a banned client is left open without an answer. At
	// most 1,024 connections are held, 4 of a client, and all others are reset at
	// once. Default: 0, all are reset at once.
	Tarpit caddy.Duration `json:"tarpit,omitempty" option:"min=1s,max=10m"`

	// Only log and count the connections that would have been closed. Default: false.
	DryRun bool `json:"dry_run,omitempty"`

	app    *App
	server *caddyhttp.Server // nil: not an HTTP server
	check  *middleware.Middleware
}

// CaddyModule returns the Caddy module information.
func (ListenerWrapper) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.listeners.tocsin", New: func() caddy.Module { return new(ListenerWrapper) }}
}

// Provision sets the wrapper up.
func (l *ListenerWrapper) Provision(ctx caddy.Context) error {
	if err := option.Check(l); err != nil {
		return err
	}
	app, err := appOf(ctx)
	if err != nil {
		return err
	}
	l.app = app
	l.server, _ = ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	l.check, err = middleware.New(middleware.Config{
		Lookup: app.engine.lookup, NAT64: app.engine.NAT64(),
		Allow: app.allow.ranges, AllowLists: app.allow.forMiddleware(),
		Counters: app.engine.counters.of(serverName(l.server)), Server: serverName(l.server),
		Logger: ctx.Logger(), LogIP: app.logIP,
		ChallengeOff: true, // a connection cannot get a challenge
	})
	if err == nil {
		app.checks = append(app.checks, l.check)
	}
	return err
}

// WrapListener implements [caddy.ListenerWrapper]. All sites of the config are known by
// now.
func (l *ListenerWrapper) WrapListener(ln net.Listener) net.Listener {
	dryRun := l.DryRun
	if !dryRun && l.app.anySite(l.server, func(s *site) bool { return s.dryRun }) {
		dryRun = true
		l.app.warn("listener_wrappers: tocsin closes no connection, because a site of the server has dry_run",
			zap.String("server", serverName(l.server)))
	}
	return l.check.Listener(ln, middleware.ListenerConfig{
		Lookup: l.app.engine.LookupHeld, Spare: l.spares, Tarpit: time.Duration(l.Tarpit), DryRun: dryRun,
	})
}

// spares reports whether the handler must judge connections from a banned address,
// because it knows the site, and the client behind a proxy.
func (l *ListenerWrapper) spares(ip netip.Addr) bool {
	return l.app.anySite(l.server, func(s *site) bool { return s.allow.contains(ip) }) ||
		l.server != nil && trustsProxyAt(l.server, ip)
}

// UnmarshalCaddyfile sets up the wrapper:
//
//	tocsin {
//	    tarpit <duration>
//	    dry_run
//	}
func (l *ListenerWrapper) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	const name = "listener_wrappers: tocsin"
	d.Next() // tocsin
	if err := option.Exact(d, name); err != nil {
		return err
	}
	return option.Read(d, name, l, nil)
}

// Interface guards
var (
	_ caddy.Provisioner     = (*ListenerWrapper)(nil)
	_ caddy.ListenerWrapper = (*ListenerWrapper)(nil)
	_ caddyfile.Unmarshaler = (*ListenerWrapper)(nil)
)
