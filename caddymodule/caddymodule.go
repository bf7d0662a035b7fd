// Package caddymodule brings tocsin into Caddy: who is let in to which site?
//
// The app "tocsin" says where decisions come from and holds what all sites share.
// The handler "http.handlers.tocsin", the directive tocsin, stops clients that are
// decided against. The matcher "http.matchers.tocsin" leaves to other directives
// what to do with them. The handler "http.handlers.tocsin_ready" answers health
// checks. What operators ask the app is in
// package admin.
//
// # Reloads
//
// State is in a pool, policy in the config. The engine with its table, its
// counters and its connections is kept across reloads under the hash of all
// that it is made from; everything that says what to do belongs to one config
// and ends with it. A reload never empties the table. If it changes the sources,
// the new engine starts with what the old one knows.
//
// # What happens on failure
//
// A config without any source of decisions, with a secret that cannot be
// resolved or with a value that makes no sense is refused, and the running one
// stays. Until the first good sync, and without a snapshot, requests pass;
// with startup closed they are answered 503. A client whose address Caddy
// cannot tell passes, and is counted and warned of. A site's error routes
// answer for a stopped request if they handle it; if they do not, or fail, our
// own page does, with the same status. It is never passed on.
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
	httpcaddyfile.RegisterGlobalOption("tocsin", parseGlobalOption)
	httpcaddyfile.RegisterHandlerDirective("tocsin", parseDirective)

	// A banned client gets nothing of the site, so the directive stands before
	// all that answers or rewrites (redir is the first) and before header too,
	// whose Cache-Control for the site must not end up on the ban page and put
	// it into a shared cache. What comes before it only prepares: tracing and
	// log_* then cover stopped requests as well, and root is known to the
	// site's handle_errors.
	httpcaddyfile.RegisterDirectiveOrder("tocsin", httpcaddyfile.Before, "header")

	// One of those that answer, and like respond it is mostly told by a matcher,
	// or in a handle, for which requests.
	httpcaddyfile.RegisterHandlerDirective("tocsin_ready", parseReady)
	httpcaddyfile.RegisterDirectiveOrder("tocsin_ready", httpcaddyfile.Before, "respond")
}
