package caddymodule

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/waf"
	"go.uber.org/zap"
)

// An offlineWAF is the WAF of a config that does not run.
type offlineWAF struct {
	*waf.Inspector
	except func(r *http.Request, rule string) bool
}

// A wafGuest is what the module of the WAF opens.
type wafGuest interface {
	guest.Ruled
	Inside() *waf.Inspector
}

// offlineWAF returns the WAF that the config names, nil if it names none.
func (a *App) offlineWAF(ctx caddy.Context) (*offlineWAF, error) {
	loaded, err := ctx.LoadModule(a, "InspectorsRaw")
	if err != nil {
		return nil, fmt.Errorf("inspectors: %w", err)
	}
	for _, m := range loaded.([]any) {
		g, ok := m.(guest.Inspector)
		if !ok || m.(caddy.Module).CaddyModule().ID.Name() != waf.Name {
			continue
		}
		if err := g.Resolve(caddy.NewReplacer(), nil); err != nil {
			return nil, fmt.Errorf("waf: %w", err)
		}
		opened, err := g.Open(zap.NewNop())
		if err != nil {
			return nil, fmt.Errorf("waf: %w", err)
		}
		inside, ok := opened.(wafGuest)
		if !ok {
			return nil, errors.New("waf: it is not the one that comes with tocsin")
		}
		o := &offlineWAF{Inspector: inside.Inside()}
		if e, ok := m.(guest.Excepting); ok {
			o.except = e.Excepts
		}
		return o, nil
	}
	return nil, nil
}

// explain says what becomes of a request.
func (o *offlineWAF) explain(r *http.Request, body []byte) waf.Explanation {
	var d inspect.Details
	if o.except != nil {
		d.Except = func(rule string) bool {
			return o.except(caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, new(caddyhttp.Server)), rule)
		}
	}
	return o.Explain(r, body, d)
}

// WAF implements [admin.Planned]. It starts nothing and needs no state.
func (a *App) WAF(ctx caddy.Context) (func(r *http.Request, body []byte) admin.WAFTest, error) {
	o, err := a.offlineWAF(ctx)
	if o == nil || err != nil {
		return nil, err
	}
	return func(r *http.Request, body []byte) admin.WAFTest { return o.test(r, body) }, nil
}

// test says for people what becomes of a request.
func (o *offlineWAF) test(r *http.Request, body []byte) admin.WAFTest {
	e := o.explain(r, body)
	a := admin.WAFTest{
		Result: admin.Passes, Status: e.Verdict.Status, Reason: e.Verdict.Reason, Rules: len(o.Rules().Rules()), Part: e.Part,
		Matches: []admin.WAFMatch{},
	}
	if e.Verdict.Status > 0 {
		a.Result = e.Verdict.Action.String()
	}
	for i := range e.Matches {
		a.Matches = append(a.Matches, matchAnswer(&e.Matches[i], e.Verdict.Found))
	}
	for _, s := range o.Rules().Skipped() {
		a.Skipped = append(a.Skipped, s.String())
	}
	return a
}

func matchAnswer(m *waf.Explained, found *inspect.Found) admin.WAFMatch {
	a := admin.WAFMatch{
		Rule: m.Rule.Name, Description: m.Rule.Description, File: m.Rule.File, Confidence: m.Rule.Confidence.String(),
		Zones: m.Zones, Found: m.Found, Does: "stops",
	}
	switch {
	case m.Excepted:
		a.Does = "is excepted"
	case !m.Stops, found != nil && found.Findings[0].Simulated:
		a.Does = "observes"
	case m.Rule.Confidence == waf.Likely:
		a.Does = "asks for a challenge"
	}
	return a
}
