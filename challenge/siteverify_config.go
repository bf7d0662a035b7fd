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

// NotProvided is the hostname in hCaptcha's answers under high load. If the Hostnames
// of a [SiteVerifyConfig] contain it, answers with this hostname or none are accepted.
// Otherwise they are refused.
const NotProvided = "not-provided"

// SiteVerifyConfig describes a hosted provider. Service, SiteKey and Secret are
// required. [Custom] also needs Class, Field and both URLs.
type SiteVerifyConfig struct {
	// Service is the provider.
	Service Service

	// SiteKey is the public key, Secret the private one. The secret is only sent to
	// VerifyURL. It never appears in a log or an error.
	SiteKey, Secret string

	// Hostnames are the hosts for which a response is accepted, without ports. Default:
	// the host that the visitor requested.
	Hostnames []string

	// Action is the name of the widget's purpose, which the response must have:
	// letters, digits and some punctuation, at most 32. Default: "challenge" for
	// Turnstile and reCAPTCHA v3. HCaptcha and reCAPTCHA v2 have none; a custom
	// provider's is only checked if it is set.
	Action string

	// MinScore is the lowest accepted score, above 0 and up to 1. Default: 0.5 for
	// reCAPTCHA v3; a custom provider's is only checked if it is set. The others have
	// none: hCaptcha's score has the opposite meaning.
	MinScore float64

	// MaxAge is the maximum age of a response by its challenge_ts, with a tolerance of
	// one minute. The service's own limit of two to five minutes applies too. Default:
	// 5m, and 10m for reCAPTCHA v2, which counts from when the widget was loaded.
	// Negative: no check, for custom providers that send no time.
	MaxAge time.Duration

	// Timeout is the longest wait for an answer, up to 10s. Default: 5s.
	Timeout time.Duration

	// RemoteIP sends the visitor's address to the service. It is personal data, and no
	// service needs it. Default: off.
	RemoteIP bool

	// VerifyURL verifies responses, ScriptURL is the widget's script. Both must be
	// https, or http on a loopback address. Default: the service's own.
	VerifyURL, ScriptURL string

	// Class is the class of the widget's element, Field the name of the form field with
	// its response. Only for Custom.
	Class, Field string

	// Policy has the sources that the page's Content-Security-Policy allows besides the
	// origin of ScriptURL: see [Widget]. Default: those of the service.
	Policy map[string][]string

	// Client sends the requests. It does not follow redirects. Default: a client of its
	// own.
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

// keepRedirect stops net/http from following redirects: only the configured server may
// get the secret.
func keepRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// check returns an error if c is invalid. Its defaults are filled in from p.
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
	// Errors are searched for the secret before they are shown, and a very short secret
	// would be found in all of them.
	if len(c.Secret) < 8 {
		return errors.New("the secret is too short: want at least 8 characters")
	}
	for _, host := range c.Hostnames {
		if _, err := netip.ParseAddr(host); err != nil && (host == "" || !printable(host) || strings.ContainsAny(host, "/:")) {
			return fmt.Errorf("hostname %q: want a name without scheme and port, such as www.example.com", host)
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
		return errors.New("this service has no action: leave it out")
	case len(c.Action) > 32 || strings.ContainsFunc(c.Action, foreign):
		return fmt.Errorf("action %q: want at most 32 letters, digits and any of %q", c.Action, p.actions)
	}
	return nil
}

func (c SiteVerifyConfig) checkLimits(p preset) error {
	switch {
	case c.MinScore != 0 && !p.scored && c.Service != Custom:
		return errors.New("this service has no score: leave it out")
	case !(c.MinScore >= 0 && c.MinScore <= 1):
		return fmt.Errorf("score %v: want more than 0 and at most 1", c.MinScore)
	case c.Timeout < 0 || c.Timeout > 10*time.Second:
		return fmt.Errorf("timeout %v: want at most 10s", c.Timeout)
	case c.MaxAge < 0 && c.Service != Custom:
		return fmt.Errorf("age %v: want a positive duration (only a custom provider may have no limit)", c.MaxAge)
	case c.MaxAge > 24*time.Hour:
		return fmt.Errorf("age %v: want at most 24h", c.MaxAge)
	}
	return nil
}

func alphanumeric(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

// printable reports whether s is visible ASCII, as all keys and responses are.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// checkURL checks the URL of a verification or of a script. Its errors do not show the
// URL, because its query may contain a key.
func checkURL(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return errors.New("it is missing")
	case err != nil || u.Host == "" || strings.ContainsAny(u.Host, ";,'"): // characters that would break the policy
		return errors.New("not a URL: want https://host/path")
	case u.User != nil:
		return errors.New("it contains a user or password: leave them out")
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		return errors.New("want https, or http on a loopback address")
	}
	return nil
}

// loopback reports whether host is a loopback address or name.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// checkPolicy refuses an unknown directive, and a source that would start another
// directive.
func checkPolicy(policy map[string][]string) error {
	for directive, allowed := range policy {
		switch directive {
		case "script-src", "frame-src", "style-src", "connect-src", "worker-src", "img-src":
		default:
			return fmt.Errorf("policy: %q is not one of script-src, frame-src, style-src, connect-src, worker-src and img-src", directive)
		}
		for _, source := range allowed {
			if source == "" || !printable(source) || strings.ContainsAny(source, ";,") {
				return fmt.Errorf("policy: %s: %q is not a source: want one such as https://example.com", directive, source)
			}
		}
	}
	return nil
}
