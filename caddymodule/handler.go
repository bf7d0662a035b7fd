package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/caddymodule/request"
	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/middleware"
)

var errNotReady = errors.New("no decisions yet")

const (
	maxPage    = 1 << 20         // bytes of a page's template
	retryAfter = 5 * time.Second // the Retry-After while the engine is not ready
)

// Handler stops the requests of clients with a decision against them: with status 403,
// or 429 for a throttle decision. The error goes through the site's handle_errors, with
// the placeholders {http.tocsin.action}, .reason, .origin, .source, .prefix, .until, .ref
// and .explain. If no error route answers, tocsin's own page does. Error routes that are not
// only for 403 and 429, and do not test {http.tocsin.action}, see nothing of the
// request. All other requests pass.
type Handler struct {
	// Let every request pass, and only log and count the requests that would have
	// been stopped. Default: false.
	DryRun bool `json:"dry_run,omitempty"`

	// File with the template of the page for stopped clients, in the language
	// of Go's html/template. It is read when the config is loaded. Placeholders
	// are replaced. Default: the built-in page.
	Page string `json:"page,omitempty"`

	// Title of that page. Default: the reason, in two or three words.
	Title string `json:"title,omitempty"`

	// The look of the pages. Default: the app's.
	Look

	// "off" sends no challenge here: a client with a captcha decision gets status 429
	// until the decision ends, unless it has a pass from elsewhere. Default: the app's
	// challenge.
	Challenge string `json:"challenge,omitempty" option:"off"`

	// "off" turns detection off here. Default: the app's detect.
	Detect string `json:"detect,omitempty" option:"off"`

	// "off" turns inspection by AppSec off here. Default: the app's.
	AppSec string `json:"appsec,omitempty" option:"off"`

	// "off" turns the WAF off here. "observe" lets requests pass that rules match, and only
	// logs and reports them. "on" stops them although the app only observes. Default: as
	// the app says.
	WAF string `json:"waf,omitempty" option:"off|observe|on"`

	// What happens to requests in progress when their client is banned: "end" or "keep".
	// Default: the app's.
	Established string `json:"established,omitempty" option:"end|keep"`

	// Clients that are never stopped here, in addition to the app's Allow and in the
	// same form. Default: none.
	Allow []string `json:"allow,omitempty"`

	// Where the options are in the Caddyfile that this config comes from, as file:line:
	// errors name it. Default: none.
	Lines option.Lines `json:"lines,omitempty"`

	check  *middleware.Middleware
	page   *middleware.Page
	answer *answerer
	engine *pooled

	forwarded func(r *http.Request) // warns of untrusted proxies; nil: some proxies are trusted
	allow     allowance
	closed    bool // startup is closed, and the engine has not been ready yet
	place     *place
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.tocsin", New: func() caddy.Module { return new(Handler) }}
}

// Provision sets the handler up. It keeps what it takes from the app, since a
// request may outlast the config.
func (h *Handler) Provision(ctx caddy.Context) error {
	app, err := appOf(ctx)
	if err != nil {
		return err
	}
	return h.Lines.At(h.provision(ctx, app))
}

func (h *Handler) provision(ctx caddy.Context, app *App) error {
	logger := ctx.Logger()
	repl := caddy.NewReplacer()
	allow, err := app.takeAllow(h.Allow, repl)
	if err != nil {
		return fmt.Errorf("allow: %w", err)
	}
	gate, err := h.setPage(app, repl)
	if err != nil {
		return err
	}
	srv, _ := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	h.forwarded = app.warnServer(ctx, srv)
	h.engine = app.engine
	h.allow = app.allow.and(allow)
	h.closed = app.Startup == startupClosed && !h.DryRun
	h.answer = newAnswerer(ctx, logger)
	h.place = app.newPlace(ctx, srv, h)
	app.sites = append(app.sites, site{srv, allow, h.DryRun})
	cfg := h.config(app, srv, gate)
	cfg.Logger = logger
	h.keep(app, &cfg)
	h.observe(app, &cfg)
	if err = h.inspect(app, &cfg); err != nil {
		return err
	}
	if h.check, err = middleware.New(cfg); err == nil {
		app.checks = append(app.checks, h.check)
	}
	return err
}

// config returns the config of the middleware, without its observer and inspectors.
func (h *Handler) config(app *App, srv *caddyhttp.Server, gate *challenge.Gate) middleware.Config {
	return middleware.Config{
		Lookup:   h.engine.lookup,
		ClientIP: request.ClientIP,
		NAT64:    h.engine.NAT64(),
		Allow:    h.allow.ranges, AllowLists: h.allow.forMiddleware(),
		Banned:    h.page,
		DryRun:    h.DryRun,
		Challenge: gate,
		Passed:    h.engine.setPassed,
		Counters:  h.engine.counters.of(serverName(srv)),
		Server:    serverName(srv),
		LogIP:     app.logIP,
		Reduced:   freshRequest,
		NotExempt: h.isEnclosed,

		ErrorStatus:  errorStatus,
		ChallengeOff: gate == nil || h.Challenge == challengeOff,
	}
}

