package centre

import (
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// siteOf returns the origin of the site that contains a directive, such as
// https://blocklist.example.org; empty: unknown. Routes are complete only when the config
// starts.
func siteOf(h *Handler) string {
	if h.server == nil {
		return ""
	}
	for _, host := range hostsTo(h.server.Routes, h) {
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

// hostsTo returns the patterns of the innermost host matchers around a handler.
func hostsTo(routes caddyhttp.RouteList, h *Handler) []string {
	for _, route := range routes {
		hosts, found := hostsIn(route, h)
		if !found {
			continue
		}
		if len(hosts) == 0 {
			hosts = hostsOf(route.MatcherSets)
		}
		return hosts
	}
	return nil
}

// hostsIn searches a route for a handler, and returns the hosts of the routes inside it.
func hostsIn(route caddyhttp.Route, h *Handler) (hosts []string, found bool) {
	for _, handler := range route.Handlers {
		if handler == caddyhttp.MiddlewareHandler(h) {
			return nil, true
		}
		if inner, is := handler.(*caddyhttp.Subroute); is {
			for _, r := range inner.Routes {
				if hosts, found := hostsIn(r, h); found {
					if len(hosts) == 0 {
						hosts = hostsOf(r.MatcherSets)
					}
					return hosts, true
				}
			}
		}
	}
	return nil, false
}

func hostsOf(sets caddyhttp.MatcherSets) (hosts []string) {
	for _, set := range sets {
		for _, m := range set {
			if h, is := m.(*caddyhttp.MatchHost); is {
				hosts = append(hosts, *h...)
			}
		}
	}
	return hosts
}
