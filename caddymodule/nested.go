package caddymodule

import (
	"net/http"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/middleware"
)

// visitVar is the variable of a request with the state that several directives share.
const visitVar = "tocsin_visit"

// A place is the position of a directive in the config. A request that passes several
// directives is judged once: by the innermost (in nested handle or route blocks), and
// among equals by the first. In one block that is the one with the longest path,
// because Caddy sorts them like that.
//
// An outer directive gets the request first, and does what cannot wait: see
// [middleware.Visit]. To know whether an inner directive will follow, it asks the
// matchers on the way. They can only be wrong if a handler in between rewrites the
// request.
type place struct {
	server *caddyhttp.Server
	root   *caddyhttp.Subroute // the outermost one around it, which is the site; nil: none
	around *caddyhttp.Subroute // the innermost one; nil: none
	depth  int                 // the number of subroutes around it
	all    *[]*place           // of the config; complete when it is running

	handler   *Handler
	enclosure enclosure

	once   sync.Once
	shared bool // a request that passes here may also pass another place
	below  bool // the other place may be in the same block, or deeper
}

// A visit is the state of a request that may pass several places.
type visit struct {
	middleware.Visit
	depth int // of the judging place
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

// survey finds the other places. Routes are only complete when the config is running,
// so the first request does it.
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

// visit returns the state of r, or nil if none is needed, and whether h judges r.
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

// isFollowed reports whether r will pass a deeper place than h.
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

// meets reports whether r passes a directive in a block inside routes, or, if direct is
// set, in routes themselves. A route of the group satisfied was taken already.
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

// leadsIn reports whether r passes a directive in a block among handlers.
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
