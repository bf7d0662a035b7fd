package caddymodule

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/lapi"
	"github.com/tocsin-project/tocsin/metrics"
	"github.com/tocsin-project/tocsin/middleware"
	"go.uber.org/zap"
)

// appID is the name of the app, of its logger and of its namespaces.
const appID = "tocsin"

// The values of App.Startup.
const (
	startupOpen   = "open"
	startupClosed = "closed"
)

// App holds what all sites share: the sources of decisions and the common policy.
// Without a source of decisions only local decisions stop clients.
type App struct {
	State
	former

	// Clients that are never stopped, whatever the decisions about them: IP addresses
	// and CIDR ranges, private_ranges for all private and loopback addresses, and files
	// and URLs that list clients. The path of a file is absolute or begins with ./ or
	// ../. A file is read again when it changes, a URL every hour, and if that fails
	// the last good copy stays. Placeholders are replaced. Default: none.
	Allow []string `json:"allow,omitempty"`

	// What happens to requests until every source was in sync once, now or according
	// to the snapshot: "open" lets them pass, "closed" answers with status 503.
	// Default: open.
	Startup string `json:"startup,omitempty" option:"open|closed"`

	// What happens to requests in progress when their client is banned, such as
	// WebSockets, event streams and downloads: "end" ends them within two seconds,
	// "keep" lets them continue. Sites can override it. Default: end.
	Established string `json:"established,omitempty" option:"end|keep"`

	// The challenge for clients with a captcha decision. If it is off, they get status
	// 429. Default: the embedded proof of work.
	Challenge *Challenge `json:"challenge,omitempty"`

	// The scenarios that run on requests and responses. Default: the built-in
	// scenarios.
	Detect *Detect `json:"detect,omitempty"`

	// What inspects the content of requests: modules in the namespace tocsin.inspectors,
	// such as waf and appsec, asked in this order. Default: none.
	InspectorsRaw []json.RawMessage `json:"inspectors,omitempty" caddy:"namespace=tocsin.inspectors inline_key=inspector"`

	// The look of the pages for stopped clients. Sites can override it.
	Look

	// How much of a client's address the log shows: "full", "masked" to its network, a /24
	// or a /48, or "off". Default: full.
	LogIP string `json:"log_ip,omitempty" option:"full|masked|off"`

	// Where the options are in the Caddyfile that this config comes from, as file:line:
	// errors name it. Default: none.
	Lines option.Lines `json:"lines,omitempty"`

	allow      allowance
	logIP      middleware.LogIP
	gates      *gateSet // nil: challenges are off
	watch      *watch   // nil: detection is off
	inspectors heldInspectors
	look       Look // with placeholders replaced
	pages      pages
	sites      []site
	checks     []*middleware.Middleware // of the directives
	places     []*place
	warned     []*caddyhttp.HTTPErrorConfig // those that were checked already
	collector  collectors
	engine     *pooled
	key        string       // in the pool; empty: the engine is not taken
	release    func()       // releases the log of Start
	allowLists []*allowList // of this config, including those of its sites
	warnings   *warnings
	logger     *zap.Logger
}

// CaddyModule returns the Caddy module information.
func (App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: appID, New: func() caddy.Module { return new(App) }}
}

// Provision sets the app up. It reads files but opens no connection and starts
// nothing, because caddy validate calls it too.
func (a *App) Provision(ctx caddy.Context) error { return a.Lines.At(a.provision(ctx)) }

func (a *App) provision(ctx caddy.Context) error {
	a.logger, a.warnings = ctx.Logger(), new(warnings)
	if err := a.former.check(); err != nil {
		return err
	}
	repl := caddy.NewReplacer()
	var err error
	if a.allow, err = a.takeAllow(a.Allow, repl); err != nil {
		return fmt.Errorf("allow: %w", err)
	}
	if err := option.Check(a); err != nil {
		return err
	}
	a.Startup = cmp.Or(a.Startup, startupOpen)
	a.look = a.Look
	if err := a.look.resolve(repl); err != nil {
		return err
	}
	if a.LogIP != "" {
		if a.logIP, err = middleware.ParseLogIP(a.LogIP); err != nil {
			return fmt.Errorf("log_ip: %w", err)
		}
	}
	return a.takeEngine(ctx, repl)
}

