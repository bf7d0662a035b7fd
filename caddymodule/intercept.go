package caddymodule

import (
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// An enclosure is an intercept that stands around a directive. It puts answers of routes
// of its own in the place of the directive's, by their status, and hands the request to
// these as it came: so they might serve what was stopped.
type enclosure struct {
	once   sync.Once
	around bool
}

// isEnclosed reports whether an intercept stands around h. Routes are complete only when
// the config runs, so the first request has it found out.
func (h *Handler) isEnclosed() bool {
	if h.place == nil || h.place.server == nil {
		return false
	}
	e := &h.place.enclosure
	e.once.Do(func() {
		srv := h.place.server
		around, found := enclosing(srv, srv.Routes, h)
		// Where a directive in a named route or in error routes stands, only a request shows.
		e.around = around || !found && (walkOf(srv).any(srv.Routes, isIntercept) || walkOf(srv).aside(srv, isIntercept))
	})
	return e.around
}

// enclosing reports whether h is in routes, and whether a request may come by an intercept
// before it comes to h.
func enclosing(srv *caddyhttp.Server, routes caddyhttp.RouteList, h *Handler) (around, found bool) {
	for i, route := range routes {
		inRoute := false
		for _, handler := range route.Handlers {
			if handler == caddyhttp.MiddlewareHandler(h) {
				return inRoute || comesBy(srv, routes[:i], route.Group), true
			}
			if sr, ok := handler.(*caddyhttp.Subroute); ok {
				if inner, found := enclosing(srv, sr.Routes, h); found {
					return inner || inRoute || comesBy(srv, routes[:i], route.Group), true
				}
			}
			inRoute = inRoute || walkOf(srv).anyOf(handler, isIntercept)
		}
	}
	return false, false
}

// comesBy reports whether a request may come by an intercept in one of routes before it
// comes to one behind them that is of a group: not in one that ends there, nor in another
// one of the group. What stands in a block goes on around what follows the block.
func comesBy(srv *caddyhttp.Server, routes caddyhttp.RouteList, group string) bool {
	return slices.ContainsFunc(routes, func(r caddyhttp.Route) bool {
		return !r.Terminal && (r.Group == "" || r.Group != group) && walkOf(srv).any(caddyhttp.RouteList{r}, isIntercept)
	})
}

// isIntercept reports whether handler is an intercept.
func isIntercept(handler caddyhttp.MiddlewareHandler) bool {
	m, ok := handler.(caddy.Module)
	return ok && m.CaddyModule().ID == "http.handlers.intercept"
}

// conceal makes of r, which was stopped and answered on w, what error routes see of such
// a request, if an intercept stands around h. That keeps the headers of the answer, but
// not its body.
func (h *Handler) conceal(w http.ResponseWriter, r *http.Request) {
	if !h.isEnclosed() {
		return
	}
	w.Header().Del("Content-Length")
	r.Method, r.RequestURI = http.MethodGet, stoppedPath
	*r.URL = url.URL{Path: stoppedPath}
	r.Body, r.ContentLength, r.TransferEncoding, r.Trailer = http.NoBody, 0, nil, nil
	for name := range r.Header {
		if isOfBody(name) || !saysForm(name) {
			delete(r.Header, name)
		}
	}
}

// warnEnclosed warns of intercepts around directives.
func (a *App) warnEnclosed() {
	for _, p := range a.places {
		if p.handler.isEnclosed() {
			a.warn("intercept stands around tocsin, and may replace its answers: a challenge that is replaced cannot be solved, and nothing is exempt there; " +
				"write tocsin into the block in which intercept stands")
		}
	}
}
