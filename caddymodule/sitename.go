package caddymodule

import (
	"net/http"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/caddymodule/request"
	"github.com/tocsin-project/tocsin/event"
)

// anySite is the name of a site that answers for every host.
const anySite = "*"

// A siteNamer finds the name of the site that contains a directive. Guards count attempts at
// one site, and a client may write a different Host into each request, so the name comes
// from the config: see [event.Event].Site.
type siteNamer struct {
	known  bool // the directive's place in the routes was found
	hosts  map[string]bool
	others []string // patterns, such as *.example.com
}

// describe returns a function that completes an event with facts from Caddy. Routes are
// complete only when the config runs, so the site's name is found at the first request.
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

// newSiteNamer finds the host matchers on the way through routes to the directive h. The
// innermost matcher gives the name of the site.
func newSiteNamer(routes caddyhttp.RouteList, h *Handler) *siteNamer {
	n := &siteNamer{hosts: map[string]bool{}}
	var patterns []string
	if patterns, n.known = request.HostsTo(routes, h); !n.known {
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

// name returns the name of the site for r, or nothing if it depends only on the request's
// Host. A site for every host takes its name from the TLS handshake, because the server must
// have a certificate for that name.
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
