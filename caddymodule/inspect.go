package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/middleware"
	"go.uber.org/zap"
)

// verdictVar is the variable of a request that holds what was said about it, so
// that a second directive on its way, or one in the error routes, does not ask again.
const verdictVar = "tocsin_appsec"

// inspectorPool keeps inspectors across reloads, by what they are made from: with their
// connections, their counts, and what they know of a server that hangs.
var inspectorPool = caddy.NewUsagePool()

// An inspector is what all sites of a config ask.
type inspector struct {
	middleware.Inspector
	name string // of the module
	logs logSwitch
}

// A heldInspector is an inspector as long as a config has taken it.
type heldInspector struct {
	*inspector
	key  string
	stop func() // ends what has been started, and gives the log back; nil: it was not started
}

// takeInspector returns the inspector that a names, nil if it names none. It reads files,
// opens no connection and starts nothing.
func (a *App) takeInspector(ctx caddy.Context) (*heldInspector, error) {
	loaded, err := ctx.LoadModule(a, "InspectorsRaw")
	if err != nil {
		return nil, fmt.Errorf("inspectors: %w", err)
	}
	switch all := loaded.([]any); len(all) {
	case 0:
		return nil, nil
	case 1:
		return openInspector(all[0].(caddy.Module), a.engine.opened)
	default:
		return nil, fmt.Errorf("inspectors: %d are given: requests can be inspected by one", len(all))
	}
}

func openInspector(m caddy.Module, sources []guest.Opened) (*heldInspector, error) {
	name := m.CaddyModule().ID.Name()
	g, ok := m.(guest.Inspector)
	if !ok {
		return nil, fmt.Errorf("inspectors: %s is no guest.Inspector", name)
	}
	if err := g.Resolve(caddy.NewReplacer(), sources); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	key, err := identity(nil, m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	v, _, err := inspectorPool.LoadOrNew(key, func() (caddy.Destructor, error) {
		i := &inspector{name: name}
		var err error
		i.Inspector, err = g.Open(i.logs.logger())
		return i, err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &heldInspector{inspector: v.(*inspector), key: key}, nil
}

// Destruct closes what is open.
func (i *inspector) Destruct() error {
	if c, ok := i.Inspector.(guest.Closer); ok {
		c.Close()
	}
	return nil
}

// start has the inspector log to l.
func (i *heldInspector) start(l *zap.Logger) {
	if i == nil {
		return
	}
	release := i.logs.use(l)
	i.stop = release
	if s, ok := i.Inspector.(guest.Starter); ok {
		stop := s.Start(l)
		i.stop = func() { stop(); release() }
	}
}

// end ends what start has begun.
func (i *heldInspector) end() {
	if i != nil && i.stop != nil {
		i.stop()
	}
}

// names returns the name of the inspector, if there is one.
func (i *heldInspector) names() []string {
	if i == nil {
		return nil
	}
	return []string{i.name}
}

// giveBack gives the inspector itself back.
func (i *heldInspector) giveBack() error {
	if i == nil {
		return nil
	}
	_, err := inspectorPool.Delete(i.key)
	return err
}

// passed is what is mostly said.
var passed appsec.Verdict

// Inspect implements [middleware.Inspector]. It asks once about each request,
// however many directives this goes through.
func (i *inspector) Inspect(r *http.Request, in appsec.Inspection) (appsec.Verdict, error) {
	if v, ok := caddyhttp.GetVar(r.Context(), verdictVar).(*appsec.Verdict); ok {
		return *v, nil
	}
	v, err := i.Inspector.Inspect(r, in)
	switch {
	case err != nil:
	case v == passed:
		caddyhttp.SetVar(r.Context(), verdictVar, &passed)
	default:
		said := v
		caddyhttp.SetVar(r.Context(), verdictVar, &said)
	}
	return v, err
}

// original completes what is told of a request by what Caddy knows: what it was
// before rewrites, and whether the client speaks TLS with a proxy that is trusted.
func original(r *http.Request, in *appsec.Inspection) {
	if orig, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		in.Method, in.Target = orig.Method, orig.RequestURI
	}
	in.Secure = r.TLS != nil || endsTLS(r)
}

// endsTLS reports whether r came by HTTPS to a proxy that is trusted.
func endsTLS(r *http.Request) bool {
	behind, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return behind && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// inspect has requests inspected here, unless this site says no.
func (h *Handler) inspect(app *App, cfg *middleware.Config) {
	if h.AppSec == "" && app.inspector != nil {
		cfg.Inspect, cfg.Original = app.inspector.inspector, original
	}
}

// giveUp ends a request that could not be read: without a word, unless the server
// has set a limit to it.
func giveUp(err error) error {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return caddyhttp.Error(http.StatusRequestEntityTooLarge, err)
	}
	panic(http.ErrAbortHandler)
}

// Interface guards
var (
	_ caddy.Destructor     = (*inspector)(nil)
	_ middleware.Inspector = (*inspector)(nil)
)
