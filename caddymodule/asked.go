package caddymodule

import (
	"context"
	"errors"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/lookup"
)

// Engine implements [admin.App].
func (a *App) Engine() *engine.Engine { return a.engine.Engine }

// Status implements [admin.App].
func (a *App) Status() admin.Status {
	s := a.engine.status()
	if a.gates != nil {
		s.Challenge = a.gates.answer()
	}
	if a.watch != nil {
		s.Detect = a.watch.answer(a.engine)
	}
	s.Inspectors, s.WAF, s.Warnings = a.inspectors.answers(), a.inspectors.waf(), append(a.warnings.all(), a.engine.notices()...)
	for _, l := range a.allowLists {
		s.Allow = append(s.Allow, l.answer(time.Now()))
	}
	return s
}

// Unban implements [admin.App].
func (a *App) Unban(ctx context.Context, d lookup.Decision) admin.Unban {
	return a.engine.unban(ctx, d)
}

// Sync implements [admin.App].
func (a *App) Sync() {
	a.engine.Sync()
	for _, l := range a.allowLists {
		l.Sync()
	}
	a.watch.reload()
}

// Synced implements [admin.App].
func (a *App) Synced(since time.Time) admin.Sync { return a.engine.syncedSince(since) }

// syncedSince says which of the sources that can sync have not been in sync since, or
// have not read their allowlists. For a live source only the allowlists count.
func (p *pooled) syncedSince(since time.Time) admin.Sync {
	can := map[string]bool{}
	for _, s := range p.sources {
		_, can[s.Name()] = s.(guest.Syncer)
	}
	answer := admin.Sync{Sources: []string{}, Since: since.UTC()}
	stats, allowlists := p.Stats(), p.allowlists()
	for i := range stats.Sources {
		s := &stats.Sources[i]
		l, lists := allowlists[s.Name]
		if !can[s.Name] && !lists {
			continue
		}
		answer.Sources = append(answer.Sources, s.Name)
		if can[s.Name] && !s.Synced.After(since) {
			answer.Pending = append(answer.Pending, admin.NewPending(s))
		} else if lists {
			if late := pendingAllowlist(s, l, since); late != nil {
				answer.Pending = append(answer.Pending, *late)
			}
		}
	}
	return answer
}

// runningApp returns the app of the config that runs.
func runningApp() (*App, error) {
	ctx := caddy.ActiveContext()
	if ctx.Context == nil {
		return nil, errors.New("no config is running yet")
	}
	v, err := ctx.AppIfConfigured(appID)
	if err != nil {
		return nil, err
	}
	return v.(*App), nil
}

// Interface guards
var (
	_ admin.App     = (*App)(nil)
	_ admin.Planned = (*App)(nil)
)
