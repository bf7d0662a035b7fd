package caddymodule

import (
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/lookup"
)

// Matcher matches requests of clients that there is a decision about. It stops
// nobody, and neither logs nor counts. Clients that the app allows do not match.
// Where it matches, the placeholders {http.tocsin.*} are set.
type Matcher struct {
	// What the decision in force asks for: ban, captcha or throttle, one or
	// several. Default: any of them.
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
func (m *Matcher) Provision(ctx caddy.Context) error {
	app, err := appOf(ctx)
	if err != nil {
		return err
	}
	m.engine, m.allow = app.engine, app.allow
	app.warnings.matched.Store(true)
	for _, s := range m.Actions {
		a, err := parseAction(s)
		if err != nil {
			return fmt.Errorf("actions: %w", err)
		}
		m.want[a] = true
	}
	if len(m.Actions) == 0 {
		m.want = [...]bool{lookup.Throttle: true, lookup.Captcha: true, lookup.Ban: true}
	}
	return nil
}

// MatchWithError implements [caddyhttp.RequestMatcherWithError]. A client whose
// address cannot be told does not match: there is nothing to judge it by.
func (m *Matcher) MatchWithError(r *http.Request) (bool, error) {
	ip := m.engine.Normalize(clientIP(r))
	if !ip.IsValid() {
		return false, nil
	}
	d, ok := m.engine.lookup(r.Context(), ip)
	if !ok || !m.want[min(d.Action, lookup.Ban)] || m.allow.contains(ip) {
		return false, nil
	}
	setPlaceholders(r, &d, "")
	return true, nil
}

// Interface guards
var (
	_ caddy.Provisioner                 = (*Matcher)(nil)
	_ caddyhttp.RequestMatcherWithError = (*Matcher)(nil)
)
