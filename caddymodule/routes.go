package caddymodule

import (
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// A routeWalk visits the handlers of a server's provisioned routes, also those in blocks, in
// the error routes of blocks, and in the named routes that a handler invokes.
type routeWalk struct {
	named   map[string]*caddyhttp.Route
	invoked []string // the named routes on the current path
}

// walkOf returns a walk through the routes of srv.
func walkOf(srv *caddyhttp.Server) routeWalk { return routeWalk{named: srv.NamedRoutes} }

// any reports whether is returns true for one of the handlers.
func (w routeWalk) any(routes caddyhttp.RouteList, is func(caddyhttp.MiddlewareHandler) bool) bool {
	return slices.ContainsFunc(routes, func(r caddyhttp.Route) bool {
		return slices.ContainsFunc(r.Handlers, func(h caddyhttp.MiddlewareHandler) bool { return w.anyOf(h, is) })
	})
}

// anyOf is any for one handler and the handlers inside it.
func (w routeWalk) anyOf(handler caddyhttp.MiddlewareHandler, is func(caddyhttp.MiddlewareHandler) bool) bool {
	switch h := handler.(type) {
	case *caddyhttp.Subroute:
		return w.any(h.Routes, is) || h.Errors != nil && w.any(h.Errors.Routes, is)
	case *caddyhttp.Invoke:
		return !slices.Contains(w.invoked, h.Name) && w.invoke(h.Name, is)
	}
	return is(handler)
}

// invoke is any for a named route.
func (w routeWalk) invoke(name string, is func(caddyhttp.MiddlewareHandler) bool) bool {
	route := w.named[name]
	if route == nil {
		return false
	}
	w.invoked = append(slices.Clip(w.invoked), name)
	return w.any(caddyhttp.RouteList{*route}, is)
}

// aside reports whether is returns true for a handler in a named route or in the error
// routes of the server. Any request can reach these.
func (w routeWalk) aside(srv *caddyhttp.Server, is func(caddyhttp.MiddlewareHandler) bool) bool {
	if srv.Errors != nil && w.any(srv.Errors.Routes, is) {
		return true
	}
	for name := range srv.NamedRoutes {
		if w.invoke(name, is) {
			return true
		}
	}
	return false
}
