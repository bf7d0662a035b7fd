package sources

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/lapi"
)

const defaultInterval = 10 * time.Second

// What LAPI.Mode can be.
const (
	modeStream = "stream"
	modeLive   = "live"
)

// metricsOff is the LAPI.Metrics that reports nothing.
const metricsOff = "off"

// LAPI is a CrowdSec Local API to follow, or to ask. Placeholders are replaced in
// all of its strings when the config is loaded.
type LAPI struct {
	// Name of the source in logs, status and {http.tocsin.source}; unique.
	// Default: lapi, and lapi2, lapi3 and so on for those after the first.
	Name string `json:"name,omitempty"`

	// Where it listens, such as http://127.0.0.1:8080 or
	// unix:///run/crowdsec.sock. Required.
	URL string `json:"url,omitempty" option:"-"`

	// Key of a bouncer, as cscli bouncers add prints it, or file:PATH. Required
	// unless there is a client certificate. No other server and no other lapi here may
	// use the same key: CrowdSec remembers for each key which decisions it has sent.
	Key string `json:"key,omitempty" option:"-"`

	// Whether to follow all decisions ("stream") or to ask about each client at its
	// request ("live"). Default: stream.
	Mode string `json:"mode,omitempty" option:"stream|live"`

	// The time from one poll to the next. Default: 10s. For mode stream.
	Interval caddy.Duration `json:"interval,omitempty"`

	// How long an answer about a client is remembered, also an answer without a
	// decision; never longer than the decision lasts. Default: 1m. For mode live.
	Cache caddy.Duration `json:"cache,omitempty"`

	// How long a request waits for the answer. Default: 200ms. For mode live.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// What happens to a client without an answer from CrowdSec: "open" lets it pass,
	// "ban" and "captcha" are such decisions. Default: open. For mode live.
	Failure string `json:"failure,omitempty" option:"open|ban|captcha"`

	// Scopes of decisions to ask for: ip, range, country, as. Default: ip and
	// range. For mode stream.
	Scopes []string `json:"scopes,omitempty" option:"ip|range|country|as"`

	// Take only decisions of these origins, such as crowdsec, cscli, CAPI or
	// lists. Default: all.
	Origins []string `json:"origins,omitempty"`

	// Take only decisions because of scenarios with one of these words in their
	// names. Default: all.
	ScenariosContaining []string `json:"scenarios_containing,omitempty"`

	// Leave out decisions because of scenarios with one of these words in their
	// names. Default: none.
	ScenariosNotContaining []string `json:"scenarios_not_containing,omitempty"`

	// The share of all addresses that its decisions may cover, counted apart for IPv4 and
	// IPv6. The widest ranges beyond that are not enforced, nor those that add more than a
	// fifth of this share at once; in mode live, no range that covers more than a fifth of
	// it. Default: 0.05; 1 sets no limit.
	Coverage float64 `json:"coverage,omitempty" option:"percent"`

	// Name of a machine, as created by cscli machines add, to report alerts, delete
	// decisions and respect the allowlists. Default: none.
	Machine string `json:"machine,omitempty" option:"-"`

	// Password of the machine, or file:PATH. Required with a name.
	Password string `json:"password,omitempty" option:"-"`

	// Whether the machine may register an account if it has none. Without a
	// registration token, an operator must validate it with cscli machines validate.
	// Default: false.
	Register bool `json:"register,omitempty" option:"-"`

	// Token of CrowdSec's auto_registration, or file:PATH, which makes the account
	// valid at once. CrowdSec 1.6.3 and later. Default: none.
	RegistrationToken string `json:"registration_token,omitempty" option:"-"`

	// File with a client certificate of the machine, in PEM. It differs from that of the
	// bouncer: CrowdSec distinguishes the two by their OU. It can replace name and
	// password. Default: none.
	MachineTLSCert string `json:"machine_tls_cert,omitempty" option:"-"`

	// File with its private key, in PEM.
	MachineTLSKey string `json:"machine_tls_key,omitempty" option:"-"`

	// How often to send CrowdSec the counts that cscli metrics shows, at least 10m; or
	// "off". Default: 15m.
	Metrics string `json:"metrics,omitempty" option:"-"`

	// File with a client certificate, in PEM. Default: none.
	TLSCert string `json:"tls_cert,omitempty" option:"-"`

	// File with its private key, in PEM. Default: none.
	TLSKey string `json:"tls_key,omitempty" option:"-"`

	// File with the certificates of authorities to trust instead of the
	// system's, in PEM. Default: the system's.
	TLSCA string `json:"tls_ca,omitempty" option:"-"`

	nth int // see Resolve
}

// CaddyModule returns the Caddy module information.
func (LAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: guest.Sources + ".lapi", New: func() caddy.Module { return new(LAPI) }}
}

