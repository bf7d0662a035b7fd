package caddymodule

import (
	"cmp"

	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// captcha is the name of the action that needs a challenge.
var captcha = lookup.Captcha.String()

// warnUnmet warns of settings that ask for captchas although challenges are off:
// clients are then refused and can do nothing about it. It does not know the decisions
// of a Local API.
func (a *App) warnUnmet(state State) {
	if a.gates != nil {
		return
	}
	asking := append(a.captchas(state), a.watch.captchas()...)
	if len(asking) > 0 {
		a.warn("challenge off: captcha decisions refuse clients with status 429 until they end: remove challenge off, or use ban instead of captcha in these places",
			zap.Strings("asking", asking))
	}
}

// captchas returns the options that ask for captchas, except those of scenarios.
func (a *App) captchas(state State) (asking []string) {
	add := func(action, name string) {
		if action == captcha {
			asking = append(asking, name)
		}
	}
	for _, o := range a.engine.opened {
		if g, ok := o.(guest.Captchas); ok {
			asking = append(asking, g.Captchas()...)
		}
	}
	add(state.Fallback, "fallback")
	add(state.Local.Action, "local")
	for _, i := range a.inspectors {
		if g, ok := i.Inspector.(guest.Captchas); ok {
			asking = append(asking, g.Captchas()...)
		}
	}
	return asking
}

// captchas returns the scenarios that ask for captchas.
func (w *watch) captchas() (asking []string) {
	if w == nil {
		return nil
	}
	own := map[string]string{}
	for i := range w.own {
		own[w.own[i].Name] = w.own[i].Action
	}
	for _, s := range w.rules.Scenarios() {
		// A policy overrides the scenario's block, and that overrides the file.
		if s.Remediation && cmp.Or(w.detect.Policies[s.Name].Action, own[s.Name], s.Labels["action"]) == captcha {
			asking = append(asking, "scenario "+s.Name)
		}
	}
	return asking
}
