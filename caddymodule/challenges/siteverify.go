package challenges

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/challenge"
)

// SiteVerify is a hosted service: "turnstile", "hcaptcha", "recaptcha", "recaptcha_v3",
// or "siteverify" for another with the same protocol. Placeholders are replaced in all
// strings.
type SiteVerify struct {
	// The site key from the provider. It is not secret.
	SiteKey string `json:"site_key,omitempty" option:"-"`

	// Its secret key, or file:PATH.
	SecretKey string `json:"secret_key,omitempty" option:"-"`

	// URL that verifies proofs. Default: the provider's; required for siteverify.
	VerifyURL string `json:"verify_url,omitempty"`

	// URL of the widget's script. Default: the provider's; required for siteverify.
	ScriptURL string `json:"script_url,omitempty"`

	// Class of the element that the widget fills. Required for siteverify.
	Class string `json:"class,omitempty"`

	// Name of the form field to which the widget writes the proof. Required for
	// siteverify.
	Field string `json:"field,omitempty"`

	// Hosts for which proofs are accepted. Default: the host that the visitor
	// requested.
	Hostnames []string `json:"hostnames,omitempty"`

	// Action that a proof must have. Default: challenge, if the service has actions.
	Action string `json:"action,omitempty"`

	// Lowest accepted score of recaptcha_v3, above 0 and at most 1. Default: 0.5.
	MinScore float64 `json:"min_score,omitempty"`

	// Maximum age of a proof. Default: 5m, and 10m for recaptcha.
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	// How long to wait for the provider. After that the embedded challenge replaces it.
	// Default: 5s.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// Whether to send the visitor's address to the provider. Default: false.
	RemoteIP bool `json:"remote_ip,omitempty"`

	service challenge.Service
}

// CaddyModule returns the Caddy module information.
func (s SiteVerify) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  caddy.ModuleID(guest.Challenges + "." + string(s.service)),
		New: func() caddy.Module { return &SiteVerify{service: s.service} },
	}
}

// UnmarshalCaddyfile sets up the challenge:
//
//	challenge <service> <site key> <secret key> {
//	    hostnames  <name...>
//	    action     <word>
//	    min_score  <score>
//	    max_age    <duration>
//	    timeout    <duration>
//	    remote_ip
//	    verify_url <url>
//	    script_url <url>
//	    class      <word>
//	    field      <word>
//	}
//
// The options in the block are read by the app: see [guest.Provider].
func (s *SiteVerify) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	name := option.Start(d, within)
	return option.Pair("a site key and a secret key", &s.SiteKey, &s.SecretKey)(d, name)
}

// Resolve implements [guest.Provider].
func (s *SiteVerify) Resolve(repl *caddy.Replacer) error {
	if err := option.Replace(repl, s); err != nil {
		return err
	}
	var err error
	if s.SecretKey, err = option.Secret(s.SecretKey); err != nil {
		return fmt.Errorf("secret key: %w", err)
	}
	return option.Check(s)
}

// Open implements [guest.Provider].
func (s *SiteVerify) Open() (challenge.Provider, error) {
	return challenge.NewSiteVerify(challenge.SiteVerifyConfig{
		Service: s.service, SiteKey: s.SiteKey, Secret: s.SecretKey,
		Hostnames: s.Hostnames, Action: s.Action, MinScore: s.MinScore,
		MaxAge: time.Duration(s.MaxAge), Timeout: time.Duration(s.Timeout), RemoteIP: s.RemoteIP,
		VerifyURL: s.VerifyURL, ScriptURL: s.ScriptURL, Class: s.Class, Field: s.Field,
	})
}

// Interface guards
var (
	_ guest.Provider        = (*SiteVerify)(nil)
	_ caddyfile.Unmarshaler = (*SiteVerify)(nil)
)
