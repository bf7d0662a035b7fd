package caddymodule

import (
	"net/http"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/middleware"
)

// visitVar is the variable of a request that holds what directives on its way share.
const visitVar = "tocsin_visit"

// A place is where a directive stands in the config. A request that comes by
// several is judged once: by the one that stands deepest, in a handle or route
// inside of others, and of those equally deep by the first. So of several in one
// block it is the one with the longest path, since Caddy sorts them like that.
//
// Who stands further out meets the request first, and does what cannot wait: see
// [middleware.Visit]. To know whether there is somebody further in to leave the
// rest to, it asks the matchers that lead there. They can be wrong only if somebody
// in between rewrites the request.
type place struct {
	server *caddyhttp.Server
	root   *caddyhttp.Subroute // the outermost around it, which is the site; nil: none
	around *caddyhttp.Subroute // the innermost; nil: none
	depth  int                 // how many there are
	all    *[]*place           // of the config, complete when it runs

	handler   *Handler
	enclosure enclosure

	once   sync.Once
	shared bool // a request that comes by here may come by another place
	below  bool // it may be one in the same block, or further in
}

// A visit is what is kept of a request that may come by several places.
type visit struct {
	middleware.Visit
	depth int // of the place that judges
}

// newPlace returns the place of h, which is being provisioned.
func (a *App) newPlace(ctx caddy.Context, srv *caddyhttp.Server, h *Handler) *place {
	p := &place{server: srv, all: &a.places, handler: h}
	for _, m := range ctx.Modules() {
		sr, ok := m.(*caddyhttp.Subroute)
		if !ok {
			continue
		}
		if p.root == nil {
			p.root = sr
		}
		p.around = sr
		p.depth++
	}
	a.places = append(a.places, p)
	return p
}

// survey finds out who else there is. Routes are complete only when the config
// runs, so the first request has it done.
func (p *place) survey() {
	if p.server == nil {
		return
	}
	p.shared = slices.ContainsFunc(*p.all, func(o *place) bool {
		return o != p && o.server == p.server && (o.root == p.root || o.root == nil || p.root == nil)
	})
	p.shared = p.shared || walkOf(p.server).aside(p.server, isOurs)
	p.below = p.shared && slices.ContainsFunc(*p.all, func(o *place) bool {
		return o.server == p.server && o.depth > p.depth
	})
}

// visit returns what is kept of r, nil if nothing needs to be, and whether h judges
// it.
func (h *Handler) visit(r *http.Request) (v *middleware.Visit, judges bool) {
	p := h.place
	if p == nil {
		return nil, true
	}
	if p.once.Do(p.survey); !p.shared {
		return nil, true
	}
	now, ok := caddyhttp.GetVar(r.Context(), visitVar).(*visit)
	switch {
	case !ok:
		now = new(visit)
		caddyhttp.SetVar(r.Context(), visitVar, now)
	case isInErrors(r):
		now.End()
		return &now.Visit, true
	case p.depth <= now.depth:
		return nil, false
	default:
		now.Enter()
	}
	now.depth = p.depth
	now.Expect(p.below && h.isFollowed(r))
	return &now.Visit, true
}

// isFollowed reports whether r is about to come by a place further in than h.
func (h *Handler) isFollowed(r *http.Request) bool {
	routes := h.place.server.Routes
	if h.place.around != nil {
		routes = h.place.around.Routes
	}
	isHere := func(other caddyhttp.MiddlewareHandler) bool { return other == h }
	i := slices.IndexFunc(routes, func(route caddyhttp.Route) bool { return slices.ContainsFunc(route.Handlers, isHere) })
	if i < 0 {
		return false
	}
	here := routes[i]
	after := here.Handlers[slices.IndexFunc(here.Handlers, isHere)+1:]
	if leadsIn(after, r) {
		return true
	}
	return !here.Terminal && meets(routes[i+1:], here.Group, r, false)
}

// meets reports whether r comes by a directive in routes, or, unless direct counts,
// in a block inside of them. Of the group named satisfied a route was taken already.
func meets(routes caddyhttp.RouteList, satisfied string, r *http.Request, direct bool) bool {
	taken := map[string]bool{satisfied: satisfied != ""}
	for _, route := range routes {
		if route.Group != "" && taken[route.Group] {
			continue
		}
		ok, err := route.MatcherSets.AnyMatchWithError(r)
		if err != nil {
			return false // the request ends there
		}
		if !ok {
			continue
		}
		if direct && slices.ContainsFunc(route.Handlers, isOurs) || leadsIn(route.Handlers, r) {
			return true
		}
		if route.Terminal {
			return false
		}
		taken[route.Group] = true
	}
	return false
}

// leadsIn reports whether r comes by a directive in a block that is among handlers.
func leadsIn(handlers []caddyhttp.MiddlewareHandler, r *http.Request) bool {
	return slices.ContainsFunc(handlers, func(h caddyhttp.MiddlewareHandler) bool {
		sr, ok := h.(*caddyhttp.Subroute)
		return ok && meets(sr.Routes, "", r, true)
	})
}

// isInErrors reports whether r is in error routes.
func isInErrors(r *http.Request) bool { return r.Context().Value(caddyhttp.ErrorCtxKey) != nil }

func isOurs(h caddyhttp.MiddlewareHandler) bool {
	_, ok := h.(*Handler)
	return ok
}