// setPage sets the page of h, and returns its gate, or nil if passes do not count here.
func (h *Handler) setPage(app *App, repl *caddy.Replacer) (*challenge.Gate, error) {
	look, err := h.checkedLook(app.look, repl)
	if err != nil {
		return nil, err
	}
	if h.page, err = app.pages.of(pageKey{h.Page, h.Title, look}, repl, app); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	gate, err := h.gate(app, look)
	if err != nil {
		return nil, fmt.Errorf("challenge: %w", err)
	}
	return gate, nil
}

// observe turns detection on here, unless this site or the app turns it off.
func (h *Handler) observe(app *App, cfg *middleware.Config) {
	if h.Detect != "" || app.watch == nil {
		return
	}
	cfg.Observe, cfg.Describe, cfg.Sessions = h.engine.Engine, h.describe(app.watch), app.watch.sessions
	cfg.Trust = trusted
}

// ServeHTTP implements [caddyhttp.MiddlewareHandler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	v, judges := h.visit(r)
	if !judges {
		return next.ServeHTTP(w, r)
	}
	if h.forwarded != nil {
		h.forwarded(r)
	}
	if h.closed && !h.engine.wasReady() && !h.allow.contains(h.engine.Normalize(request.ClientIP(r))) {
		if stop := h.check.CheckVisit(v, r); stop != nil {
			return h.stop(w, r, stop)
		}
		return h.wait(w, r)
	}
	stop, err := h.check.ServeVisit(v, w, r, next.ServeHTTP)
	switch {
	case stop != nil:
		return h.stop(w, r, stop)
	case errors.Is(err, inspect.ErrBody):
		return giveUp(err)
	}
	return err
}

// errorStatus returns the status of Caddy's answer to err.
func errorStatus(err error) int {
	var he caddyhttp.HandlerError
	if errors.As(err, &he) && he.StatusCode != 0 {
		return he.StatusCode
	}
	return http.StatusInternalServerError
}

// gate returns the gate of this site, or nil if passes do not count here.
func (h *Handler) gate(app *App, look Look) (*challenge.Gate, error) {
	if app.gates == nil {
		return nil, nil
	}
	return app.gates.gate(look)
}

// stop answers a stopped request.
func (h *Handler) stop(w http.ResponseWriter, r *http.Request, stop *middleware.Stop) error {
	defer h.conceal(w, r)
	if stop.Challenge {
		// A challenge is not an error: the site's error pages would replace it, and no
		// visitor could solve it.
		h.engine.setPlaceholders(r, stop.Client, &stop.Decision, stop.Ref)
		what := "sent"
		if stop.Answer {
			what = "answered"
		}
		setChallenge(r, what)
		h.check.Answer(w, r, stop)
		return nil
	}
	if !isInErrors(r) {
		h.engine.countCountry(stop.Client)
	}
	h.engine.setPlaceholders(r, stop.Client, &stop.Decision, stop.Ref)
	page := func(w http.ResponseWriter, r *http.Request) { h.page.ServeStop(w, r, stop) }
	return h.answer.answer(w, r, page, func(r *http.Request) (*http.Request, caddyhttp.HandlerError) {
		// The response of error routes is for this client only, too.
		w.Header().Set("Cache-Control", "private, no-store")
		if stop.RetryAfter > 0 {
			setRetryAfter(w, stop.RetryAfter)
		}
		cause := fmt.Errorf("stopped by a %s decision, reference %s", stop.Decision.Action, stop.Ref)
		r = stop.Request(r.WithContext(middleware.NewContext(r.Context(), stop)))
		return r, caddyhttp.Error(stop.Status, cause)
	})
}

// wait answers a request that arrives before the engine is ready.
func (h *Handler) wait(w http.ResponseWriter, r *http.Request) error {
	defer h.conceal(w, r)
	w.Header().Set("Cache-Control", "private, no-store")
	setRetryAfter(w, retryAfter)
	const status = http.StatusServiceUnavailable
	page := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, http.StatusText(status), status) }
	return h.answer.answer(w, r, page, func(r *http.Request) (*http.Request, caddyhttp.HandlerError) {
		return r, caddyhttp.Error(status, errNotReady)
	})
}

func setRetryAfter(w http.ResponseWriter, d time.Duration) {
	w.Header().Set("Retry-After", strconv.FormatInt(int64(d/time.Second), 10))
}

func serverName(srv *caddyhttp.Server) string {
	if srv == nil {
		return ""
	}
	return srv.Name()
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
