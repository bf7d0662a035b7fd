// Package centre answers one question: how does a Caddy site become the centre of a
// community?
//
// It has the directive tocsin_community, the module http.handlers.tocsin_community. All
// centres of a config belong to the app tocsin_communities, which opens their databases when
// the config starts. A reload with the same settings does not restart a centre.
package centre

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/metrics"
	"go.uber.org/zap"
)

const (
	appID     = "tocsin_communities"
	directive = "tocsin_community"
)

func init() {
	caddy.RegisterModule(App{})
	caddy.RegisterModule(new(Handler))
	httpcaddyfile.RegisterHandlerDirective(directive, parseDirective)
	httpcaddyfile.RegisterDirectiveOrder(directive, httpcaddyfile.Before, "respond")
}

// centres keeps running centres across reloads, by their settings.
var centres = caddy.NewUsagePool()

// App holds the centres of a config. It has no settings: each tocsin_community adds one.
type App struct {
	logger   *zap.Logger
	handlers []*Handler
	taken    []string // keys in the pool
	metrics  *metrics.Communities
}

// CaddyModule returns the Caddy module information.
func (App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: appID, New: func() caddy.Module { return new(App) }}
}

// Provision sets the app up.
func (a *App) Provision(ctx caddy.Context) error {
	a.logger = ctx.Logger()
	a.metrics = metrics.NewCommunities()
	if err := ctx.GetMetricsRegistry().Register(a.metrics); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	return nil
}

// add adds the centre of a directive. Two directives with the same settings share one.
func (a *App) add(h *Handler) { a.handlers = append(a.handlers, h) }

// Start opens the databases and starts the centres.
func (a *App) Start() error {
	for _, h := range a.handlers {
		if err := a.start(h); err != nil {
			for _, h := range a.handlers {
				h.fail()
			}
			return errors.Join(h.Lines.At(fmt.Errorf("%s: %w", directive, err)), a.Stop())
		}
	}
	return nil
}

func (a *App) start(h *Handler) error {
	settings := h.Settings
	if settings.Site == "" {
		settings.Site = siteOf(h)
	}
	raw, err := json.Marshal(settings) //nolint:gosec // Secret is the path of a file
	if err != nil {
		return err
	}
	key := string(raw)
	v, _, err := centres.LoadOrNew(key, func() (caddy.Destructor, error) { return open(settings, a.logger) })
	if err != nil {
		return err
	}
	a.taken = append(a.taken, key)
	if h.server != nil && isGuarded(h.server.Routes, h) {
		a.logger.Warn("tocsin also stops visitors at the pages of the community, where banned people appeal: give it a matcher, such as tocsin /moderator*",
			zap.String("community", settings.Name))
	}
	c := v.(*running)
	a.metrics.Add(c.Centre)
	return h.serve(c)
}

// Stop releases the centres. Centres that no config uses any more end.
func (a *App) Stop() error {
	var all []error
	for _, key := range a.taken {
		if _, err := centres.Delete(key); err != nil {
			all = append(all, err)
		}
	}
	a.taken = nil
	return errors.Join(all...)
}

// Names returns the names of the centres of the config.
func (a *App) Names() (names []string) {
	for _, h := range a.handlers {
		if c := h.open.Load(); c != nil && !slices.Contains(names, c.About().Name) {
			names = append(names, c.About().Name)
		}
	}
	return names
}

// Centre returns the centre with this name. Without a name it is the only one.
func (a *App) Centre(name string) (*community.Centre, error) {
	names := a.Names()
	if name == "" && len(names) > 1 {
		return nil, fmt.Errorf("the config has %d communities: name one of %s", len(names), strings.Join(names, ", "))
	}
	for _, h := range a.handlers {
		if c := h.open.Load(); c != nil && (name == "" || c.About().Name == name) {
			return c.Centre, nil
		}
	}
	return nil, fmt.Errorf("the config has no community %q: it has %s", name, strings.Join(names, ", "))
}

// A running is a running centre with its databases.
type running struct {
	*community.Centre
	settings Settings
	classes  *classes
	store    community.Store
	accounts community.Accounts
	cancel   context.CancelFunc
	done     chan struct{}
	ready    atomic.Bool // the database is fit to serve
	log      *zap.Logger
}

// Destruct ends the centre, and closes its databases.
func (c *running) Destruct() error {
	c.cancel()
	<-c.done
	return errors.Join(c.store.Close(), c.accounts.Close())
}

// Interface guards
var (
	_ caddy.App         = (*App)(nil)
	_ caddy.Provisioner = (*App)(nil)
)
