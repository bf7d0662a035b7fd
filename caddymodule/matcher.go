package caddymodule

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/caddymodule/request"
	"github.com/tocsin-project/tocsin/lookup"
)

// Matcher matches requests of clients with a decision against them. It stops no
// request, and neither logs nor counts. Clients that the app allows do not match. If it
// matches, it sets the placeholders {http.tocsin.*}.
type Matcher struct{ Clients }

// Clients matches clients with a decision. Matchers for other protocols than HTTP embed
// it too: they call Prepare in their Provision, and Find with the address of a client.
type Clients struct {
	// Actions to match: ban, captcha or throttle, one or several. Default: all.
	Actions []string `json:"actions,omitempty"`

	want   [lookup.Ban + 1]bool // by action
	engine *pooled
	allow  allowance
}

// CaddyModule returns the Caddy module information.
func (Matcher) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.matchers.tocsin", New: func() caddy.Module { return new(Matcher) }}
}

// Provision sets the matcher up.
func (m *Matcher) Provision(ctx caddy.Context) error { return m.Prepare(ctx) }

// Prepare gets the app and checks the actions. It goes before Find.
func (c *Clients) Prepare(ctx caddy.Context) error {
	app, err := appOf(ctx)
	if err != nil {
		return err
	}
	c.engine, c.allow = app.engine, app.allow
	app.warnings.matched.Store(true)
	for _, s := range c.Actions {
		a, err := parseAction(s)
		if err != nil {
			return fmt.Errorf("actions: %w", err)
		}
		c.want[a] = true
	}
	if len(c.Actions) == 0 {
		c.want = [...]bool{lookup.Throttle: true, lookup.Captcha: true, lookup.Ban: true}
	}
	return nil
}

// Find returns the decision about the client at ip, if it has one of the actions of c. It
// asks sources in mode live, until ctx ends. An invalid ip has no decision.
func (c *Clients) Find(ctx context.Context, ip netip.Addr) (lookup.Decision, bool) {
	ip = c.engine.Normalize(ip)
	if !ip.IsValid() {
		return lookup.Decision{}, false
	}
	d, ok := c.engine.lookup(ctx, ip)
	if !ok || !c.want[min(d.Action, lookup.Ban)] || c.allow.contains(ip) {
		return lookup.Decision{}, false
	}
	return d, true
}

// MatchWithError implements [caddyhttp.RequestMatcherWithError]. A client with an unknown
// address does not match.
func (m *Matcher) MatchWithError(r *http.Request) (bool, error) {
	ip := request.ClientIP(r)
	d, ok := m.Find(r.Context(), ip)
	if ok {
		m.engine.setPlaceholders(r, m.engine.Normalize(ip), &d, "")
	}
	return ok, nil
}

// UnmarshalCaddyfile sets up the matcher:
//
//	tocsin [ban] [captcha] [throttle]
//
// Without arguments it matches all actions.
func (c *Clients) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	const matcherName = "matcher tocsin"
	for d.Next() {
		for d.NextArg() {
			var action string
			if err := option.Choose(d, matcherName, &action, d.Val(), actions...); err != nil {
				return err
			}
			c.Actions = append(c.Actions, action)
		}
		if err := (option.Block{}).Parse(d, matcherName); err != nil {
			return err
		}
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner                 = (*Matcher)(nil)
	_ caddyfile.Unmarshaler             = (*Matcher)(nil)
	_ caddyhttp.RequestMatcherWithError = (*Matcher)(nil)
)
