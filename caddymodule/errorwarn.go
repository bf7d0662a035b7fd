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

// warnServer warns of what is unwise in srv, each once for a config, and returns what
// looks for more in the requests to it.
func (a *App) warnServer(ctx caddy.Context, srv *caddyhttp.Server) (forwarded func(r *http.Request)) {
	a.warnLeftmost(srv)
	a.warnErrorRoutes(ctx, srv)
	return a.watchForwarded(srv)
}

// warnErrorRoutes warns of error routes that hand stopped requests to a proxy or a
// file server without having asked about them. What they see is masked, so nothing of
// the site is lost; but hardly anybody who has written them knows that it is they who
// answer a banned client. It has to be called before error routes are provisioned:
// then their config is still there as it was written.
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

// warnUnguarded warns of what is in errors, once. Routes for other hosts than those
// named are of no concern; none named are all.
func (a *App) warnUnguarded(errors *caddyhttp.HTTPErrorConfig, hosts []string, srv *caddyhttp.Server) {
	if slices.Contains(a.warned, errors) {
		return
	}
	a.warned = append(a.warned, errors)
	s := survey{hosts: hosts, later: a.Startup == startupClosed || len(a.inspectors) > 0}
	if srv != nil {
		s.named = srv.NamedRoutes
	}
	s.walk(errors.Routes, false)
	if len(s.found) > 0 {
		const text = "error routes hand stopped requests on: they see these as GET " + stoppedPath + " without a body; " +
			"answer bans and throttles in handle_errors 403 429, stops with another status, such as 503, in a route that compares " +
			actionPlaceholder + ", and errors of the site apart from them"
		a.warnings.add(text)
		a.logger.Warn(text, // for each server
			zap.String("server", serverName(srv)), zap.Strings("handlers", s.found))
	}
}

// guardedHosts returns the hosts of the routes of srv with the directive in them; none
// if there is one for all hosts.
func guardedHosts(srv *caddyhttp.Server) (hosts []string) {
	for _, route := range srv.Routes {
		words, _ := json.Marshal(route.HandlersRaw) // it came as JSON
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

// A survey looks through error routes as they are written.
type survey struct {
	hosts []string                    // that are of concern; none: all are
	later bool                        // requests are stopped with 503, too
	named map[string]*caddyhttp.Route // that error routes may invoke
	deep  int

	found []string // handlers that an unguarded request gets to
}

// A written handler is what is known of one by its config.
type written struct {
	Handler string              `json:"handler"`
	URI     string              `json:"uri"`
	Name    string              `json:"name"`
	Routes  caddyhttp.RouteList `json:"routes"`

	Transport struct {
		Protocol string `json:"protocol"`
	} `json:"transport"`
}

// walk notes what a request gets to in routes that has not asked for a place of its
// own, unless it was sent to one already, and reports whether it was at the end.
func (s *survey) walk(routes caddyhttp.RouteList, sent bool) bool {
	if s.deep++; s.deep > 100 {
		return sent // routes that invoke each other
	}
	defer func() { s.deep-- }()
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

// visit notes a handler, unless the request was sent to a place, and reports whether it
// was behind it.
func (s *survey) visit(raw json.RawMessage, sent bool) bool {
	var h written
	_ = json.Unmarshal(raw, &h) // who reads it for good has errors to say
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

// meets reports whether stopped requests may come by route, and, if so, whether only
// because it asks about them.
func (s *survey) meets(route caddyhttp.Route) (asked, met bool) {
	asked, met = true, len(route.MatcherSetsRaw) == 0
	for _, set := range route.MatcherSetsRaw {
		if s.elsewhere(set["host"]) || s.spares(exprIn(set["expression"])) {
			continue
		}
		var all claim
		for name, words := range set {
			all = all.and(claimOf(name, words))
		}
		asked, met = asked && (all.action || all.status), true
	}
	return asked && len(route.MatcherSetsRaw) > 0, met
}

// serverErrors is what handle_errors 5xx asks.
const serverErrors = statusPlaceholder + " >= 500 && " + statusPlaceholder + " <= 599"

// spares reports whether an expression is about errors that no request is stopped with.
func (s *survey) spares(expr string) bool {
	if expr == serverErrors {
		return !s.later
	}
	statuses := statusesIn(expr)
	return len(statuses) > 0 && !slices.ContainsFunc(statuses, func(status string) bool {
		return areStops([]string{status}) || status == "503" && s.later
	})
}

// elsewhere reports whether hosts, as JSON, are others than those of concern.
func (s *survey) elsewhere(hosts json.RawMessage) bool {
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

// unconditional reports whether every request takes route, or one for which none of
// the files is there that it names by itself.
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
