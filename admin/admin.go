// Package admin answers one question: how do operators query and control a running server?
//
// It has the routes of Caddy's admin API, the module admin.api.tocsin, and the commands
// that call them. The answer of an endpoint is one struct: it is both the JSON and what
// the command prints.
//
// It knows the app of the running config only by [App].
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/lookup"
)

// appID is the name of the app in a config.
const appID = "tocsin"

func init() {
	caddy.RegisterModule(API{})
	caddycmd.RegisterCommand(newGroup())
}

// App is the app tocsin of the running config, as the API needs it.
type App interface {
	// Engine returns the engine with the decisions.
	Engine() *engine.Engine
	// Status returns the state of the app.
	Status() Status
	// Check says how a request from a normalized address would be treated.
	Check(ctx context.Context, ip netip.Addr) Check
	// Unban removes the decisions about exactly the target of d, here and in their
	// sources.
	Unban(ctx context.Context, d lookup.Decision) Unban
	// Scenarios lists the scenarios and their consequences.
	Scenarios() Scenarios
	// Sync makes sources, lists and scenarios read everything again. It does not wait.
	Sync()
	// Synced says which sources have not been in sync since then.
	Synced(since time.Time) Sync
}

// running returns the app of the running config. The API itself belongs to no config:
// Caddy creates it before it loads a config, and keeps it if that fails and the
// previous config continues.
func running() (App, error) {
	ctx := caddy.ActiveContext()
	if ctx.Context == nil {
		return nil, apiError(http.StatusServiceUnavailable, errors.New("no config is running yet"))
	}
	v, err := ctx.AppIfConfigured(appID)
	if err != nil {
		return nil, apiError(http.StatusNotFound,
			errors.New("tocsin is not in the running config: the global option tocsin is missing"))
	}
	return v.(App), nil
}

const (
	defaultLimit = 100       // decisions in a list
	maxLimit     = 1_000_000 // the largest accepted limit
)

// API lets operators query and control the engine of the running config, on Caddy's
// admin listeners only:
//
//	GET    /tocsin/status                      how it stands
//	GET    /tocsin/check?ip=ADDR               what would become of a client
//	GET    /tocsin/decisions?source=&origin=&action=&limit=
//	DELETE /tocsin/decisions?target=TARGET     take decisions back
//	GET    /tocsin/alerts?limit=               the last alerts of scenarios
//	POST   /tocsin/sync                        read all sources and scenarios anew
//	GET    /tocsin/sync?since=TIME             which of them were not in sync since
//	       /tocsin/community/…                 the centre of a community: see communityRoutes
//
// Answers are JSON. Errors are like Caddy's own: {"error": "…"}, with status 400 for an
// invalid request, 404 if the running config has no tocsin, and 503 if no config is
// running yet.
type API struct{}

// CaddyModule returns the Caddy module information.
func (API) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.tocsin", New: func() caddy.Module { return new(API) }}
}

// Routes returns the routes of the admin API.
func (API) Routes() []caddy.AdminRoute {
	return append([]caddy.AdminRoute{
		{Pattern: "/tocsin/", Handler: caddy.AdminHandlerFunc(notFound)},
		{Pattern: "/tocsin/status", Handler: endpoint{http.MethodGet: {serve: serveStatus}}},
		{Pattern: "/tocsin/check", Handler: endpoint{
			http.MethodGet: {serve: serveCheck, params: []string{"ip"}},
		}},
		{Pattern: "/tocsin/decisions", Handler: endpoint{
			http.MethodGet:    {serve: serveList, params: []string{"source", "origin", "action", "limit"}},
			http.MethodDelete: {serve: serveUnban, params: []string{"target"}},
		}},
		{Pattern: "/tocsin/alerts", Handler: endpoint{
			http.MethodGet: {serve: serveAlerts, params: []string{"limit"}},
		}},
		{Pattern: "/tocsin/scenarios", Handler: endpoint{http.MethodGet: {serve: serveScenarios}}},
		{Pattern: "/tocsin/sync", Handler: endpoint{
			http.MethodPost: {serve: serveSync},
			http.MethodGet:  {serve: serveSynced, params: []string{"since"}},
		}},
	}, communityRoutes()...)
}

// An endpoint answers requests for one path, by method.
type endpoint map[string]operation

type operation struct {
	params []string // that the query may have
	serve  func(a App, w http.ResponseWriter, r *http.Request, query url.Values) error
}

