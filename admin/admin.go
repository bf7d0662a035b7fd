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

// App is what the API asks: the app tocsin of the config that runs.
type App interface {
	// Engine is what keeps the decisions.
	Engine() *engine.Engine
	// Status says how the app stands.
	Status() Status
	// Check says what would become of a request from an address, which is normalized.
	Check(ctx context.Context, ip netip.Addr) Check
	// Unban takes back what is decided about the very target of d, here and where it comes
	// from.
	Unban(ctx context.Context, d lookup.Decision) Unban
	// Scenarios lists what is looked for, and what it leads to.
	Scenarios() Scenarios
	// Sync has everything read anew: sources, lists and scenarios. It does not wait.
	Sync()
	// Synced says which sources were not in sync since.
	Synced(since time.Time) Sync
}

// running returns the app of the config that runs. The API belongs to no config itself:
// Caddy makes it before the config is loaded, and keeps it if the config fails, while the
// one before runs on.
func running() (App, error) {
	ctx := caddy.ActiveContext()
	if ctx.Context == nil {
		return nil, apiError(http.StatusServiceUnavailable, errors.New("no config runs yet"))
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
	maxLimit     = 1_000_000 // and the most that may be asked for
)

// API lets operators look after the engine of the running config, on
// Caddy's admin listeners alone:
//
//	GET    /tocsin/status                      how it stands
//	GET    /tocsin/check?ip=ADDR               what would become of a client
//	GET    /tocsin/decisions?source=&origin=&action=&limit=
//	DELETE /tocsin/decisions?target=TARGET     take decisions back
//	GET    /tocsin/alerts?limit=               the last alerts of scenarios
//	POST   /tocsin/sync                        read all sources and scenarios anew
//	GET    /tocsin/sync?since=TIME             which of them were not in sync since
//
// Answers are JSON. Errors are as Caddy's own: {"error": "…"}, with status 400
// for a request that makes no sense, 404 if the running config has no tocsin and
// 503 if none runs yet.
type API struct{}

// CaddyModule returns the Caddy module information.
func (API) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.tocsin", New: func() caddy.Module { return new(API) }}
}

// Routes returns the routes of the admin API.
func (API) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
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
	}
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
		w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(e)), ", "))
		return apiError(http.StatusMethodNotAllowed, fmt.Errorf("method %s is not allowed here", r.Method))
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

// parseQuery returns the query of r. A parameter that is not known is an error,
// or a list with a typing error in its filter would be one of everything.
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
	_, _ = w.Write(append(text, '\n')) // a client that went away has no use for an error
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
		return apiError(http.StatusBadRequest, fmt.Errorf("parameter ip: %.64q is no IP address", s))
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

// isPlace reports whether target is that of a guard on a place, such as
// "POST example.com/login". No other target has a space in it.
func isPlace(target string) bool { return strings.Contains(target, " ") }

// parseFilter reads which decisions to list.
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
