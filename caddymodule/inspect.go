package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/middleware"
	"go.uber.org/zap"
)

// verdictVar is the prefix of the variables with the verdicts of inspectors. With them, a
// second directive, or one in error routes, does not inspect the request again.
const verdictVar = "tocsin_verdict_"

// inspectorPool keeps inspectors across reloads, by a hash of their settings, with their
// connections and counts.
var inspectorPool = caddy.NewUsagePool()

// An inspector belongs to a config, and all sites of the config share it.
type inspector struct {
	middleware.Inspector
	name string // the module's name
	said string // the variable for its verdict
	logs logSwitch
}

// A heldInspector is an inspector from the pool that a config uses.
type heldInspector struct {
	*inspector
	key    string
	except func(r *http.Request, rule string) bool // the exceptions of this config; nil if all rules count
	stop   func()                                  // stops it and releases the log; nil if not started
}

// heldInspectors are the inspectors of a config, in their order.
type heldInspectors []*heldInspector

// takeInspectors sets the inspectors of a. It reads files, but opens no connection and
// starts nothing.
func (a *App) takeInspectors(ctx caddy.Context) error {
	loaded, err := ctx.LoadModule(a, "InspectorsRaw")
	if err != nil {
		return fmt.Errorf("inspectors: %w", err)
	}
	for _, m := range loaded.([]any) {
		i, err := openInspector(m.(caddy.Module), a.engine.opened)
		if err != nil {
			return err
		}
		a.inspectors = append(a.inspectors, i)
	}
	return nil
}

func openInspector(m caddy.Module, sources []guest.Opened) (*heldInspector, error) {
	name := m.CaddyModule().ID.Name()
	g, ok := m.(guest.Inspector)
	if !ok {
		return nil, fmt.Errorf("inspectors: %s does not implement guest.Inspector", name)
	}
	if err := g.Resolve(caddy.NewReplacer(), sources); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	key, err := identity(nil, m)
	if err != nil {
		return nil, err
	}
	v, _, err := inspectorPool.LoadOrNew(key, func() (caddy.Destructor, error) {
		i := &inspector{name: name, said: verdictVar + key}
		var err error
		i.Inspector, err = g.Open(i.logs.logger())
		return i, err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	held := &heldInspector{inspector: v.(*inspector), key: key}
	if e, ok := m.(guest.Excepting); ok {
		held.except = e.Excepts
	}
	return held, nil
}

// Destruct closes the inspector.
func (i *inspector) Destruct() error {
	if c, ok := i.Inspector.(guest.Closer); ok {
		c.Close()
	}
	return nil
}

// start starts the inspectors. They log to l.
func (all heldInspectors) start(l *zap.Logger) {
	for _, i := range all {
		release := i.logs.use(l)
		i.stop = release
		if s, ok := i.Inspector.(guest.Starter); ok {
			stop := s.Start(l)
			i.stop = func() { stop(); release() }
		}
	}
}

// end stops what start has started.
func (all heldInspectors) end() {
	for _, i := range all {
		if i.stop != nil {
			i.stop()
		}
	}
}

// names returns the names of the inspectors.
func (all heldInspectors) names() []string {
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].name
	}
	return names
}

// giveBack returns the inspectors to the pool.
func (all heldInspectors) giveBack() error {
	var errs []error
	for _, i := range all {
		_, err := inspectorPool.Delete(i.key)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// passed is the usual verdict.
var passed inspect.Verdict

// Inspect implements [middleware.Inspector]. It inspects each request once, even if the
// request passes several directives.
func (i *inspector) Inspect(r *http.Request, in inspect.Details) (inspect.Verdict, error) {
	return i.once(r, in, i.said)
}

// once inspects r, unless the variable said already has the verdict.
func (i *inspector) once(r *http.Request, in inspect.Details, variable string) (inspect.Verdict, error) {
	if v, ok := caddyhttp.GetVar(r.Context(), variable).(*inspect.Verdict); ok {
		return *v, nil
	}
	v, err := i.Inspector.Inspect(r, in)
	if err != nil {
		return v, err
	}
	said := &passed
	if again := v; again != passed {
		again.Found = nil // report findings only once
		said = &again
	}
	caddyhttp.SetVar(r.Context(), variable, said)
	return v, nil
}

// Owns reports whether a request with this target is for the inspector, and never for
// the site.
func (i *inspector) Owns(target string) bool {
	o, ok := i.Inspector.(guest.Owner)
	return ok && o.Owns(target)
}

// original completes the details of a request with facts from Caddy: the request before
// rewrites, and whether the client used TLS to a trusted proxy.
func original(r *http.Request, in *inspect.Details) {
	if orig, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		in.Method, in.Target = orig.Method, orig.RequestURI
	}
	in.Secure = r.TLS != nil || endsTLS(r)
}

// endsTLS reports whether r arrived by HTTPS at a trusted proxy.
func endsTLS(r *http.Request) bool {
	behind, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return behind && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// inspect sets the inspectors of this site, without those that it turns off. It fails if the
// site wants the WAF and the app has no rules: otherwise the site would only seem to be protected.
func (h *Handler) inspect(app *App, cfg *middleware.Config) error {
	if (h.WAF == "on" || h.WAF == "observe") && !slices.Contains(app.inspectors.names(), "waf") {
		return fmt.Errorf("waf %s: the WAF has no rules: add waf builtin to the global option tocsin", h.WAF)
	}
	cfg.Original = original
	cfg.Found, cfg.Known, cfg.LoggedIn = h.engine.Found, h.engine.Known, h.engine.LoggedIn
	for _, i := range app.inspectors {
		switch {
		case i.name == "appsec" && h.AppSec != "", i.name == "waf" && h.WAF == "off":
		case i.name == "waf":
			mode := siteModes[h.WAF]
			cfg.Inspectors = append(cfg.Inspectors, &siteInspector{i.inspector, i.except, mode, fmt.Sprint(i.said, mode)})
		default:
			cfg.Inspectors = append(cfg.Inspectors, i.inspector)
		}
	}
	return nil
}

// siteModes are the values of a site's option waf.
var siteModes = map[string]inspect.Mode{"": inspect.ModeDefault, "on": inspect.Enforce, "observe": inspect.Observe}

// A sited is an inspector with the settings of a config and a site.
type siteInspector struct {
	*inspector
	except func(r *http.Request, rule string) bool
	mode   inspect.Mode
	said   string
}

// Inspect implements [middleware.Inspector].
func (s *siteInspector) Inspect(r *http.Request, in inspect.Details) (inspect.Verdict, error) {
	in.Mode = s.mode
	if s.except != nil {
		in.Except = func(rule string) bool { return s.except(r, rule) }
	}
	return s.once(r, in, s.said)
}

// giveUp aborts a request that could not be read, unless the body exceeded a limit of
// the server: that error is returned.
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
	_ middleware.Inspector = (*siteInspector)(nil)
)
