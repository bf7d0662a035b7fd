package caddymodule

import (
	"net/http"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// An answerer answers stopped requests: with the error routes of their site if these
// handle the error, otherwise with tocsin's own page. [mask] describes what error
// routes see.
//
// Returning the error is not enough: if no error route handles it, Caddy sends an empty
// body, and a subroute with its own error routes continues with the handlers after it,
// as if there was no error.
type answerer struct {
	nested *caddyhttp.HTTPErrorConfig // of the subroute around the handler, if any
	logger *zap.Logger

	once   sync.Once
	masked caddyhttp.RouteList // the error routes, for masked requests
}

// newAnswerer returns the answerer for the handler that is being provisioned.
func newAnswerer(ctx caddy.Context, l *zap.Logger) *answerer {
	a := &answerer{logger: l}
	for _, m := range slices.Backward(ctx.Modules()) {
		if sr, ok := m.(*caddyhttp.Subroute); ok && sr.Errors != nil {
			a.nested = sr.Errors
			break
		}
	}
	return a
}

// answer answers r with page, or with the error routes that r is subject to. Only for
// them it asks for the error, and for the request as they get it. It never calls the
// handlers after this one, and undoes rewrites of r.
func (a *answerer) answer(w http.ResponseWriter, r *http.Request, page http.HandlerFunc, fail func(*http.Request) (*http.Request, caddyhttp.HandlerError)) error {
	routes := a.routes(r)
	if len(routes) == 0 {
		page(w, r)
		return nil
	}
	whole, cause := fail(r)
	last := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		page(w, whole)
		return nil
	})
	r = whole
	restore(r)
	stopped, r := newMask(w, new(caddyhttp.HTTPErrorConfig).WithError(r, cause), cause)
	if err := compile(routes, last).ServeHTTP(stopped, r); err != nil {
		if ce := a.logger.Check(zapcore.ErrorLevel, "the error routes failed: tocsin's own page was sent"); ce != nil {
			ce.Write(zap.Error(err), zap.Int("status", cause.StatusCode))
		}
		return last(stopped, r)
	}
	return nil
}

// routes returns the error routes for r. A request that is already in error routes has
// none, otherwise a directive there would never end. Routes are only complete when the
// config is running, so the first request masks them.
func (a *answerer) routes(r *http.Request) caddyhttp.RouteList {
	if r.Context().Value(caddyhttp.ErrorCtxKey) != nil {
		return nil
	}
	a.once.Do(func() {
		srv, _ := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
		switch {
		case a.nested != nil:
			a.masked = maskRoutes(a.nested.Routes)
		case srv != nil && srv.Errors != nil:
			a.masked = maskRoutes(srv.Errors.Routes)
		}
	})
	return a.masked
}

// restore undoes rewrites of r, as Caddy's server does before its error routes.
func restore(r *http.Request) {
	orig, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	if !ok {
		return
	}
	r.Method, r.RemoteAddr, r.RequestURI = orig.Method, orig.RemoteAddr, orig.RequestURI
	*r.URL = *orig.URL
}

// compile returns a handler of error routes. Last answers errors that none of them
// handles.
func compile(routes caddyhttp.RouteList, last caddyhttp.Handler) caddyhttp.Handler {
	h := last
	for _, route := range slices.Backward(routes) {
		h = link(route, h, last)
	}
	return h
}

// link returns a handler for route, or else next. After a terminal route comes last:
// the Caddyfile creates one terminal route for each site's error routes, and Caddy
// would end it with an empty body if the site handles only other errors. Routes of
// other sites do not apply then.
func link(route caddyhttp.Route, next, last caddyhttp.Handler) caddyhttp.Handler {
	if !route.Terminal || route.Group != "" {
		return route.Compile(next)
	}
	route.Terminal = false
	handle := route.Compile(last)
	return caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		ok, err := route.MatcherSets.AnyMatchWithError(r)
		switch {
		case err != nil:
			return err
		case !ok:
			return next.ServeHTTP(w, r)
		}
		return handle.ServeHTTP(w, r)
	})
}
