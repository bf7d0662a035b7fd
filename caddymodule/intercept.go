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
		around, found := enclosing(h.place.server.Routes, h)
		e.around = around || !found && slices.ContainsFunc(h.place.server.Routes, func(r caddyhttp.Route) bool {
			return slices.ContainsFunc(r.Handlers, intercepts) // h is in a named route, and that may be anywhere
		})
	})
	return e.around
}

// enclosing reports whether h is in routes, and whether a request may come by an intercept
// before it comes to h.
func enclosing(routes caddyhttp.RouteList, h *Handler) (around, found bool) {
	for _, route := range routes {
		for _, handler := range route.Handlers {
			if handler == caddyhttp.MiddlewareHandler(h) {
				return around, true
			}
			if sr, ok := handler.(*caddyhttp.Subroute); ok {
				if inner, found := enclosing(sr.Routes, h); found {
					return around || inner, true
				}
			}
			around = around || isIntercept(handler)
		}
	}
	return around, false
}

// intercepts reports whether handler is an intercept, or one is in it.
func intercepts(handler caddyhttp.MiddlewareHandler) bool {
	sr, ok := handler.(*caddyhttp.Subroute)
	return isIntercept(handler) || ok && slices.ContainsFunc(sr.Routes, func(r caddyhttp.Route) bool {
		return slices.ContainsFunc(r.Handlers, intercepts)
	})
}

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
		if isOfBody(name) {
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