// takeEngine takes the engine from the pool, and creates the rest of the config.
func (a *App) takeEngine(ctx caddy.Context, repl *caddy.Replacer) error {
	state, err := a.State.load(ctx, repl)
	if err != nil {
		return err
	}
	key, err := state.key()
	if err != nil {
		return err
	}
	before := running()
	if a.engine, err = take(state, key, a.logger); err != nil {
		return err
	}
	a.key = key
	a.warnLost(before)
	if err := a.setUp(ctx, state); err != nil {
		return err
	}
	if err := a.checkUse(state); err != nil {
		return err
	}
	return a.register(ctx)
}

// checkUse refuses a config that protects nothing, and warns of a probable mistake.
func (a *App) checkUse(state State) error {
	switch {
	case a.engine.hasDecisions():
	case a.watch == nil && len(a.inspectors) == 0:
		return errors.New("no source of decisions, and detect is off, so the directive protects nothing: " +
			"add lapi or blocklist to the global option tocsin")
	default:
		a.warn("no source of decisions, so only clients that this server detects are stopped: " +
			"add lapi or blocklist to the global option tocsin")
	}
	a.warnUnmet(state)
	a.warnOfGuests(state)
	return nil
}

// setUp creates everything of this config besides the engine. The state is resolved.
func (a *App) setUp(ctx caddy.Context, state State) (err error) {
	if a.gates, err = a.Challenge.newGateSet(ctx, a.engine.shared, a.logger); err != nil {
		return fmt.Errorf("challenge: %w", err)
	}
	if a.watch, err = a.Detect.newWatch(ctx, a.logger); err != nil {
		return fmt.Errorf("detect: %w", err)
	}
	if a.watch != nil {
		a.watch.keepQuery = slices.Contains(a.Context, "query")
	}
	return a.takeInspectors(ctx)
}

// register registers the metrics of the engine.
func (a *App) register(ctx caddy.Context) error {
	own := metrics.NewCollector(metrics.Config{
		Engine:   a.engine.Engine,
		Counters: a.engine.counters.each, Challenges: &a.engine.shared.counters,
		Detector: a.engine.shared.rules.detector, Proxies: a.engine.proxies.Load, Version: lapi.Version,
	})
	a.collector = append(a.guestCollectors(), own)
	if err := ctx.GetMetricsRegistry().Register(runningCollector{a.collector}); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	return nil
}

// Start starts the engine, unless an earlier config did.
func (a *App) Start() error {
	releaseEngine, releaseLists := a.engine.start(a.logger), a.startAllowLists()
	a.release = func() { releaseLists(); releaseEngine() }
	a.engine.alerts.logIP.Store(uint32(a.logIP))
	a.engine.shared.witness(a.engine.opened)
	if a.gates != nil {
		a.gates.start()
	}
	if a.watch != nil {
		a.watch.start(a.engine.shared.rules)
	}
	a.inspectors.start(a.logger)
	a.warnNoDirective()
	a.warnEnclosed()
	a.logStart()
	a.hintHosts()
	return nil
}

// Stop ends what belongs only to this config, and releases the log. The engine stays
// for the next config.
func (a *App) Stop() error {
	defer a.release()
	for _, check := range a.checks {
		check.Flush()
	}
	a.inspectors.end()
	if a.watch != nil {
		a.watch.user.release()
	}
	if a.gates != nil {
		return a.gates.stop()
	}
	return nil
}

// Cleanup gives back exactly what Provision took. Caddy calls it after a failed
// Provision too, and giving back more would end the engine of another config. The app
// keeps its field engine, because a request to the admin API may still use it.
func (a *App) Cleanup() error {
	err := errors.Join(a.inspectors.giveBack(), a.giveAllowListsBack())
	if a.key == "" {
		return err
	}
	_, failed := engines.Delete(a.key)
	a.warnGone()
	return errors.Join(err, failed)
}

// appOf returns the app of the config that is being provisioned.
func appOf(ctx caddy.Context) (*App, error) {
	v, err := ctx.App(appID)
	if err != nil {
		return nil, err
	}
	return v.(*App), nil
}

// warnLeftmost warns, once for a config, if srv trusts the X-Forwarded-For of clients:
// then a client chooses the address that tocsin checks.
func (a *App) warnLeftmost(srv *caddyhttp.Server) {
	if !trustsLeftmost(srv) {
		return
	}
	a.warn("trusted_proxies without trusted_proxies_strict: "+
		"clients can choose the address by which tocsin judges them: "+
		"add trusted_proxies_strict to the servers option", zap.String("server", srv.Name()))
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