// ServeHTTP implements [caddy.AdminHandler].
func (e endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	op, ok := e[r.Method]
	if !ok {
		return notAllowed(w, r, e)
	}
	query, err := parseQuery(r, op.params)
	if err != nil {
		return apiError(http.StatusBadRequest, err)
	}
	a, err := running()
	if err != nil {
		return err
	}
	return op.serve(a, w, r, query)
}

// notAllowed answers a request with a method that an endpoint does not have.
func notAllowed[O any](w http.ResponseWriter, r *http.Request, operations map[string]O) error {
	w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(operations)), ", "))
	return apiError(http.StatusMethodNotAllowed, fmt.Errorf("method %s is not allowed here", r.Method))
}

// parseQuery returns the query of r. An unknown parameter is an error: otherwise a typo
// in a filter would list everything.
func parseQuery(r *http.Request, known []string) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("reading query: %w", err)
	}
	for name, values := range query {
		switch {
		case !slices.Contains(known, name):
			return nil, fmt.Errorf("unknown parameter %.64q", name)
		case len(values) > 1:
			return nil, fmt.Errorf("parameter %s is given %d times", name, len(values))
		}
	}
	return query, nil
}

func notFound(_ http.ResponseWriter, r *http.Request) error {
	return apiError(http.StatusNotFound, fmt.Errorf("resource not found: %.128q", r.URL.Path))
}

func apiError(status int, err error) error { return caddy.APIError{HTTPStatus: status, Err: err} }

// send answers with v as JSON.
func send(w http.ResponseWriter, status int, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // on an error the client has disconnected
	return nil
}

func serveStatus(a App, w http.ResponseWriter, _ *http.Request, _ url.Values) error {
	return send(w, http.StatusOK, a.Status())
}

func serveCheck(a App, w http.ResponseWriter, r *http.Request, query url.Values) error {
	s := query.Get("ip")
	if s == "" {
		return apiError(http.StatusBadRequest, errors.New("parameter ip is missing: want an IP address"))
	}
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return apiError(http.StatusBadRequest, fmt.Errorf("parameter ip: %.64q is not an IP address: want one such as 192.0.2.1", s))
	}
	return send(w, http.StatusOK, a.Check(r.Context(), a.Engine().Normalize(ip)))
}

func serveList(a App, w http.ResponseWriter, _ *http.Request, query url.Values) error {
	f, err := parseFilter(a, query)
	if err != nil {
		return apiError(http.StatusBadRequest, err)
	}
	f.write(w, a.Engine().Table().All(), a.Engine().Guards())
	return nil
}

func serveUnban(a App, w http.ResponseWriter, r *http.Request, query url.Values) error {
	s := query.Get("target")
	if s == "" {
		return apiError(http.StatusBadRequest, errors.New("parameter target is missing: "+lookup.WantTarget))
	}
	if isPlace(s) {
		return send(w, http.StatusOK, Unban{Target: s, Removed: a.Engine().Unguard(s)})
	}
	d, err := lookup.ParseTarget(s)
	if err != nil {
		return apiError(http.StatusBadRequest, fmt.Errorf("parameter target: %w", err))
	}
	return send(w, http.StatusOK, a.Unban(r.Context(), d))
}

// isPlace reports whether target is the target of a guard on a place, such as "POST
// example.com/login". Only such targets contain a space.
func isPlace(target string) bool { return strings.Contains(target, " ") }

// parseFilter reads the filter of a list.
func parseFilter(a App, query url.Values) (filter, error) {
	f := filter{source: query.Get("source"), origin: query.Get("origin"), limit: defaultLimit}
	if f.source != "" {
		var names []string
		for _, s := range a.Engine().Stats().Sources {
			names = append(names, s.Name)
		}
		if !slices.Contains(names, f.source) {
			return f, fmt.Errorf("parameter source: no source is named %.64q: want one of %s", f.source, strings.Join(names, ", "))
		}
	}
	if s := query.Get("action"); s != "" {
		action, err := lookup.ParseAction(s)
		if err == nil && action == lookup.None {
			err = fmt.Errorf("%q: want ban, captcha or throttle", s)
		}
		if err != nil {
			return f, fmt.Errorf("parameter action: %w", err)
		}
		f.action = action
	}
	if s := query.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxLimit {
			return f, fmt.Errorf("parameter limit: %.64q: want a number from 1 to %d", s, maxLimit)
		}
		f.limit = n
	}
	return f, nil
}

// Interface guards
var (
	_ caddy.AdminRouter  = API{}
	_ caddy.AdminHandler = endpoint(nil)
)
