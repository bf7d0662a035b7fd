package caddymodule

import (
	"cmp"

	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// captcha is the word for what only a challenge can meet.
var captcha = lookup.Captcha.String()

// warnUnmet warns of what asks for a captcha although there is no challenge: clients are
// turned away instead, and cannot do anything about it. What a Local API decides is not known yet.
func (a *App) warnUnmet(state State) {
	if a.passage != nil {
		return
	}
	asking := append(a.captchas(state), a.watch.captchas()...)
	if len(asking) > 0 {
		a.warn("challenge off: what asks for a captcha turns clients away until it ends, with status 429; take challenge off out, or have these say ban",
			zap.Strings("asking", asking))
	}
}

// captchas returns what options ask for captchas, but for those of scenarios.
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
		// A policy rules over a scenario, and that over what its file says.
		if s.Remediation && cmp.Or(w.detect.Policies[s.Name].Action, own[s.Name], s.Labels["action"]) == captcha {
			asking = append(asking, "scenario "+s.Name)
		}
	}
	return asking
}
