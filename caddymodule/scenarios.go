package caddymodule

import (
	"cmp"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// The sources of a scenario's action, in [admin.Scenario].
const (
	saidByPolicy   = "policy"   // a policy in the block of detect
	saidByLocal    = "local"    // the option local, or its default
	saidByScenario = "scenario" // the scenario's file, or your own scenario
)

// newScenarios returns the scenarios of rules, to which the policies of d were applied, with
// their actions under l. alerts has the number of alerts by name.
func newScenarios(rules *detect.Rules, d *Detect, l Local, alerts map[string]uint64) admin.Scenarios {
	a := admin.Scenarios{Scenarios: []admin.Scenario{}}
	for _, s := range rules.Scenarios() {
		answer := admin.Scenario{
			Name: s.Name, Description: s.Description, File: s.File, Version: s.Version,
			Capacity: s.Capacity, LeakSeconds: s.Leak.Seconds(), Distinct: s.Distinct, Phase: "request", Alerts: alerts[s.Name],
		}
		if s.Late {
			answer.Phase = "response"
		}
		lead(&answer, &s, d.Policies[s.Name], l)
		a.Scenarios = append(a.Scenarios, answer)
	}
	for _, s := range rules.Skipped() {
		a.Skipped = append(a.Skipped, admin.Skipped{Name: s.Name, File: s.File, Reason: s.Reason})
	}
	return a
}

// lead sets the action that an alert of s leads to under l, after p was applied: the
// engine's decision, see [engine.Local], and the setting that it comes from.
func lead(a *admin.Scenario, s *detect.Scenario, p Policy, l Local) {
	local := l.config()
	switch {
	case !s.Remediation:
		a.Action, a.ActionFrom = policyAlert, saidByScenario
		if p.Action == policyAlert {
			a.ActionFrom = saidByPolicy
		}
		return
	case s.Guard != event.NoGuard:
		a.Action, a.ActionFrom = "guard "+s.Guard.String(), saidByScenario
	case p.Action != "":
		a.Action, a.ActionFrom = p.Action, saidByPolicy
	case s.Ordered: // the operator's own scenario
		a.Action, a.ActionFrom = s.Action.String(), saidByScenario
	case local.Action != lookup.None:
		a.Action, a.ActionFrom = local.Action.String(), saidByLocal
	case s.Action != lookup.None:
		a.Action, a.ActionFrom = s.Action.String(), saidByScenario
	default:
		a.Action, a.ActionFrom = lookup.Ban.String(), saidByLocal
	}
	length := cmp.Or(s.Duration, defaultDuration)
	a.DurationFrom = saidByScenario
	switch {
	case p.Duration > 0:
		length, a.DurationFrom = time.Duration(p.Duration), saidByPolicy
	case s.Ordered && s.Duration > 0:
	case s.Guard == event.NoGuard && local.Duration > 0:
		length, a.DurationFrom = local.Duration, saidByLocal
	case s.Duration == 0:
		a.DurationFrom = saidByLocal
	}
	a.DurationSeconds = length.Seconds()
}

// defaultDuration is the duration of decisions for which none is set: see [engine.Local].
const defaultDuration = 4 * time.Hour

// Scenarios implements [admin.App].
func (a *App) Scenarios() admin.Scenarios {
	if a.watch == nil {
		return admin.Scenarios{Scenarios: []admin.Scenario{}}
	}
	return newScenarios(a.watch.user.current(), a.watch.detect, a.Local, a.engine.Stats().Alerts.Scenarios)
}

// Planned implements [admin.Planned].
func (a *App) Planned() (admin.Scenarios, error) {
	d := cmp.Or(a.Detect, new(Detect))
	if slices.Contains(d.Rules, rulesOff) {
		return admin.Scenarios{Scenarios: []admin.Scenario{}}, nil
	}
	rules, err := d.read(caddy.NewReplacer(), d.Scenarios)
	if err != nil {
		return admin.Scenarios{}, err
	}
	applied, unknown := d.apply(rules, zap.NewNop())
	if unknown == nil {
		rules = applied
	}
	return newScenarios(rules, d, a.Local, nil), unknown
}
