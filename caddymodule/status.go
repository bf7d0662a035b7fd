package caddymodule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/lapi"
	"github.com/tocsin-project/tocsin/lookup"
)

// unbanTimeout bounds how long all Local APIs together may take for an unban.
const unbanTimeout = 20 * time.Second

// status says how p stands.
func (p *pooled) status() admin.Status {
	stats, now := p.Stats(), time.Now()
	s := admin.Status{
		Version:   lapi.Version,
		Decisions: stats.Decisions,
		Sources:   []admin.Source{},
		Servers:   p.counters.answers(),
		Spared:    admin.Spared{Own: stats.Own, Proxies: p.proxies.Load()},
		Countries: p.countries.snapshot(),
		Memory:    admin.NewMemory(),
	}
	s.Ready, s.Reason = p.readiness(stats, now)
	allowlists := p.allowlists()
	for i := range stats.Sources {
		a := admin.NewSource(&stats.Sources[i], p.kind(stats.Sources[i].Name), now)
		if l, ok := allowlists[a.Name]; ok {
			a.Allowlist = newAllowlist(l, now)
		}
		if _, ok := p.named(a.Name).(guest.Locator); ok {
			s.Databases = append(s.Databases, a)
			continue
		}
		s.Sources = append(s.Sources, a)
	}
	if p.snapshot != "" {
		s.Snapshot = &admin.Snapshot{Path: p.snapshot, Written: admin.InSeconds(stats.Snapshot)}
	}
	return s
}

// readiness reports whether p is fit to judge by, and if not, which sources are
// in the way. Anybody may read that, so it tells no addresses and no errors.
func (p *pooled) readiness(stats engine.Stats, now time.Time) (ready bool, reason string) {
	var late []string
	for i := range stats.Sources {
		switch s := &stats.Sources[i]; {
		case s.Live || s.Ready:
		case !s.Synced.IsZero():
			late = append(late, fmt.Sprintf("%s was last in sync %v ago", s.Name, now.Sub(s.Synced).Round(time.Second)))
		case !s.Carried.IsZero():
			late = append(late, s.Name+" was not in sync since the start")
		default:
			late = append(late, s.Name+" was not in sync yet")
		}
	}
	return len(late) == 0, strings.Join(late, "; ")
}

// Check implements [admin.App].
func (a *App) Check(ctx context.Context, ip netip.Addr) admin.Check {
	all := a.engine.Covering(ip)
	winner, found := a.engine.Lookup(ctx, ip)
	if found && !slices.ContainsFunc(all, func(d lookup.Decision) bool { return isSame(&d, &winner) }) {
		// A live source said so.
		all = slices.Insert(all, 0, winner)
	}
	c := admin.Check{
		Address: ip.String(), Result: admin.Passes, Allowed: a.allow.contains(ip),
		Decisions: admin.NewDecisions(all), Allowlisted: a.engine.Allowlisted(ip),
		Guards: admin.NewGuards(a.engine.GuardsOn(ip)), Own: a.engine.IsOwn(ip),
	}
	if a.engine.places != nil {
		c.Country, c.AS = a.engine.places.Locate(ip)
	}
	if found {
		d := admin.NewDecision(&winner)
		c.Decision = &d
	}
	switch {
	case c.Allowed:
	case found:
		c.Result = a.leadsTo(winner.Action).String()
		c.Exceptions = a.exceptions(ip, !a.engine.ByOperator(winner.Source))
	case a.Startup == startupClosed && !a.engine.wasReady():
		c.Result = admin.Unavailable
		c.Exceptions = a.exceptions(ip, false)
	}
	return c
}

// leadsTo returns what an action comes to under this config.
func (a *App) leadsTo(asked lookup.Action) lookup.Action {
	if asked == lookup.Captcha && a.passage == nil {
		return lookup.Throttle
	}
	return asked
}

// isSame reports whether two decisions have one identity.
func isSame(a, b *lookup.Decision) bool {
	return a.Source == b.Source && a.Action == b.Action &&
		a.Prefix == b.Prefix && a.Country == b.Country && a.AS == b.AS
}

// A site is a directive of the config, less what the app knows.
type site struct {
	server *caddyhttp.Server
	allow  allowance
	dryRun bool
}

// exceptions returns the directives that let ip pass by themselves. Those behind a trusted
// proxy do so with the proxy's own requests, unless the operator has decided against it.
func (a *App) exceptions(ip netip.Addr, remote bool) []admin.Exception {
	var all []admin.Exception
	for _, s := range a.sites {
		e := admin.Exception{Server: serverName(s.server)}
		switch {
		case s.allow.contains(ip):
			e.Why = "allow"
		case s.dryRun:
			e.Why = "dry_run"
		case remote && trustsProxyAt(s.server, ip):
			e.Why = "trusted_proxies"
		default:
			continue
		}
		if !slices.Contains(all, e) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b admin.Exception) int {
		return cmp.Or(strings.Compare(a.Server, b.Server), strings.Compare(a.Why, b.Why))
	})
	return all
}

// unbanners returns the sources that take decisions back where they come from.
func (p *pooled) unbanners() []guest.Unbanner {
	var all []guest.Unbanner
	for _, o := range p.opened {
		if u, ok := o.(guest.Unbanner); ok {
			all = append(all, u)
		}
	}
	return all
}

// unban takes back what is decided about the very target of d, here at once, and
// then in the Local APIs, which would only announce it again.
func (p *pooled) unban(ctx context.Context, d lookup.Decision) admin.Unban {
	held := p.about(ctx, &d)
	a := admin.Unban{Target: admin.NewDecision(&d).Target, Removed: p.Unban(d)}
	ctx, cancel := context.WithTimeout(ctx, unbanTimeout)
	defer cancel()
	type outcome struct {
		removed int
		err     error
	}
	upstreams := p.unbanners()
	outcomes := make([]outcome, len(upstreams))
	var wg sync.WaitGroup
	for i, u := range upstreams { // at once, so that none waits for one that hangs
		wg.Go(func() { outcomes[i].removed, outcomes[i].err = u.Unban(ctx, d) })
	}
	wg.Wait()
	for i, o := range outcomes {
		u := admin.Upstream{Source: upstreams[i].Name(), Removed: o.removed}
		if o.err != nil {
			u.Error = o.err.Error()
		}
		// One that cannot matters if it has said something, which may come back.
		if !errors.Is(o.err, errors.ErrUnsupported) || slices.Contains(held, u.Source) {
			a.Upstream = append(a.Upstream, u)
		}
	}
	if d.Prefix.IsSingleIP() {
		a.Remaining = admin.NewDecisions(p.Covering(d.Prefix.Addr()))
	}
	return a
}

// about returns the sources with a decision about the very target of d. A live
// one is asked, which holds for a while what it answers.
func (p *pooled) about(ctx context.Context, d *lookup.Decision) []string {
	all := p.Table().CoveringPlace(d.Country, d.AS)
	if d.Prefix.IsValid() {
		all = p.Table().Covering(d.Prefix.Addr())
		for _, l := range p.live {
			if said, ok := l.Lookup(ctx, d.Prefix.Addr()); ok {
				all = append(all, said)
			}
		}
	}
	var sources []string
	for i := range all {
		if all[i].Target() == d.Target() {
			sources = append(sources, all[i].Source)
		}
	}
	return sources
}
