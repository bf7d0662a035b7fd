package caddymodule

import (
	"errors"
	"reflect"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/challenge"
)

// What Widget.Type can be, beside the names of hosted services.
const (
	typePoW    = "pow"
	typeAltcha = "altcha"
)

// Widget says who tells people from programs. All but pow and altcha are services
// of others, who learn from the visitor's browser who visits.
type Widget struct {
	// "pow" for the embedded proof of work, "altcha" for the same with ALTCHA's
	// widget, "turnstile", "hcaptcha", "recaptcha" and "recaptcha_v3" for these
	// services, or "siteverify" for another that works like them; or "off" for no
	// challenge at all. Default: pow.
	Type string `json:"type,omitempty" option:"pow|altcha|turnstile|hcaptcha|recaptcha|recaptcha_v3|siteverify|off,-"`

	// Key of the site, as the provider gives it. Not secret.
	SiteKey string `json:"site_key,omitempty" option:"-"`

	// Its secret key, or file:PATH.
	SecretKey string `json:"secret_key,omitempty" option:"-"`

	// File with ALTCHA's widget: dist/main/altcha.min.js of the npm package
	// altcha. For type altcha.
	File string `json:"file,omitempty" option:"-"`

	// Where proofs are verified. Default: the provider's; required for
	// siteverify.
	VerifyURL string `json:"verify_url,omitempty"`

	// Where the browser gets the widget. Default: the provider's; required for
	// custom.
	ScriptURL string `json:"script_url,omitempty"`

	// Class of the element that the widget fills, and name of the form field that
	// it writes the proof to. For custom.
	Class string `json:"class,omitempty"`
	Field string `json:"field,omitempty"`

	// Host names that a proof may be for. Default: the one that the visitor asked
	// for.
	Hostnames []string `json:"hostnames,omitempty"`

	// Action that a proof has to be for. Default: challenge, where the service
	// has actions.
	Action string `json:"action,omitempty"`

	// Score that recaptcha_v3 has to give at least, 0 to 1. Default: 0.5.
	MinScore float64 `json:"min_score,omitempty"`

	// How old a proof may be. Default: 5m, and 10m for recaptcha.
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	// How long to wait for the provider. Then the embedded challenge stands in for
	// it. Default: 5s.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// Whether to tell the provider the visitor's address. Default: false.
	RemoteIP bool `json:"remote_ip,omitempty"`
}

// provider returns what w describes, nil for the embedded proof of work.
func (w *Widget) provider() (challenge.Provider, error) {
	switch w.Type {
	case "", typePoW:
		return nil, w.only("SITEKEY and SECRET are for hosted services", Widget{Type: w.Type})
	case typeAltcha:
		if err := w.only("altcha has a file and nothing else", Widget{Type: w.Type, File: w.File}); err != nil {
			return nil, err
		}
		return challenge.NewAltcha(challenge.AltchaConfig{File: w.File})
	}
	if w.File != "" {
		return nil, errors.New("file: this is for altcha")
	}
	return challenge.NewSiteVerify(challenge.SiteVerifyConfig{
		Service: challenge.Service(w.Type), SiteKey: w.SiteKey, Secret: w.SecretKey,
		Hostnames: w.Hostnames, Action: w.Action, MinScore: w.MinScore,
		MaxAge: time.Duration(w.MaxAge), Timeout: time.Duration(w.Timeout), RemoteIP: w.RemoteIP,
		VerifyURL: w.VerifyURL, ScriptURL: w.ScriptURL, Class: w.Class, Field: w.Field,
	})
}

// only refuses a w that says more than want does.
func (w *Widget) only(text string, want Widget) error {
	if want.Hostnames = w.Hostnames; len(w.Hostnames) > 0 || !reflect.DeepEqual(*w, want) {
		return errors.New(text)
	}
	return nil
}

// parseChallenge sets up the challenge:
//
//	challenge pow|off
//	challenge altcha <file>
//	challenge turnstile|hcaptcha|recaptcha|recaptcha_v3|siteverify <site key> <secret key>
//
// with these options:
//
//	{
//	    secret      <secret>
//	    old_secrets <secret...>
//	    level       low|medium|high
//	    ttl         <duration>
//	    raise       <number>|off
//	    bar         <number>|off
//	    hosts       <name...>
//	    nojs        wait <duration>
//	    page        <file>
//	    title       <text>
//	    hostnames   <name...>
//	    action      <word>
//	    min_score   <score>
//	    max_age     <duration>
//	    timeout     <duration>
//	    remote_ip
//	    verify_url  <url>
//	    script_url  <url>
//	    class       <word>
//	    field       <word>
//	}
//
// Those from hostnames on are for hosted services, and the last two for
// siteverify; off takes none. For the meaning and the default of each see [Challenge] and
// [Widget].
func (a *App) parseChallenge(d *caddyfile.Dispenser, name string) error {
	c := new(Challenge)
	if err := c.parseWidget(d, name); err != nil {
		return err
	}
	a.Challenge = c
	return option.Read(d, name, c, option.Block{"nojs": {Parse: c.parseNoJS}})
}

func (w *Widget) parseWidget(d *caddyfile.Dispenser, name string) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Errf("%s: want pow, altcha, turnstile, hcaptcha, recaptcha, recaptcha_v3, siteverify or off", name)
	}
	types := []string{typePoW, challengeOff, typeAltcha}
	for _, s := range challenge.Services() {
		types = append(types, string(s))
	}
	if err := option.Choose(d, name, &w.Type, args[0], types...); err != nil {
		return err
	}
	name += ": " + w.Type
	switch args = args[1:]; {
	case w.needsNothing() && len(args) == 0:
	case w.needsNothing():
		return d.Errf("%s: takes no argument, got %q", name, args[0])
	case w.Type == typeAltcha && len(args) == 1:
		w.File = args[0]
	case w.Type == typeAltcha:
		return d.Errf("%s: want the file of the widget, got %d arguments", name, len(args))
	case len(args) == 2:
		w.SiteKey, w.SecretKey = args[0], args[1]
	default:
		return d.Errf("%s: want a site key and a secret key, got %d arguments", name, len(args))
	}
	return nil
}

// needsNothing reports whether the type of w says all that there is to say.
func (w *Widget) needsNothing() bool { return w.Type == typePoW || w.Type == challengeOff }

func (c *Challenge) parseNoJS(d *caddyfile.Dispenser, name string) error {
	args := d.RemainingArgs()
	if len(args) != 2 || args[0] != "wait" {
		return d.Errf("%s: want wait and a duration", name)
	}
	v, err := option.ParseDuration(args[1])
	if err != nil {
		return d.Errf("%s: %v", name, err)
	}
	c.Wait = caddy.Duration(v)
	return nil
}
