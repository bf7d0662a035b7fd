package caddymodule

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// warnServer warns of probable mistakes in srv, each once for a config, and returns a
// function that checks its requests for more.
func (a *App) warnServer(ctx caddy.Context, srv *caddyhttp.Server) (forwarded func(r *http.Request)) {
	a.warnLeftmost(srv)
	a.warnErrorRoutes(ctx, srv)
	return a.watchForwarded(srv)
}

// warnErrorRoutes warns of error routes that pass stopped requests to a proxy or a file
// server without a test for them. Those see only masked requests, so the site is safe,
// but their author may not know that they answer banned clients. It must run before
// error routes are provisioned, while their JSON still exists. So it cannot use
// [routeWalk], which walks provisioned handlers.
func (a *App) warnErrorRoutes(ctx caddy.Context, srv *caddyhttp.Server) {
	for _, m := range ctx.Modules() {
		if sr, ok := m.(*caddyhttp.Subroute); ok && sr.Errors != nil {
			a.warnUnguarded(sr.Errors, nil, srv)
		}
	}
	if srv != nil && srv.Errors != nil {
		a.warnUnguarded(srv.Errors, guardedHosts(srv), srv)
	}
}

// warnUnguarded warns of errors, once. It ignores routes for other hosts than these. No
// hosts means all.
func (a *App) warnUnguarded(errors *caddyhttp.HTTPErrorConfig, hosts []string, srv *caddyhttp.Server) {
	if slices.Contains(a.warned, errors) {
		return
	}
	a.warned = append(a.warned, errors)
	s := errorRouteCheck{hosts: hosts, with503: a.Startup == startupClosed || len(a.inspectors) > 0}
	if srv != nil {
		s.named = srv.NamedRoutes
	}
	s.walk(errors.Routes, false)
	if len(s.found) > 0 {
		const text = "error routes pass stopped requests to other handlers, as GET " + stoppedPath + " without a body; " +
			"answer bans and throttles in handle_errors 403 429, stops with another status, such as 503, in a route that tests " +
			actionPlaceholder + ", and other errors of the site in other routes"
		a.warnings.add(text)
		a.logger.Warn(text, // for each server
			zap.String("server", serverName(srv)), zap.Strings("handlers", s.found))
	}
}

// guardedHosts returns the hosts of the routes of srv with the directive, or none if a
// route is for all hosts.
func guardedHosts(srv *caddyhttp.Server) (hosts []string) {
	for _, route := range srv.Routes {
		words, _ := json.Marshal(route.HandlersRaw) // it was parsed from JSON
		if !strings.Contains(string(words), `"tocsin"`) {
			continue
		}
		if len(route.MatcherSets) == 0 {
			return nil
		}
		for _, set := range route.MatcherSets {
			i := slices.IndexFunc(set, func(m any) bool { _, ok := m.(*caddyhttp.MatchHost); return ok })
			if i < 0 {
				return nil
			}
			hosts = append(hosts, *set[i].(*caddyhttp.MatchHost)...)
		}
	}
	return hosts
}

// An errorRouteCheck checks the JSON of error routes.
type errorRouteCheck struct {
	hosts   []string                    // of the sites with the directive; none: all
	with503 bool                        // requests are also stopped with 503
	named   map[string]*caddyhttp.Route // that error routes may invoke
	depth   int

	found []string // handlers that stopped requests reach
}

// A handlerJSON is the JSON of a handler.
type handlerJSON struct {
	Handler string              `json:"handler"`
	URI     string              `json:"uri"`
	Name    string              `json:"name"`
	Routes  caddyhttp.RouteList `json:"routes"`

	Transport struct {
		Protocol string `json:"protocol"`
	} `json:"transport"`
}

// walk records the handlers in routes that stopped requests reach without a rewrite to
// a fixed path. Sent says whether such a rewrite came before, and the result whether
// one came by the end.
func (s *errorRouteCheck) walk(routes caddyhttp.RouteList, sent bool) bool {
	if s.depth++; s.depth > 100 {
		return sent // an endless loop of named routes
	}
	defer func() { s.depth-- }()
	for _, route := range routes {
		asked, met := s.meets(route)
		switch {
		case !met:
		case asked:
			sent = sent || rewrites(route)
		default:
			inside := sent
			for _, raw := range route.HandlersRaw {
				inside = s.visit(raw, inside)
			}
			if unconditional(route) {
				sent = inside
			}
		}
	}
	return sent
}

// visit records a handler, unless the request was rewritten to a fixed path, and
// reports whether it was after the handler.
func (s *errorRouteCheck) visit(raw json.RawMessage, sent bool) bool {
	var h handlerJSON
	_ = json.Unmarshal(raw, &h) // provisioning reports errors
	switch h.Handler {
	case "rewrite":
		return sent || h.URI != "" && !strings.Contains(h.URI, "{http.request.")
	case "reverse_proxy", "file_server", "php":
		if h.Transport.Protocol == "fastcgi" {
			h.Handler = "php_fastcgi"
		}
		if !sent && !slices.Contains(s.found, h.Handler) {
			s.found = append(s.found, h.Handler)
		}
		return sent
	case "invoke":
		if route := s.named[h.Name]; route != nil {
			return s.walk(caddyhttp.RouteList{*route}, sent)
		}
	}
	return s.walk(h.Routes, sent)
}

// meets reports whether stopped requests may reach route, and whether the route tests
// for them.
func (s *errorRouteCheck) meets(route caddyhttp.Route) (asked, met bool) {
	asked, met = true, len(route.MatcherSetsRaw) == 0
	for _, set := range route.MatcherSetsRaw {
		if s.isOtherHost(set["host"]) || s.ignoresStops(exprIn(set["expression"])) {
			continue
		}
		var all stopTest
		for name, words := range set {
			all = all.and(stopTestOf(name, words))
		}
		asked, met = asked && (all.action || all.status), true
	}
	return asked && len(route.MatcherSetsRaw) > 0, met
}

// serverErrors is the expression of handle_errors 5xx.
const serverErrors = statusPlaceholder + " >= 500 && " + statusPlaceholder + " <= 599"

// ignoresStops reports whether an expression is only about statuses that stopped requests
// never have.
func (s *errorRouteCheck) ignoresStops(expr string) bool {
	if expr == serverErrors {
		return !s.with503
	}
	statuses := statusesIn(expr)
	return len(statuses) > 0 && !slices.ContainsFunc(statuses, func(status string) bool {
		return areStops([]string{status}) || status == "503" && s.with503
	})
}

// isOtherHost reports whether hosts, as JSON, has none of the hosts with the directive.
func (s *errorRouteCheck) isOtherHost(hosts json.RawMessage) bool {
	var names []string
	if json.Unmarshal(hosts, &names) != nil || len(names) == 0 || len(s.hosts) == 0 {
		return false
	}
	return !slices.ContainsFunc(names, func(name string) bool {
		return strings.ContainsAny(name, "*{") || slices.ContainsFunc(s.hosts, func(host string) bool {
			return strings.ContainsAny(host, "*{") || strings.EqualFold(name, host)
		})
	})
}

// unconditional reports whether every request takes route, apart from the existence of
// fixed files.
func unconditional(route caddyhttp.Route) bool {
	for _, set := range route.MatcherSetsRaw {
		file, ok := set["file"]
		if !ok || len(set) > 1 || strings.Contains(string(file), "{http.request.") {
			return false
		}
	}
	return true
}

func rewrites(route caddyhttp.Route) bool {
	words, _ := json.Marshal(route.HandlersRaw) // it came as JSON
	return strings.Contains(string(words), `"rewrite"`)
}
