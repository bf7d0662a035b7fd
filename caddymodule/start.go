package caddymodule

import (
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/lapi"
	"go.uber.org/zap"
)

// logStart logs one line with the main settings.
func (a *App) logStart() {
	stats := a.engine.Stats()
	sources := make([]string, len(stats.Sources))
	for i := range stats.Sources {
		sources[i] = stats.Sources[i].Name
	}
	scenarios, leads := a.leads()
	a.logger.Info("tocsin is on",
		zap.String("version", lapi.Version), zap.Int("sites", a.guarded()), zap.Strings("sources", sources),
		zap.Int("scenarios", scenarios), zap.Any("scenarios_lead_to", leads),
		zap.String("challenge", a.challengeType()), zap.Strings("inspectors", a.inspectors.names()))
}

// guarded returns the number of sites with the directive.
func (a *App) guarded() int {
	type site struct {
		server *caddyhttp.Server
		root   *caddyhttp.Subroute
	}
	sites := map[site]bool{}
	for _, p := range a.places {
		sites[site{p.server, p.root}] = true
	}
	return len(sites)
}

// leads returns the number of scenarios, also by consequence.
func (a *App) leads() (n int, to map[string]int) {
	to = map[string]int{}
	if a.watch == nil {
		return 0, to
	}
	all := newScenarios(a.watch.user.current(), a.watch.detect, a.Local, nil).Scenarios
	for i := range all {
		s := &all[i]
		to[s.LeadsTo()]++
	}
	return len(all), to
}

// challengeType returns the type of the challenge, or off.
func (a *App) challengeType() string {
	if a.gates == nil {
		return challengeOff
	}
	return a.gates.answer().Type
}
