package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/lookup"
)

// guests are the modules of a config that decisions come from.
type guests []namedSource

// A namedSource is a source with its name in errors, such as "lapi 2".
type namedSource struct {
	guest.Source
	name string
}

// loadSources returns the sources that raw holds, resolved.
func loadSources(ctx caddy.Context, raw []json.RawMessage, repl *caddy.Replacer) (guests, error) {
	loaded, err := ctx.LoadModule(&State{SourcesRaw: raw}, "SourcesRaw")
	if err != nil {
		return nil, fmt.Errorf("sources: %w", err)
	}
	var all guests
	nth := map[string]int{}
	for _, m := range loaded.([]any) {
		name := m.(caddy.Module).CaddyModule().ID.Name()
		s, ok := m.(guest.Source)
		if !ok {
			return nil, fmt.Errorf("sources: %s does not implement guest.Source", name)
		}
		one := namedSource{s, fmt.Sprintf("%s %d", name, nth[name]+1)}
		if err := s.Resolve(repl, nth[name]); err != nil {
			return nil, fmt.Errorf("%s: %w", one.name, err)
		}
		nth[name]++
		all = append(all, one)
	}
	return all, nil
}

func (s guests) modules() []caddy.Module {
	all := make([]caddy.Module, len(s))
	for i := range s {
		all[i] = s[i].Source.(caddy.Module)
	}
	return all
}

// parts are what an engine is made of.
type parts struct {
	opened    []guest.Opened // in the order of the config
	sources   []engine.Source
	live      []engine.Live
	places    guest.Locator // where an address is; nil: nobody knows
	reporters []engine.Reporter

	counters *serverCounters // of requests
}

// parts makes the parts that s, which is resolved, names.
// The caller sets what the environment of the sources needs of the process.
func (s State) parts(env guest.Env) (*parts, error) {
	p := &parts{counters: new(serverCounters)}
	fallback, err := parseAction(s.Fallback)
	if err != nil {
		return nil, fmt.Errorf("fallback: %w", err)
	}
	env.Fallback, env.Context, env.Report = fallback, s.Context, s.Report
	env.Counters, env.Locate = p.counters.each, p.locate
	for _, src := range s.sources {
		if err := p.open(src, env); err != nil {
			return nil, fmt.Errorf("%s: %w", src.name, err)
		}
	}
	if len(s.Context) > 0 && len(s.Report) == 0 {
		return nil, errors.New("context: it needs the option report, which says who gets the alerts")
	}
	if err := p.addReporters(s.Report); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return p, nil
}

// open opens a source.
func (p *parts) open(src guest.Source, env guest.Env) error {
	o, err := src.Open(env)
	if err != nil {
		return err
	}
	if p.named(o.Name()) != nil {
		return fmt.Errorf("two sources have the name %q: give one another name", o.Name())
	}
	p.opened = append(p.opened, o)
	if at, ok := o.(guest.Locator); ok {
		p.places = at
	}
	switch o := o.(type) {
	case engine.Source:
		p.sources = append(p.sources, o)
	case engine.Live:
		p.live = append(p.live, o)
	default:
		return fmt.Errorf("source %s implements neither engine.Source nor engine.Live", o.Name())
	}
	return nil
}

// named returns the source of that name, nil if there is none.
func (p *parts) named(name string) guest.Opened {
	i := slices.IndexFunc(p.opened, func(o guest.Opened) bool { return o.Name() == name })
	if i < 0 {
		return nil
	}
	return p.opened[i]
}

// locate tells where an address is.
func (p *parts) locate(ip netip.Addr) guest.Place {
	if p.places == nil {
		return guest.Place{}
	}
	country, as := p.places.Locate(ip)
	return guest.Place{Country: country, AS: as, ASName: p.places.SystemName(ip)}
}

// addReporters has those of the sources told of alerts that are named.
func (p *parts) addReporters(names []string) error {
	for _, name := range names {
		r, ok := p.named(name).(guest.Reporter)
		if !ok {
			return fmt.Errorf("no source with the name %q accepts alerts: want the name of a community, or of a lapi with mode stream", name)
		}
		if err := r.CanReport(); err != nil {
			return err
		}
		p.reporters = append(p.reporters, r)
	}
	return nil
}

// hasDecisions reports whether there is a source of decisions.
func (p *parts) hasDecisions() bool {
	return slices.ContainsFunc(p.opened, func(o guest.Opened) bool {
		_, isPlaces := o.(guest.Locator)
		return !isPlaces
	})
}

// kind returns what the status calls the kind of the source of that name.
func (p *parts) kind(name string) string {
	if o := p.named(name); o != nil {
		return o.Kind()
	}
	return ""
}

// close ends what is left when the engine has ended.
func (p *parts) close() {
	for _, o := range p.opened {
		if c, ok := o.(guest.Closer); ok {
			c.Close()
		}
	}
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
