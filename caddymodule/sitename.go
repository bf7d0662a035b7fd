package caddymodule

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/event"
)

// anySite is the name of a site that answers for every host.
const anySite = "*"

// A siteNamer names the site that a directive stands in. Guards count what is tried
// at one site, and a client may write another Host into each request, so the name
// comes from the config: see [event.Event].Site.
type siteNamer struct {
	known  bool // where the directive stands was found
	hosts  map[string]bool
	others []string // patterns, such as *.example.com
}

// describe returns what corrects an event by what Caddy knows. Routes are complete
// only when the config runs, so the first request has the site's name found.
func (h *Handler) describe(w *watch) func(*http.Request, *event.Event) {
	namer := sync.OnceValue(func() *siteNamer {
		if h.place == nil || h.place.server == nil {
			return new(siteNamer)
		}
		return newSiteNamer(h.place.server.Routes, h)
	})
	return func(r *http.Request, e *event.Event) {
		w.describe(r, e)
		e.Site = namer().name(r)
	}
}

// newSiteNamer finds the host matchers that a request passes on its way through
// routes to the directive h. The innermost name the site.
func newSiteNamer(routes caddyhttp.RouteList, h *Handler) *siteNamer {
	n := &siteNamer{hosts: map[string]bool{}}
	var patterns []string
	if patterns, n.known = hostsTo(routes, h); !n.known {
		return n
	}
	for _, p := range patterns {
		if p = strings.ToLower(p); strings.ContainsAny(p, "*{") {
			n.others = append(n.others, p)
		} else {
			n.hosts[p] = true
		}
	}
	return n
}

// hostsTo returns the patterns of the innermost host matchers on the way to h, none
// if every host gets there, and whether h is in routes.
func hostsTo(routes caddyhttp.RouteList, h *Handler) (patterns []string, found bool) {
	isHere := func(other caddyhttp.MiddlewareHandler) bool { return other == h }
	for _, route := range routes {
		found = slices.ContainsFunc(route.Handlers, isHere)
		for _, handler := range route.Handlers {
			if inner, ok := handler.(*caddyhttp.Subroute); ok && !found {
				patterns, found = hostsTo(inner.Routes, h)
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

// hostsOf returns the patterns of all host matchers in sets; none if a set has no such
// matcher, for then every host matches.
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

// name returns the name of the site that r came to; empty if only its host tells. A
// site for every host is told by the name in the TLS handshake, for which the server
// must have a certificate.
func (n *siteNamer) name(r *http.Request) string {
	if !n.known {
		return ""
	}
	host := hostName(r.Host)
	if n.hosts[host] {
		return host
	}
	for _, pattern := range n.others {
		if strings.HasPrefix(pattern, "*.") && strings.HasSuffix(host, pattern[1:]) {
			return pattern
		}
	}
	switch {
	case len(n.others) > 0:
		return n.others[0]
	case r.TLS != nil && r.TLS.ServerName != "":
		return strings.ToLower(r.TLS.ServerName)
	}
	return anySite
}

// hostName returns a Host without its port, in lower case.
func hostName(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host[i:], ']') < 0 {
		host = host[:i]
	}
	return strings.ToLower(host)
}
