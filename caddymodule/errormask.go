package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// stoppedPath is the path of a stopped request in error routes that were not written
// for such requests.
const stoppedPath = "/tocsin/stopped"

// A mask is the view of error routes on a stopped request: a GET of [stoppedPath]
// without a body, with only the headers of [saysForm]. So routes for other errors pass
// nothing of the request to a proxy, and serve no file that it names. Routes that were
// written for stopped requests, and their handlers, see the original request without
// its body.
//
// A route was written for them if each of its matcher sets allows only the statuses 403
// and 429 in {http.error.status_code}, or tests {http.tocsin.action}, or has the
// matcher tocsin. For requests stopped with another status, such as 503, only a test of
// the decision counts, because a broken upstream has the same status.
type mask struct {
	status      int           // of the stopped request
	hasDecision bool          // there is a decision to test
	original    *http.Request // the original request
	revealed    bool          // handlers of a route for stopped requests are running
}

type maskKey struct{}

func maskOf(r *http.Request) *mask {
	m, _ := r.Context().Value(maskKey{}).(*mask)
	return m
}

// newMask returns the masked request of r, stopped because of cause, and a writer that
// keeps the status of cause.
func newMask(w http.ResponseWriter, r *http.Request, cause caddyhttp.HandlerError) (*stoppedWriter, *http.Request) {
	m := &mask{status: cause.StatusCode, hasDecision: !errors.Is(cause.Err, errNotReady), original: bodiless(r)}
	masked := bodiless(r)
	maps.DeleteFunc(masked.Header, func(name string, _ []string) bool { return !isFormHeader(name) })
	masked.Method, masked.RequestURI = http.MethodGet, stoppedPath
	masked.URL = &url.URL{Path: stoppedPath}
	masked = freshRequest(w, masked)
	return &stoppedWriter{inner: w, mask: m}, masked.WithContext(context.WithValue(masked.Context(), maskKey{}, m))
}

