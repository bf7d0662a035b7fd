package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/geo"
	"github.com/tocsin-project/tocsin/lapi"
	"github.com/tocsin-project/tocsin/lists"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// Kinds of sources, as the status names them.
const (
	kindStream = "lapi"
	kindLive   = "lapi live"
	kindFile   = "file"
	kindURL    = "url"
	kindPlaces = "mmdb"
)

// placesName is the name of the databases that say where an address is.
const placesName = "geoip"

// parts are what an engine is made of.
type parts struct {
	sources []engine.Source
	live    []*lapi.Live
	streams []*lapi.Client    // those of the sources that are such
	places  *geo.DB           // where an address is; nil: nobody knows
	kinds   map[string]string // of the sources, by name

	reporters []engine.Reporter
	counters  *tally              // of requests
	scenarios func() []string     // the names of those that are looked for
	bits      func() (v4, v6 int) // that the log may have of addresses
	context   []string            // what reporters tell of requests
}

// parts makes the parts that s, which is resolved, names.
func (s State) parts(scenarios func() []string, bits func() (v4, v6 int), l *zap.Logger) (parts, error) {
	p := parts{kinds: map[string]string{}, counters: new(tally), scenarios: scenarios, bits: bits}
	fallback, err := parseAction(s.Fallback)
	if err != nil {
		return p, fmt.Errorf("fallback: %w", err)
	}
	p.context = s.Context
	if len(s.GeoIP) > 0 {
		if p.places, err = geo.New(geo.Config{Paths: s.GeoIP, Logger: l}); err != nil {
			return p, err
		}
	}
	for i := range s.LAPI {
		if err := p.addLAPI(&s.LAPI[i], fallback, l); err != nil {
			return p, err
		}
	}
	if len(s.Context) > 0 && len(s.Report) == 0 {
		return p, errors.New("context: nobody is told: say whom with report")
	}
	if err := p.addReporters(s.Report); err != nil {
		return p, fmt.Errorf("report: %w", err)
	}
	for i := range s.Blocklists {
		if err := p.addBlocklist(&s.Blocklists[i], l); err != nil {
			return p, err
		}
	}
	if p.places != nil {
		if err := p.add(placesSource{p.places}, kindPlaces); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *parts) add(s engine.Source, kind string) error {
	p.sources = append(p.sources, s)
	return p.addKind(s.Name(), kind)
}

func (p *parts) addKind(name, kind string) error {
	if _, taken := p.kinds[name]; taken {
		return fmt.Errorf("two sources are named %q: give each a name of its own", name)
	}
	p.kinds[name] = kind
	return nil
}

func (p *parts) addLAPI(api *LAPI, fallback lookup.Action, l *zap.Logger) error {
	if api.Mode == modeLive {
		return p.addLive(api, fallback, l)
	}
	metrics, err := api.metricsInterval()
	if err != nil {
		return fmt.Errorf("lapi %s: metrics: %w", api.Name, err)
	}
	c, err := lapi.New(lapi.Config{
		Name:     api.Name,
		URL:      api.URL,
		Key:      api.Key,
		Interval: time.Duration(api.Interval),
		Scopes:   api.Scopes,
		Fallback: fallback,
		TLS:      api.tls(),
		Machine:  api.machine(),
		Logger:   l,
		LogBits:  p.bits,

		Coverage:               api.Coverage,
		Origins:                api.Origins,
		ScenariosContaining:    api.ScenariosContaining,
		ScenariosNotContaining: api.ScenariosNotContaining,

		MetricsInterval: metrics,
		Usage:           p.counters.usage,
		Scenarios:       p.scenarios,
		Context:         p.context,
		Locate:          p.locate(),
	})
	if err != nil {
		return err
	}
	p.streams = append(p.streams, c)
	return p.add(c, kindStream)
}

// locate returns what tells where an address is, for alerts; nil: nobody knows.
func (p *parts) locate() func(netip.Addr) lapi.Place {
	places := p.places
	if places == nil {
		return nil
	}
	return func(ip netip.Addr) lapi.Place {
		country, as := places.Locate(ip)
		return lapi.Place{Country: country, AS: as, ASName: places.SystemName(ip)}
	}
}

// addReporters has those of the Local APIs told of alerts that are named.
func (p *parts) addReporters(names []string) error {
	for _, name := range names {
		i := slices.IndexFunc(p.streams, func(c *lapi.Client) bool { return c.Name() == name })
		if i < 0 {
			return fmt.Errorf("there is no lapi of mode stream named %q", name)
		}
		if !p.streams[i].Reports() {
			return fmt.Errorf("lapi %s has no machine: `cscli machines add NAME --password PASSWORD` makes one", name)
		}
		p.reporters = append(p.reporters, p.streams[i])
	}
	return nil
}

func (p *parts) addLive(api *LAPI, fallback lookup.Action, l *zap.Logger) error {
	failure, err := api.failure()
	if err != nil {
		return fmt.Errorf("lapi %s: failure: %w", api.Name, err)
	}
	metrics, err := api.metricsInterval()
	if err != nil {
		return fmt.Errorf("lapi %s: metrics: %w", api.Name, err)
	}
	c, err := lapi.NewLive(lapi.LiveConfig{
		Name:     api.Name,
		URL:      api.URL,
		Key:      api.Key,
		TTL:      time.Duration(api.Cache),
		Timeout:  time.Duration(api.Timeout),
		Failure:  failure,
		Fallback: fallback,
		TLS:      api.tls(),
		Machine:  api.machine(),
		Logger:   l,
		LogBits:  p.bits,

		Coverage:               api.Coverage,
		Origins:                api.Origins,
		ScenariosContaining:    api.ScenariosContaining,
		ScenariosNotContaining: api.ScenariosNotContaining,

		MetricsInterval: metrics,
		Usage:           p.counters.usage,
	})
	if err != nil {
		return err
	}
	p.live = append(p.live, c)
	return p.addKind(c.Name(), kindLive)
}

func (p *parts) addBlocklist(b *Blocklist, l *zap.Logger) error {
	a, err := parseAction(b.Action)
	if err != nil {
		return fmt.Errorf("blocklist %s: action: %w", b.Path, err)
	}
	if b.isURL() {
		u, err := lists.NewURL(lists.URLConfig{
			URL: b.Path, Name: b.Name, Action: a, Duration: time.Duration(b.Duration), Private: b.Private, Coverage: b.Coverage,
			User: b.User, Password: b.Password, Key: b.Key,
			Interval: time.Duration(b.Interval), PageSize: b.PageSize, Logger: l,
		})
		if err != nil {
			return err
		}
		return p.add(u, kindURL)
	}
	f, err := lists.NewFile(lists.FileConfig{
		Path: b.Path, Name: b.Name, Action: a, Duration: time.Duration(b.Duration), Private: b.Private, Coverage: b.Coverage, Logger: l,
	})
	if err != nil {
		return err
	}
	return p.add(f, kindFile)
}

// parseAction reads an action that does something: to do nothing about a
// decision is not to have the source.
func parseAction(s string) (lookup.Action, error) {
	a, err := lookup.ParseAction(s)
	if err == nil && a == lookup.None {
		err = fmt.Errorf("%q: want ban, captcha or throttle", s)
	}
	return a, err
}

// A placesSource has the engine look after the databases as it does after the
// sources of decisions, though they have none.
type placesSource struct{ *geo.DB }

// Name implements [engine.Source].
func (placesSource) Name() string { return placesName }

// Run implements [engine.Source].
func (s placesSource) Run(ctx context.Context, _ *lookup.Table) error { return s.DB.Run(ctx) }
