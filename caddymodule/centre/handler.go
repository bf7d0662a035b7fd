package centre

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/caddymodule/request"
	"github.com/tocsin-project/tocsin/community/api"
	"github.com/tocsin-project/tocsin/community/people"
)

// Handler makes its site the centre of a community: it takes what members report, decides by
// consensus what all of them block, gives members the list, and has the pages for people whose
// address is listed, for members and for moderators. It answers all requests of its site.
type Handler struct {
	Settings

	// Where the pages of moderators are, such as /moderator. Put authentication in front of
	// that path: everybody who can open it is a moderator, with the name in {http.auth.user.id}.
	// Default: there are no such pages; decide with the command tocsin community.
	Moderator string `json:"moderator,omitempty"`

	// Where the options are in the Caddyfile that this config comes from, as file:line:
	// errors name it. Default: none.
	Lines option.Lines `json:"lines,omitempty"`

	server *caddyhttp.Server
	open   atomic.Pointer[doors] // nil until the config starts
	opened chan struct{}         // closed then, or when it cannot start
	hall   hall                  // for requests until then
}

// doors are a centre with its two handlers: the API for programs, and the pages for people.
type doors struct {
	*running
	machines, people http.Handler
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers." + directive, New: func() caddy.Module { return new(Handler) }}
}

// Provision checks the settings. It opens nothing, because caddy validate calls it too.
func (h *Handler) Provision(ctx caddy.Context) error { return h.Lines.At(h.provision(ctx)) }

func (h *Handler) provision(ctx caddy.Context) error {
	if err := h.resolve(caddy.NewReplacer()); err != nil {
		return fmt.Errorf("%s: %w", directive, err)
	}
	if h.Moderator != "" && (h.Moderator[0] != '/' || len(h.Moderator) < 2) {
		return fmt.Errorf("%s: moderator %q: want a path such as /moderator", directive, h.Moderator)
	}
	h.opened = make(chan struct{})
	h.server, _ = ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	app, err := ctx.App(appID)
	if err != nil {
		return err
	}
	app.(*App).add(h)
	return nil
}

// serve makes the handlers of a running centre. Until then requests wait.
func (h *Handler) serve(c *running) error {
	machines, err := api.New(api.Config{
		Centre: c.Centre, ClientIP: request.ClientIP, Admits: admits(h.Countries, c.classes.places.Locate), TermsURL: h.TermsURL, Log: c.log,
	})
	if err != nil {
		return err
	}
	pages, err := people.New(people.Config{
		Centre: c.Centre, ClientIP: request.ClientIP, Moderator: h.Moderator, Actor: actor, TermsURL: h.TermsURL, Log: c.log,
	})
	if err != nil {
		return err
	}
	h.open.Store(&doors{c, machines, pages})
	close(h.opened)
	return nil
}

// patience is how long a request waits for a centre that has not started.
const patience = 5 * time.Second

// fail ends the wait: the centre cannot start.
func (h *Handler) fail() {
	if h.open.Load() == nil {
		close(h.opened)
	}
}

// wait returns the centre, or nil if it does not start soon. Caddy starts the apps of a config in
// any order, so at a reload requests can arrive before the centre that serves them is handed on.
func (h *Handler) wait(ctx context.Context, from netip.Addr) *doors {
	if !h.hall.enter(from) {
		return h.open.Load()
	}
	defer h.hall.leave(from)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-h.opened:
	case <-timer.C:
	case <-ctx.Done():
	}
	return h.open.Load()
}

// ServeHTTP implements [caddyhttp.MiddlewareHandler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	d := h.open.Load()
	if d == nil {
		d = h.wait(r.Context(), request.ClientIP(r))
	}
	if d == nil {
		w.Header().Set("Retry-After", "5")
		return caddyhttp.Error(http.StatusServiceUnavailable, fmt.Errorf("the community has not started yet"))
	}
	if !d.ready.Load() {
		w.Header().Set("Retry-After", "60")
		return caddyhttp.Error(http.StatusServiceUnavailable, fmt.Errorf("the community deletes what is too old in its database"))
	}
	if api.Serves(r.URL.Path) {
		d.machines.ServeHTTP(w, r)
	} else {
		d.people.ServeHTTP(w, r)
	}
	return nil
}

// actor returns the name of the user that Caddy authenticated; empty: no user.
func actor(r *http.Request) string {
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return ""
	}
	name, _ := repl.GetString("http.auth.user.id")
	return name
}

// parseDirective sets up the handler from the directive.
func parseDirective(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	h.Next()
	segment := h.NextSegment()
	if err := handler.UnmarshalCaddyfile(caddyfile.NewDispenser(segment)); err != nil {
		return nil, err
	}
	handler.Lines = option.LinesOf(segment)
	return handler, nil
}

// UnmarshalCaddyfile sets up the handler:
//
//	tocsin_community {
//	    name      <name...>
//	    operator  <name> <mail address>|<url>
//	    policy    members|public
//	    site      https://<host>
//	    database  <path>|postgres://…
//	    accounts  <path>|postgres://…
//	    secret    <path>
//	    removals  <path>
//	    terms     <version>
//	    terms_url <url>
//	    catalogue <path>
//	    exclude   crawler|cdn|resolver|authority|payment|monitor|cert|allowlisted <path>|<url>...
//	    shared    <path>|<url>...
//	    tor       <path>|<url>...
//	    scanners  <path>|<url>...
//	    canaries  <path>|<url>...
//	    imported  <path>|<url>...
//	    networks  <path>...
//	    countries <code>...
//	    trusted_group
//	    witnesses <number>
//	    retention {
//	        reports  <duration>
//	        episodes <duration>
//	        cases    <duration>
//	        accounts <duration>
//	        reason   <text>
//	    }
//	    moderator <path>
//	}
//
// The option exclude may be repeated.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // tocsin_community
	if err := option.Exact(d, directive); err != nil {
		return err
	}
	return option.Read(d, directive, h, option.Block{
		"operator":  {Parse: option.Pair("a name and a mail address or URL", &h.Operator, &h.Contact)},
		"exclude":   {Parse: h.parseExclude, Repeatable: true},
		"retention": {Parse: h.parseRetention},
	})
}

func (h *Handler) parseExclude(d *caddyfile.Dispenser, name string) error {
	var words []string
	if err := option.Words(&words)(d, name); err != nil {
		return err
	}
	var class string
	if err := option.Choose(d, name, &class, words[0], exclusionNames...); err != nil {
		return err
	}
	if len(words) < 2 {
		return d.Errf("%s: %s: want at least one list: a file or a URL", name, class)
	}
	if h.Exclude == nil {
		h.Exclude = map[string][]string{}
	}
	h.Exclude[class] = append(h.Exclude[class], words[1:]...)
	return nil
}

func (h *Handler) parseRetention(d *caddyfile.Dispenser, name string) error {
	if err := option.Exact(d, name); err != nil {
		return err
	}
	h.Retention = new(Retention)
	return option.Read(d, name, h.Retention, nil)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
)
