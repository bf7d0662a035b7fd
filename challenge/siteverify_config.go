package challenge

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// NotProvided is the hostname that hCaptcha tells under high load. Among the
// Hostnames of a [SiteVerifyConfig] it accepts an answer that names this host or
// none. If it is not among them, such an answer is refused, whatever its
// success.
const NotProvided = "not-provided"

// SiteVerifyConfig describes a hosted provider. Service, SiteKey and Secret are
// required, and all of Custom's fields for [Custom].
type SiteVerifyConfig struct {
	// Service is whom to ask.
	Service Service

	// SiteKey is the public key, Secret the other one. The secret goes to
	// VerifyURL and nowhere else, neither into a log nor into an error.
	SiteKey, Secret string

	// Hostnames are the hosts that a response may have been made for, without
	// ports. Default: the one that the visitor asked for.
	Hostnames []string

	// Action is the name of the widget's purpose, which a response has to be made
	// for: letters, digits and some punctuation, at most 32. Default: "challenge"
	// for Turnstile and reCAPTCHA v3. HCaptcha and reCAPTCHA v2 have none; a
	// custom provider's is only checked if it is set.
	Action string

	// MinScore is the least score that passes, above 0 and up to 1. Default: 0.5
	// for reCAPTCHA v3; a custom provider's is only checked if it is set. The
	// others have none: what hCaptcha calls a score means the opposite.
	MinScore float64

	// MaxAge is how old a response may be by its challenge_ts, give or take a
	// minute. It comes on top of the service's own limit of two to five minutes.
	// Default: 5m, and 10m for reCAPTCHA v2, which counts from when the widget was
	// loaded. Negative: do not look, for custom providers that tell no time.
	MaxAge time.Duration

	// Timeout bounds the wait for an answer, up to 10s. Default: 5s.
	Timeout time.Duration

	// RemoteIP sends the visitor's address along. It is personal data, and no
	// service needs it. Default: off.
	RemoteIP bool

	// VerifyURL answers whether a response is good, ScriptURL is the widget's
	// script. Both are https, or http on a loopback address. Default: the
	// service's own.
	VerifyURL, ScriptURL string

	// Class is that of the widget's element and Field the name of the field that
	// it writes its response to. Only for Custom.
	Class, Field string

	// Policy is what the Content-Security-Policy of the page has to allow beside
	// the origin of ScriptURL; see [Widget]. Default: what the service needs.
	Policy map[string][]string

	// Client sends the requests; redirects are not followed. Default: one of the
	// provider's own.
	Client *http.Client
}

// withDefaults returns c with its zero fields filled in from p.
func (c SiteVerifyConfig) withDefaults(p preset) SiteVerifyConfig {
	setDefault(&c.VerifyURL, p.verify)
	setDefault(&c.ScriptURL, p.script)
	setDefault(&c.MaxAge, p.maxAge)
	setDefault(&c.Timeout, 5*time.Second)
	if c.Service != Custom {
		setDefault(&c.Class, p.class)
		setDefault(&c.Field, p.field)
		if p.actions != "" {
			setDefault(&c.Action, "challenge")
		}
	}
	if p.scored {
		setDefault(&c.MinScore, 0.5)
	}
	if c.Client == nil {
		c.Client = new(http.Client)
	}
	client := *c.Client
	client.CheckRedirect = keepRedirect
	c.Client = &client
	c.Hostnames = slices.Clone(c.Hostnames)
	for i, host := range c.Hostnames {
		c.Hostnames[i] = plainHost(host)
	}
	return c
}

// setDefault gives a field its default if it has no value.
func setDefault[T comparable](field *T, value T) {
	if *field == *new(T) {
		*field = value
	}
}

