// Package caddymodule has the Caddy modules of tocsin.
//
// The app "tocsin" has the sources of decisions and everything that sites share.
// The handler "http.handlers.tocsin", the directive tocsin, stops clients that have
// a decision against them. The matcher "http.matchers.tocsin" matches such clients
// for other directives. The handler "http.handlers.tocsin_ready" answers health
// checks. The listener wrapper "caddy.listeners.tocsin" closes connections of banned
// clients before the TLS handshake. Package admin has the admin API and the commands.
//
// # Reloads
//
// State is in a pool, policy in the config. The pool keeps the engine, with its
// table, counters and connections, across reloads under a hash of all its
// settings. Everything that says what to do belongs to one config and ends with
// it. A reload never empties the table. If it changes the sources, the new engine
// starts with the decisions of the old one.
//
// # Failure
//
// A config without any source of decisions, with a secret that cannot be
// resolved or with an invalid value is refused, and the running config stays.
// Until the first good sync, and without a snapshot, requests pass; with startup
// closed they get 503. A client whose address Caddy does not know passes, with a
// count and a warning. A site's error routes may answer a stopped request. If they
// do not, or fail, tocsin's own page answers with the same status. A stopped
// request never reaches the site.
package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

func init() {
	caddy.RegisterModule(App{})
	caddy.RegisterModule(Handler{})
	caddy.RegisterModule(Matcher{})
	caddy.RegisterModule(Ready{})
	caddy.RegisterModule(ListenerWrapper{})
	httpcaddyfile.RegisterGlobalOption("tocsin", parseGlobalOption)
	httpcaddyfile.RegisterHandlerDirective("tocsin", parseDirective)

	// A banned client gets nothing of the site, so the directive comes before all
	// directives that answer or rewrite (redir is the first). It also comes before
	// header, because a Cache-Control of the site could put the ban page into a shared
	// cache. The directives before it only prepare: tracing and log_* then also cover
	// stopped requests, and handle_errors knows root.
	httpcaddyfile.RegisterDirectiveOrder("tocsin", httpcaddyfile.Before, "header")

	// It answers requests like respond, usually with a matcher or in a handle.
	httpcaddyfile.RegisterHandlerDirective("tocsin_ready", parseReady)
	httpcaddyfile.RegisterDirectiveOrder("tocsin_ready", httpcaddyfile.Before, "respond")
}
