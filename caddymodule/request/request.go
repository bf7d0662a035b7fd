// Package request answers one question: what does Caddy know of a request's client, and of
// the site that serves it?
package request

import (
	"net/http"
	"net/netip"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// ClientIP returns the client's address; the zero Addr if it is unknown. Caddy has already
// found it and knows which proxies to trust. It does not unmap IPv4 addresses, so the result
// must be normalized.
func ClientIP(r *http.Request) netip.Addr {
	s, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return ip
}

// HostsTo returns the patterns of the innermost host matchers on the way to h, and whether h
// is in routes. There are none if every host gets to h. Routes are complete only when the
// config runs.
func HostsTo(routes caddyhttp.RouteList, h caddyhttp.MiddlewareHandler) (patterns []string, found bool) {
	for _, route := range routes {
		found = slices.Contains(route.Handlers, h)
		for _, handler := range route.Handlers {
			if inner, ok := handler.(*caddyhttp.Subroute); ok && !found {
				patterns, found = HostsTo(inner.Routes, h)
			}
		}
		if found && len(patterns) == 0 {
			patterns = hostsOf(route.MatcherSets)
		}
		if found {
			return patterns, true
		}
	}
	return nil, false
}

// hostsOf returns the patterns of all host matchers in sets. There are none if a set has no
// host matcher, because then every host matches.
func hostsOf(sets caddyhttp.MatcherSets) (patterns []string) {
	for _, set := range sets {
		i := slices.IndexFunc(set, func(m any) bool { _, ok := m.(*caddyhttp.MatchHost); return ok })
		if i < 0 {
			return nil
		}
		patterns = append(patterns, *set[i].(*caddyhttp.MatchHost)...)
	}
	return patterns
}
