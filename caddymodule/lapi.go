package caddymodule

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/lapi"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

const (
	defaultInterval = 10 * time.Second
	maxSecret       = 64 << 10 // bytes of a file with a key or certificate
	secretFile      = "file:"  // before the path of a file that holds a secret
)

// What LAPI.Mode can be.
const (
	modeStream = "stream"
	modeLive   = "live"
)

// metricsOff is the LAPI.Metrics of those that report nothing.
const metricsOff = "off"

// failureOpen is the LAPI.Failure that lets clients pass; the others are actions.
const failureOpen = "open"

// LAPI is a CrowdSec Local API to follow, or to ask. Placeholders are replaced in
// all of its strings when the config is loaded.
type LAPI struct {
	// Name of the source in logs, status and {http.tocsin.source}; unique.
	// Default: lapi, and lapi2, lapi3 and so on for those after the first.
	Name string `json:"name,omitempty"`

	// Where it listens, such as http://127.0.0.1:8080 or
	// unix:///run/crowdsec.sock. Required.
	URL string `json:"url,omitempty"`

	// Key of a bouncer, as cscli bouncers add prints it, or file:PATH. Required
	// unless there is a client certificate. No other server, and no other lapi
	// of this one, may have it: CrowdSec remembers per key what it has told.
	Key string `json:"key,omitempty"`

	// Whether to follow all decisions ("stream") or to ask about each client
	// when it comes ("live"). Default: stream.
	Mode string `json:"mode,omitempty" option:"stream|live"`

	// How long to wait between two questions for news. Default: 10s. For mode
	// stream.
	Interval caddy.Duration `json:"interval,omitempty"`

	// How long an answer about a client is remembered, and one about none as
	// well; never longer than the decision lasts. Default: 1m. For mode live.
	Cache caddy.Duration `json:"cache,omitempty"`

	// How long a request waits for the answer. Default: 200ms. For mode live.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// What becomes of a client that there is no answer about: "open" lets it
	// pass, "ban" and "captcha" treat it so. Default: open. For mode live.
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

	// Share of all addresses that its decisions may cover, of IPv4 and of IPv6 apart. The
	// widest ranges beyond that are held back, and those by which it would grow by more
	// than a fifth of this at once; in mode live each that covers more than a fifth of
	// it. Default: 0.05; 1 is without bound.
	Coverage float64 `json:"coverage,omitempty"`

	// Name of a machine, as cscli machines add makes one, to take decisions
	// back and to honour the allowlists. Default: none.
	Machine string `json:"machine,omitempty"`

	// Password of the machine, or file:PATH. Required with a name.
	Password string `json:"password,omitempty"`

	// Whether the machine may ask for an account if it has none. Somebody has to
	// validate it then, with cscli machines validate, unless there is a
	// registration token. Default: false.
	Register bool `json:"register,omitempty"`

	// Token of CrowdSec's auto_registration, or file:PATH, with which the account
	// is good at once. CrowdSec 1.6.3 and later. Default: none.
	RegistrationToken string `json:"registration_token,omitempty"`

	// File with a client certificate of the machine, in PEM. It is another than the
	// bouncer's: CrowdSec tells the two by their OU. It stands in for name and
	// password. Default: none, and the machine shows none.
	MachineTLSCert string `json:"machine_tls_cert,omitempty"`

	// File with its private key, in PEM.
	MachineTLSKey string `json:"machine_tls_key,omitempty"`

	// How often to tell CrowdSec what was done, as cscli metrics shows it, at
	// least 10m; or "off". Default: 15m.
	Metrics string `json:"metrics,omitempty"`

	// File with a client certificate, in PEM. Default: none.
	TLSCert string `json:"tls_cert,omitempty"`

	// File with its private key, in PEM. Default: none.
	TLSKey string `json:"tls_key,omitempty"`

	// File with the certificates of authorities to trust instead of the
	// system's, in PEM. Default: the system's.
	TLSCA string `json:"tls_ca,omitempty"`
}

func (l *LAPI) resolve(repl *caddy.Replacer, i int) error {
	if err := l.replace(repl); err != nil {
		return err
	}
	if l.Name == "" {
		l.Name = "lapi"
		if i > 0 {
			l.Name += strconv.Itoa(i + 1)
		}
	}
	if l.Mode == "" {
		l.Mode = modeStream
	}
	if l.Mode == modeStream && l.Interval == 0 {
		l.Interval = caddy.Duration(defaultInterval)
	}
	var err error
	if l.Key, err = readSecret(l.Key); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if l.Password, err = readSecret(l.Password); err != nil {
		return fmt.Errorf("password: %w", err)
	}
	if l.RegistrationToken, err = readSecret(l.RegistrationToken); err != nil {
		return fmt.Errorf("registration token: %w", err)
	}
	return l.validate()
}

// replace replaces the placeholders in the strings of l.
func (l *LAPI) replace(repl *caddy.Replacer) error {
	fields := map[string]*string{
		"name": &l.Name, "url": &l.URL, "key": &l.Key, "mode": &l.Mode, "failure": &l.Failure,
		"machine": &l.Machine, "password": &l.Password, "registration token": &l.RegistrationToken, "metrics": &l.Metrics,
		"tls certificate": &l.TLSCert, "tls key": &l.TLSKey, "tls ca": &l.TLSCA,
		"machine tls certificate": &l.MachineTLSCert, "machine tls key": &l.MachineTLSKey,
	}
	for name, words := range map[string]*[]string{
		"scopes": &l.Scopes, "origins": &l.Origins,
		"scenarios_containing": &l.ScenariosContaining, "scenarios_not_containing": &l.ScenariosNotContaining,
	} {
		*words = slices.Clone(*words)
		for i := range *words {
			fields[name+" "+strconv.Itoa(i+1)] = &(*words)[i]
		}
	}
	return replace(repl, fields)
}

// validate checks what the makers of the sources cannot.
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

// metricsInterval returns what Metrics says: a negative duration for off, and 0
// for the default.
func (l *LAPI) metricsInterval() (time.Duration, error) {
	switch l.Metrics {
	case "":
		return 0, nil
	case metricsOff:
		return -1, nil
	}
	return parseDuration(l.Metrics)
}

// failure returns what Failure says.
func (l *LAPI) failure() (lookup.Action, error) {
	switch l.Failure {
	case "", failureOpen:
		return lookup.None, nil
	case lookup.Ban.String():
		return lookup.Ban, nil
	case lookup.Captcha.String():
		return lookup.Captcha, nil
	}
	return lookup.None, fmt.Errorf("%q: want open, ban or captcha", l.Failure)
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

// readSecret returns the secret that s is, or that is in the file it names.
func readSecret(s string) (string, error) {
	path, ok := strings.CutPrefix(s, secretFile)
	if !ok {
		return s, nil
	}
	text, err := readFile(path, maxSecret)
	if err != nil {
		return "", err
	}
	if text = strings.TrimSpace(text); text == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return text, nil
}

// warnShared warns of a key that is used twice. CrowdSec keeps one cursor for
// it: what it has told the one, or what it was asked for live, it takes for told
// to the other too.
func (s State) warnShared(l *zap.Logger) {
	for i := range s.LAPI {
		for j := range i {
			a, b := &s.LAPI[j], &s.LAPI[i]
			if a.URL != b.URL || a.Key != b.Key || a.TLSCert != b.TLSCert || a.Mode == modeLive && b.Mode == modeLive {
				continue
			}
			l.Warn("two sources share a key of one Local API, and take the news from each other: "+
				"give each its own, with cscli bouncers add", zap.String("source", a.Name), zap.String("other", b.Name))
		}
	}
}