// Resolve implements [guest.Source].
func (l *LAPI) Resolve(repl *caddy.Replacer, nth int) error {
	l.nth = nth
	if err := option.Replace(repl, l); err != nil {
		return err
	}
	if l.Name == "" {
		l.Name = "lapi"
		if nth > 0 {
			l.Name += strconv.Itoa(nth + 1)
		}
	}
	if l.Mode == "" {
		l.Mode = modeStream
	}
	if l.Mode == modeStream && l.Interval == 0 {
		l.Interval = caddy.Duration(defaultInterval)
	}
	var err error
	if l.Key, err = option.Secret(l.Key); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if l.Password, err = option.Secret(l.Password); err != nil {
		return fmt.Errorf("password: %w", err)
	}
	if l.RegistrationToken, err = option.Secret(l.RegistrationToken); err != nil {
		return fmt.Errorf("registration token: %w", err)
	}
	return l.validate()
}

// validate checks what the constructors of the sources cannot check.
func (l *LAPI) validate() error {
	if err := option.Check(l); err != nil {
		return err
	}
	switch l.Mode {
	case modeStream:
		if l.Cache != 0 || l.Timeout != 0 || l.Failure != "" {
			return errors.New("cache, timeout and failure are for mode live")
		}
	case modeLive:
		if l.Interval != 0 || len(l.Scopes) > 0 {
			return errors.New("interval and scopes are for mode stream")
		}
	}
	if (l.Machine == "") != (l.Password == "") {
		return errors.New("machine: want both a name and a password")
	}
	return nil
}

// Files implements [guest.Files]. The authorities are read only once. A client
// certificate is read again for each connection, so it may be renewed meanwhile.
func (l *LAPI) Files() []guest.File {
	if l.TLSCA == "" {
		return nil
	}
	return []guest.File{{Option: "tls", Path: l.TLSCA}}
}

// Open implements [guest.Source].
func (l *LAPI) Open(env guest.Env) (guest.Opened, error) {
	metrics, err := l.metricsInterval()
	if err != nil {
		return nil, fmt.Errorf("lapi %s: metrics: %w", l.Name, err)
	}
	if l.Mode == modeLive {
		return l.openLive(env, metrics)
	}
	scopes, err := parseAll(l.Scopes, lapi.ParseScope)
	if err != nil {
		return nil, fmt.Errorf("lapi %s: scopes: %w", l.Name, err)
	}
	fields, err := parseAll(env.Context, lapi.ParseContextField)
	if err != nil {
		return nil, fmt.Errorf("lapi %s: %w", l.Name, err)
	}
	c, err := lapi.New(lapi.Config{
		Name: l.Name, URL: l.URL, Key: l.Key, TLS: l.tls(), Machine: l.machine(),
		Interval: time.Duration(l.Interval), Scopes: scopes,

		Coverage: l.Coverage, Origins: l.Origins,
		ScenariosContaining: l.ScenariosContaining, ScenariosNotContaining: l.ScenariosNotContaining,

		Fallback: env.Fallback, Context: fields, Scenarios: env.Scenarios,
		Locate:          func(ip netip.Addr) lapi.Place { return lapi.Place(env.Locate(ip)) },
		MetricsInterval: metrics, Usage: func() []lapi.UsageItem { return usage(env.Counters) },
		Logger: env.Logger, LogBits: env.LogBits,
	})
	return stream{c, api{l}}, err
}

// parseAll parses each of names.
func parseAll[T any](names []string, parse func(string) (T, error)) (all []T, err error) {
	for _, name := range names {
		v, err := parse(name)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

func (l *LAPI) openLive(env guest.Env, metrics time.Duration) (guest.Opened, error) {
	failure, err := guest.ParseFailure(l.Failure)
	if err != nil {
		return nil, fmt.Errorf("lapi %s: failure: %w", l.Name, err)
	}
	c, err := lapi.NewLive(lapi.LiveConfig{
		Name: l.Name, URL: l.URL, Key: l.Key, TLS: l.tls(), Machine: l.machine(),
		TTL: time.Duration(l.Cache), Timeout: time.Duration(l.Timeout), Failure: failure,

		Coverage: l.Coverage, Origins: l.Origins,
		ScenariosContaining: l.ScenariosContaining, ScenariosNotContaining: l.ScenariosNotContaining,

		Fallback:        env.Fallback,
		MetricsInterval: metrics, Usage: func() []lapi.UsageItem { return usage(env.Counters) },
		Logger: env.Logger, LogBits: env.LogBits,
	})
	return live{c, api{l}}, err
}

// metricsInterval returns what Metrics says: a negative duration for off, and 0
// for the default.
func (l *LAPI) metricsInterval() (time.Duration, error) {
	switch l.Metrics {
	case "":
		return 0, nil
	case metricsOff:
		return -1, nil
	}
	return option.ParseDuration(l.Metrics)
}

func (l *LAPI) machine() lapi.Machine {
	return lapi.Machine{
		Name: l.Machine, Password: l.Password, Register: l.Register, Token: l.RegistrationToken,
		Cert: l.MachineTLSCert, KeyFile: l.MachineTLSKey,
	}
}

func (l *LAPI) tls() lapi.TLS {
	return lapi.TLS{Cert: l.TLSCert, KeyFile: l.TLSKey, CA: l.TLSCA}
}

// Interface guards
var (
	_ guest.Source = (*LAPI)(nil)
	_ guest.Files  = (*LAPI)(nil)
)