// bodyHeaders are the headers about a body, about a partial or conditional response, or
// about an upgrade of the connection.
var bodyHeaders = []string{
	"Connection", "Expect", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Range",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// bodiless returns r without a body.
func bodiless(r *http.Request) *http.Request {
	r = r.WithContext(r.Context())
	r.Body, r.ContentLength, r.TransferEncoding, r.Trailer = http.NoBody, 0, nil, nil
	r.Header = maps.Clone(r.Header)
	maps.DeleteFunc(r.Header, func(name string, _ []string) bool { return isBodyHeader(name) })
	return r
}

func isBodyHeader(name string) bool {
	return strings.HasPrefix(name, "Content-") || slices.Contains(bodyHeaders, name)
}

// formHeaders are the headers about the form of the response, the client and the trace. An
// application may read a path, a method or a user from any other header, such as
// X-Original-URL.
var formHeaders = []string{
	"Accept", "Accept-Encoding", "Accept-Language", "Dnt", "Forwarded", "Priority", "Save-Data", "Traceparent", "Tracestate",
	"User-Agent", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "X-Request-Id",
}

func isFormHeader(name string) bool {
	return slices.Contains(formHeaders, name) || strings.HasPrefix(name, "Sec-Ch-") || strings.HasPrefix(name, "Sec-Fetch-")
}

// maskRoutes returns routes that handle masked requests, and treat others like the given
// routes.
func maskRoutes(routes caddyhttp.RouteList) (masked caddyhttp.RouteList) {
	for _, route := range routes {
		q := newRouteMatcher(route.MatcherSets)
		in := &maskedRoute{matcher: q}
		for _, h := range route.Handlers {
			if sr, ok := h.(*caddyhttp.Subroute); ok {
				h = maskSubroute(sr)
			}
			in.handlers = append(in.handlers, h)
		}
		r := caddyhttp.Route{Group: route.Group, Terminal: route.Terminal, Handlers: []caddyhttp.MiddlewareHandler{in}}
		if len(route.MatcherSets) > 0 {
			r.MatcherSets = caddyhttp.MatcherSets{{q}}
		}
		// There is nothing to load, so it cannot fail: it prepares the handler.
		_ = r.ProvisionHandlers(caddy.Context{}, nil)
		masked = append(masked, r)
	}
	return masked
}

func maskSubroute(sr *caddyhttp.Subroute) *caddyhttp.Subroute {
	masked := &caddyhttp.Subroute{Routes: maskRoutes(sr.Routes)}
	if sr.Errors != nil {
		masked.Errors = &caddyhttp.HTTPErrorConfig{Routes: maskRoutes(sr.Errors.Routes)}
	}
	return masked
}

// A routeMatcher has the matchers of a route, and whether they test for stopped requests.
type routeMatcher struct {
	sets  caddyhttp.MatcherSets
	tests []stopTest // of each matcher set
}

func newRouteMatcher(sets caddyhttp.MatcherSets) *routeMatcher {
	q := &routeMatcher{sets: sets}
	for _, set := range sets {
		var all stopTest
		for _, m := range set {
			all = all.and(stopTestOfMatcher(m))
		}
		q.tests = append(q.tests, all)
	}
	return q
}

// stopTestOfMatcher returns the test of a provisioned matcher.
func stopTestOfMatcher(m any) stopTest {
	module, ok := m.(caddy.Module)
	if !ok {
		return stopTest{}
	}
	words, _ := json.Marshal(m) // without JSON it tests nothing
	return stopTestOf(module.CaddyModule().ID.Name(), words)
}

// unmask returns the mask of r if the route is about it, otherwise nil.
func (q *routeMatcher) unmask(r *http.Request) *mask {
	m := maskOf(r)
	if m == nil || len(q.tests) == 0 ||
		slices.ContainsFunc(q.tests, func(c stopTest) bool { return !c.isAbout(m.status, m.hasDecision) }) {
		return nil
	}
	return m
}

// MatchWithError implements [caddyhttp.RequestMatcherWithError].
func (q *routeMatcher) MatchWithError(r *http.Request) (bool, error) {
	if m := q.unmask(r); m != nil {
		maps.Copy(varsOf(m.original), varsOf(r))
		r = m.original
	}
	return q.sets.AnyMatchWithError(r)
}

// A maskedRoute has the handlers of a route, which may see masked requests.
type maskedRoute struct {
	matcher  *routeMatcher
	handlers []caddyhttp.MiddlewareHandler
}

// ServeHTTP implements [caddyhttp.MiddlewareHandler]. After the route the request is
// masked again, except for a rewritten path.
func (in *maskedRoute) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	m := in.matcher.unmask(r)
	if m == nil {
		return in.run(w, r, next)
	}
	masked, before := r, *m.original.URL
	whole := m.original.WithContext(m.original.Context())
	m.revealed = true
	defer func() { m.revealed = false }()
	return in.run(w, whole, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		m.revealed = false
		maps.Copy(varsOf(masked), varsOf(r))
		if to := *r.URL; to != before {
			if to.RawQuery == before.RawQuery {
				to.RawQuery = "" // a rewrite keeps the query of the original request
			}
			*masked.URL, masked.RequestURI = to, to.RequestURI()
		}
		return next.ServeHTTP(w, masked)
	}))
}

func (in *maskedRoute) run(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	for _, h := range slices.Backward(in.handlers) {
		after := next
		next = caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error { return h.ServeHTTP(w, r, after) })
	}
	return next.ServeHTTP(w, r)
}

// A stoppedWriter keeps the status of a stopped request in the response of error
// routes. A route that was written for stopped requests may redirect, or answer with
// another error.
type stoppedWriter struct {
	inner http.ResponseWriter
	mask  *mask
	wrote bool
}

// Header implements [http.ResponseWriter].
func (w *stoppedWriter) Header() http.Header { return w.inner.Header() }

// WriteHeader implements [http.ResponseWriter].
func (w *stoppedWriter) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		w.wrote = true
		if !w.mask.revealed || status < 300 {
			status = w.mask.status
		}
		w.Header().Set("Cache-Control", "private, no-store")
	}
	w.inner.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *stoppedWriter) Write(p []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(w.mask.status)
	}
	return w.inner.Write(p)
}

// Flush implements [http.Flusher].
func (w *stoppedWriter) Flush() {
	if !w.wrote {
		w.WriteHeader(w.mask.status)
	}
	_ = http.NewResponseController(w.inner).Flush() // not all writers can flush
}

// Interface guards
var (
	_ caddyhttp.RequestMatcherWithError = (*routeMatcher)(nil)
	_ caddyhttp.MiddlewareHandler       = (*maskedRoute)(nil)
	_ http.Flusher                      = (*stoppedWriter)(nil)
)