// keepRedirect makes a redirect the answer: the secret is for the configured
// server and nobody else.
func keepRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// check reports what is wrong with c, whose defaults are filled in from p.
func (c SiteVerifyConfig) check(p preset) error {
	for _, f := range []struct{ name, value string }{
		{"site key", c.SiteKey}, {"secret", c.Secret}, {"class", c.Class}, {"field", c.Field},
	} {
		switch {
		case f.value == "":
			return fmt.Errorf("the %s is missing", f.name)
		case !printable(f.value):
			return fmt.Errorf("the %s has a space, a line break or a character that is not ASCII", f.name)
		}
	}
	// Errors are searched for the secret before they are shown: a short one would
	// be found in all of them.
	if len(c.Secret) < 8 {
		return errors.New("the secret is too short to be one: want at least 8 characters")
	}
	for _, host := range c.Hostnames {
		if _, err := netip.ParseAddr(host); err != nil && (host == "" || !printable(host) || strings.ContainsAny(host, "/:")) {
			return fmt.Errorf("hostname %q: want a bare name without a port, such as www.example.com", host)
		}
	}
	if err := c.checkAction(p); err != nil {
		return err
	}
	if err := c.checkLimits(p); err != nil {
		return err
	}
	if err := checkURL(c.VerifyURL); err != nil {
		return fmt.Errorf("the verify URL: %w", err)
	}
	if err := checkURL(c.ScriptURL); err != nil {
		return fmt.Errorf("the script URL: %w", err)
	}
	return checkPolicy(c.Policy)
}

func (c SiteVerifyConfig) checkAction(p preset) error {
	foreign := func(r rune) bool { return !alphanumeric(r) && !strings.ContainsRune(p.actions, r) }
	switch {
	case c.Action != "" && p.actions == "":
		return errors.New("the service has no actions")
	case len(c.Action) > 32 || strings.ContainsFunc(c.Action, foreign):
		return fmt.Errorf("action %q: want at most 32 letters, digits and any of %q", c.Action, p.actions)
	}
	return nil
}

func (c SiteVerifyConfig) checkLimits(p preset) error {
	switch {
	case c.MinScore != 0 && !p.scored && c.Service != Custom:
		return errors.New("the service has no score")
	case !(c.MinScore >= 0 && c.MinScore <= 1):
		return fmt.Errorf("score %v: want one above 0 and up to 1", c.MinScore)
	case c.Timeout < 0 || c.Timeout > 10*time.Second:
		return fmt.Errorf("timeout %v: want at most 10s", c.Timeout)
	case c.MaxAge < 0 && c.Service != Custom:
		return fmt.Errorf("age %v: only custom providers may go without", c.MaxAge)
	case c.MaxAge > 24*time.Hour:
		return fmt.Errorf("age %v: want at most 24h", c.MaxAge)
	}
	return nil
}

func alphanumeric(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

// printable reports whether s is visible ASCII throughout, as all keys and
// responses are.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// checkURL reports what is wrong with a URL that a secret or a visitor's
// response goes to, or a script comes from. It does not repeat it: a query may
// have a key in it.
func checkURL(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return errors.New("it is missing")
	case err != nil || u.Host == "" || strings.ContainsAny(u.Host, ";,'"): // it goes into a policy
		return errors.New("it is not one; want https://host/path")
	case u.User != nil:
		return errors.New("it has a user or password in it")
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		return errors.New("want https, or http on a loopback address")
	}
	return nil
}

// loopback reports whether host is this machine.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// checkPolicy reports a directive that the page does not know, or a source that
// would end one and begin another.
func checkPolicy(policy map[string][]string) error {
	for directive, allowed := range policy {
		switch directive {
		case "script-src", "frame-src", "style-src", "connect-src", "worker-src", "img-src":
		default:
			return fmt.Errorf("policy: %q is not one of script-src, frame-src, style-src, connect-src, worker-src and img-src", directive)
		}
		for _, source := range allowed {
			if source == "" || !printable(source) || strings.ContainsAny(source, ";,") {
				return fmt.Errorf("policy: %s: %q is not a source", directive, source)
			}
		}
	}
	return nil
}
