// Package challenges has the challenge providers of tocsin for Caddy.
//
// Its modules are guests of the app tocsin: see package guest.
//
//	tocsin.challenges.pow     the embedded proof of work
//	tocsin.challenges.altcha  the same, with ALTCHA's widget
//	tocsin.challenges.turnstile, hcaptcha, recaptcha, recaptcha_v3, siteverify  hosted services
//
// Hosted services see the visitor's browser.
package challenges

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/challenge"
)

// within are the enclosing options, for errors.
const within = "challenge"

func init() {
	caddy.RegisterModule(PoW{})
	caddy.RegisterModule(Altcha{})
	for _, s := range challenge.Services() {
		caddy.RegisterModule(SiteVerify{service: s})
	}
}

// PoW is the embedded proof of work.
type PoW struct{}

// CaddyModule returns the Caddy module information.
func (PoW) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: guest.Challenges + ".pow", New: func() caddy.Module { return new(PoW) }}
}

// UnmarshalCaddyfile sets up the challenge:
//
//	challenge pow
func (*PoW) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return option.Exact(d, option.Start(d, within))
}

// Resolve implements [guest.Provider].
func (*PoW) Resolve(*caddy.Replacer) error { return nil }

// Open implements [guest.Provider].
func (*PoW) Open() (challenge.Provider, error) { return nil, nil }

// Altcha is the proof of work with ALTCHA's widget.
type Altcha struct {
	// File with the widget: dist/main/altcha.min.js of the npm package altcha.
	// Placeholders are replaced. Required.
	File string `json:"file,omitempty" option:"-"`
}

// CaddyModule returns the Caddy module information.
func (Altcha) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: guest.Challenges + ".altcha", New: func() caddy.Module { return new(Altcha) }}
}

// UnmarshalCaddyfile sets up the challenge:
//
//	challenge altcha <file>
func (a *Altcha) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	name := option.Start(d, within)
	args := d.RemainingArgs()
	if len(args) != 1 {
		return d.Errf("%s: want the file of the widget, got %d arguments", name, len(args))
	}
	a.File = args[0]
	return nil
}

// Resolve implements [guest.Provider].
func (a *Altcha) Resolve(repl *caddy.Replacer) error { return option.Replace(repl, a) }

// Open implements [guest.Provider].
func (a *Altcha) Open() (challenge.Provider, error) {
	return challenge.NewAltcha(challenge.AltchaConfig{File: a.File})
}

// Interface guards
var (
	_ guest.Provider        = (*PoW)(nil)
	_ guest.Provider        = (*Altcha)(nil)
	_ caddyfile.Unmarshaler = (*PoW)(nil)
	_ caddyfile.Unmarshaler = (*Altcha)(nil)
)
