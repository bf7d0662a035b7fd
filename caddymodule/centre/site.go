package centre

import (
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/caddymodule/request"
)

// siteOf returns the origin of the site that contains a directive, such as
// https://blocklist.example.org; empty: unknown. Routes are complete only when the config
// starts.
func siteOf(h *Handler) string {
	if h.server == nil {
		return ""
	}
	hosts, _ := request.HostsTo(h.server.Routes, h)
	for _, host := range hosts {
		if !strings.ContainsAny(host, "*{}") {
			return scheme(h.server, host) + host + port(h.server)
		}
	}
	return ""
}

// scheme returns http:// if the site of a host is served without TLS, else https://.
func scheme(s *caddyhttp.Server, host string) string {
	if a := s.AutoHTTPS; a != nil && (a.Disabled || slices.Contains(a.Skip, host)) {
		return "http://"
	}
	return "https://"
}

// port returns the port of a server with a colon, unless browsers know it.
func port(s *caddyhttp.Server) string {
	for _, listen := range s.Listen {
		if a, err := caddy.ParseNetworkAddress(listen); err == nil && a.StartPort != 0 && a.StartPort != 80 && a.StartPort != 443 {
			return ":" + strconv.FormatUint(uint64(a.StartPort), 10)
		}
	}
	return ""
}

// isGuarded reports whether the directive tocsin comes before all pages of a centre. Visitors
// that it bans then cannot reach the page where they appeal.
func isGuarded(routes caddyhttp.RouteList, h caddyhttp.MiddlewareHandler) bool {
	guarded := false // by an earlier route without a matcher
	for _, route := range routes {
		here := guarded
		for _, handler := range route.Handlers {
			if handler == h {
				return here
			}
			if inner, ok := handler.(*caddyhttp.Subroute); ok {
				if _, found := request.HostsTo(inner.Routes, h); found {
					return here || isGuarded(inner.Routes, h)
				}
			}
			if m, ok := handler.(caddy.Module); ok && m.CaddyModule().ID == "http.handlers.tocsin" {
				here = true
			}
		}
		guarded = guarded || here && len(route.MatcherSets) == 0
	}
	return false
}
