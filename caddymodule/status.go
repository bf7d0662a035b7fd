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

// unbanTimeout limits the time of all Local APIs together for an unban.
const unbanTimeout = 20 * time.Second

// status returns the status of p.
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
		a.Membership = newMembership(p.named(a.Name))
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

// readiness reports whether p is ready, and if not, which sources are the cause.
// Anybody may read that, so it has no addresses and no errors.
func (p *pooled) readiness(stats engine.Stats, now time.Time) (ready bool, reason string) {
	var late []string
	for i := range stats.Sources {
		switch s := &stats.Sources[i]; {
		case s.Live || s.Ready:
		case !s.Synced.IsZero():
			late = append(late, fmt.Sprintf("%s was last in sync %v ago", s.Name, now.Sub(s.Synced).Round(time.Second)))
		case !s.Carried.IsZero():
			late = append(late, s.Name+" has not been in sync since the start")
		default:
			late = append(late, s.Name+" has not been in sync yet")
		}
	}
	return len(late) == 0, strings.Join(late, "; ")
}

// Check implements [admin.App].
func (a *App) Check(ctx context.Context, ip netip.Addr) admin.Check {
	all := a.engine.Covering(ip)
	winner, found := a.engine.Lookup(ctx, ip)
	if found && !slices.ContainsFunc(all, func(d lookup.Decision) bool { return isSame(&d, &winner) }) {
		// It is from a live source.
		all = slices.Insert(all, 0, winner)
	}
	c := admin.Check{
		Address: ip.String(), Result: admin.Passes, Allowed: a.allow.contains(ip),
		Decisions: admin.NewDecisions(all), Allowlisted: a.engine.Allowlisted(ip),
		Guards: admin.NewGuards(a.engine.GuardsOn(ip)), Own: a.engine.IsOwn(ip),
	}
	a.engine.explained(c.Decisions, ip)
	if a.engine.places != nil {
		c.Country, c.AS = a.engine.places.Locate(ip)
	}
	if found {
		d := admin.NewDecision(&winner)
		d.By, d.Explain = a.engine.explain(&winner, ip)
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

// leadsTo returns the effect of an action under this config.
func (a *App) leadsTo(asked lookup.Action) lookup.Action {
	if asked == lookup.Captcha && a.gates == nil {
		return lookup.Throttle
	}
	return asked
}

// isSame reports whether two decisions have one identity.
func isSame(a, b *lookup.Decision) bool {
	return a.Source == b.Source && a.Action == b.Action &&
		a.Prefix == b.Prefix && a.Country == b.Country && a.AS == b.AS
}

// A site has the settings of a directive that the app needs.
type site struct {
	server *caddyhttp.Server
	allow  allowance
	dryRun bool
}

// anySite reports whether is is true of a site of srv.
func (a *App) anySite(srv *caddyhttp.Server, is func(*site) bool) bool {
	for i := range a.sites {
		if s := &a.sites[i]; s.server == srv && is(s) {
			return true
		}
	}
	return false
}

// exceptions returns the directives that let ip pass. A server that trusts ip as a
// proxy does so for the proxy's own requests, unless the decision is the operator's
// own.
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

// unbanners returns the sources that can delete decisions in their upstream.
func (p *pooled) unbanners() []guest.Unbanner {
	var all []guest.Unbanner
	for _, o := range p.opened {
		if u, ok := o.(guest.Unbanner); ok {
			all = append(all, u)
		}
	}
	return all
}

// unban deletes the decisions about exactly the target of d: here at once, and then in
// the Local APIs, which would otherwise announce them again.
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
	for i, u := range upstreams { // all at the same time, so that none waits for one that hangs
		wg.Go(func() { outcomes[i].removed, outcomes[i].err = u.Unban(ctx, d) })
	}
	wg.Wait()
	for i, o := range outcomes {
		u := admin.Upstream{Source: upstreams[i].Name(), Removed: o.removed}
		if o.err != nil {
			u.Error = o.err.Error()
		}
		// A source that cannot delete only matters if it has a decision, which may come
		// back.
		if !errors.Is(o.err, errors.ErrUnsupported) || slices.Contains(held, u.Source) {
			a.Upstream = append(a.Upstream, u)
		}
	}
	if d.Prefix.IsSingleIP() {
		a.Remaining = admin.NewDecisions(p.Covering(d.Prefix.Addr()))
	}
	return a
}

// about returns the sources with a decision about exactly the target of d. It asks live
// sources, which keep their answers for a while.
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
