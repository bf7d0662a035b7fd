package caddymodule

import (
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// An enclosure is an intercept around a directive. It replaces the directive's
// responses, by status, by those of its own routes, which get the original request. So
// they could serve a stopped request.
type enclosure struct {
	once   sync.Once
	around bool
}

// isEnclosed reports whether an intercept is around h. Routes are only complete when
// the config is running, so the first request finds out.
func (h *Handler) isEnclosed() bool {
	if h.place == nil || h.place.server == nil {
		return false
	}
	e := &h.place.enclosure
	e.once.Do(func() {
		srv := h.place.server
		around, found := enclosing(srv, srv.Routes, h)
		// For a directive in a named route or in error routes, only a request could
		// show its place.
		e.around = around || !found && (walkOf(srv).any(srv.Routes, isIntercept) || walkOf(srv).aside(srv, isIntercept))
	})
	return e.around
}

// enclosing reports whether h is in routes, and whether a request may pass an intercept
// before h.
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

// comesBy reports whether a request may pass an intercept in one of routes before a
// later route of a group. Terminal routes and other routes of the same group do not
// count. An intercept in a block is also around the handlers after the block.
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

// conceal masks the stopped request r, as for error routes, if an intercept is around
// h. The intercept keeps the headers of the response on w, but not its body.
func (h *Handler) conceal(w http.ResponseWriter, r *http.Request) {
	if !h.isEnclosed() {
		return
	}
	w.Header().Del("Content-Length")
	r.Method, r.RequestURI = http.MethodGet, stoppedPath
	*r.URL = url.URL{Path: stoppedPath}
	r.Body, r.ContentLength, r.TransferEncoding, r.Trailer = http.NoBody, 0, nil, nil
	for name := range r.Header {
		if isBodyHeader(name) || !isFormHeader(name) {
			delete(r.Header, name)
		}
	}
}

// warnEnclosed warns of intercepts around directives.
func (a *App) warnEnclosed() {
	for _, p := range a.places {
		if p.handler.isEnclosed() {
			a.warn("intercept is around tocsin and may replace its responses: a replaced challenge cannot be solved, and no request is exempt there: " +
				"move tocsin out of it, into the block that contains intercept")
		}
	}
}
