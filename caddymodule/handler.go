package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/middleware"
	"go.uber.org/zap"
)

var errNotReady = errors.New("no decisions yet")

const (
	maxPage    = 1 << 20         // bytes of a page's template
	retryAfter = 5 * time.Second // what a client is told while the engine is not ready
)

// Handler stops the requests of clients that are decided against: with status
// 403, or 429 if the decision is to throttle. The error goes through the site's
// handle_errors, where the placeholders {http.tocsin.action}, .reason, .origin,
// .source, .prefix, .until and .ref tell more; what these do not handle is
// answered with a page of our own. All other requests go on.
type Handler struct {
	// Let every request pass, and only log and count which ones would have
	// been stopped. Default: false.
	DryRun bool `json:"dry_run,omitempty"`

	// File with the template of the page for stopped clients, in the language
	// of Go's html/template. It is read when the config is loaded. Placeholders
	// are replaced. Default: the built-in page.
	Page string `json:"page,omitempty"`

	// Clients that are never stopped here, besides those that the app allows
	// everywhere; of the same form. Default: none.
	Allow []string `json:"allow,omitempty"`

	check  *middleware.Middleware
	page   http.Handler
	answer answerer
	engine *pooled
	allow  []netip.Prefix
	closed bool // until the engine was ready
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.tocsin", New: func() caddy.Module { return new(Handler) }}
}

// Provision sets the handler up. It keeps what it takes from the app, since a
// request may outlast the config.
func (h *Handler) Provision(ctx caddy.Context) error {
	logger := ctx.Logger()
	app, err := appOf(ctx)
	if err != nil {
		return err
	}
	repl := caddy.NewReplacer()
	allow, err := parsePrefixes(h.Allow, repl)
	if err != nil {
		return fmt.Errorf("allow: %w", err)
	}
	if h.page, err = newPage(h.Page, repl, logger); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	srv, _ := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	app.warnLeftmost(srv)
	h.engine = app.engine
	h.allow = slices.Concat(app.allow, allow)
	h.closed = app.Startup == startupClosed && !h.DryRun
	h.answer = newAnswerer(ctx, logger)
	app.sites = append(app.sites, site{serverName(srv), allow, h.DryRun})
	h.check, err = middleware.New(middleware.Config{
		Lookup:   h.engine.Lookup,
		ClientIP: clientIP,
		Allow:    h.allow,
		DryRun:   h.DryRun,
		Counters: h.engine.counters.of(serverName(srv)),
		Server:   serverName(srv),
		Logger:   logger,
		LogIP:    app.logIP,
	})
	return err
}

// ServeHTTP implements [caddyhttp.MiddlewareHandler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if stop := h.check.Check(r); stop != nil {
		return h.stop(w, r, stop)
	}
	if h.closed && !h.engine.wasReady() && !contains(h.allow, lookup.Normalize(clientIP(r))) {
		return h.wait(w, r)
	}
	return next.ServeHTTP(w, r)
}

// stop answers a request that is stopped.
func (h *Handler) stop(w http.ResponseWriter, r *http.Request, stop *middleware.Stop) error {
	h.engine.countCountry(stop.Client)
	setPlaceholders(r, &stop.Decision, stop.Ref)
	// Set before the error routes run, for theirs too is an answer to this
	// client alone.
	w.Header().Set("Cache-Control", "private, no-store")
	if stop.RetryAfter > 0 {
		setRetryAfter(w, stop.RetryAfter)
	}
	r = r.WithContext(middleware.NewContext(r.Context(), stop))
	cause := fmt.Errorf("stopped by a %s decision, reference %s", stop.Decision.Action, stop.Ref)
	return h.answer.answer(w, r, caddyhttp.Error(stop.Status, cause), h.page)
}

// wait answers a request that comes too early to be judged.
func (h *Handler) wait(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "private, no-store")
	setRetryAfter(w, retryAfter)
	const status = http.StatusServiceUnavailable
	return h.answer.answer(w, r, caddyhttp.Error(status, errNotReady), http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) { http.Error(w, http.StatusText(status), status) }))
}

func setRetryAfter(w http.ResponseWriter, d time.Duration) {
	w.Header().Set("Retry-After", strconv.FormatInt(int64(d/time.Second), 10))
}

// newPage returns the page in the file that name names, or the built-in one.
func newPage(name string, repl *caddy.Replacer, l *zap.Logger) (http.Handler, error) {
	cfg := middleware.PageConfig{Logger: l}
	if name != "" {
		file, err := repl.ReplaceOrErr(name, true, true)
		if err != nil {
			return nil, err
		}
		text, err := readFile(file, maxPage)
		if err != nil {
			return nil, err
		}
		cfg.Template, cfg.Name = text, file
	}
	return middleware.NewPage(cfg)
}

// readFile returns what stands in a file, which may not be longer than limit.
func readFile(name string, limit int64) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	if int64(len(text)) > limit {
		return "", fmt.Errorf("%s: more than %d bytes", name, limit)
	}
	return string(text), nil
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
