package lapi

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// Config describes a client of the API. URL is required, and so is Key or
// TLS.Cert.
type Config struct {
	Name     string        // source of its decisions in the table; default: lapi
	URL      string        // http://127.0.0.1:8080, https://…, or unix:///run/crowdsec.sock
	Key      string        // API key, as `cscli bouncers add` prints it
	Interval time.Duration // from one poll to the next, at least 100ms; default: 10s
	Resync   time.Duration // how often to ask for all decisions, less up to a tenth; default: 1h
	Fallback lookup.Action // action of a decision of an unknown type; default: Ban
	TLS      TLS           // for https only
	Machine  Machine       // for Unban, Report and allowlists; default: none
	Logger   *zap.Logger   // default: none

	// LogBits returns how many bits of IPv4 and IPv6 addresses the log may show.
	// Default: all.
	LogBits func() (v4, v6 int)

	// Scopes are the scopes to ask for. The server's default is ip and range. Decisions
	// of other scopes are counted and not enforced.
	Scopes []Scope

	// Origins restricts enforcement to decisions of these origins: crowdsec, cscli,
	// CAPI, lists, or lists:NAME for one list. Default: all. With this or the next two
	// the API lists all rows that it otherwise merges into one. Each costs about 250
	// bytes, up to a million rows.
	Origins []string

	// ScenariosContaining restricts enforcement to decisions whose scenario has one of
	// these words in its name, in any case. Default: all.
	ScenariosContaining []string

	// ScenariosNotContaining leaves out decisions whose scenario has one of these
	// words in its name, in any case. Default: none.
	ScenariosNotContaining []string

	// Coverage is the share of all addresses that its decisions may cover, above 0,
	// counted apart for IPv4 and IPv6. The widest ranges beyond that are not enforced,
	// nor those that add more than a fifth of this share at once: see
	// [lookup.Batch.Bound]. Default: 0.05; 1 sets no limit.
	Coverage float64

	// MetricsInterval is how often CrowdSec gets the counts that `cscli metrics show
	// bouncers` shows, and the operating system of bouncer and machine: at least 10m,
	// negative for never. Default: 15m. Servers before 1.6.3 do not accept them.
	MetricsInterval time.Duration

	// Usage returns the counts since the start of the process. It is called once in a
	// MetricsInterval, by a goroutine of Run. Default: CrowdSec gets only the numbers of
	// decisions.
	Usage func() []UsageItem

	// Scenarios returns the names of the scenarios that raise alerts. The machine sends
	// them at its login, for `cscli machines list`, and because a server without any
	// scenario gets no community list. Default: none.
	Scenarios func() []string

	// Context adds fields of each request to the reports: the query, if the alert has
	// one, and the host. Default: neither.
	Context []ContextField

	// Locate returns the place of an address, for alerts: CrowdSec does not find it
	// itself. Default: alerts have no place.
	Locate func(ip netip.Addr) Place

	// Decide makes Report send the local decision with each alert. The server accepts it
	// without its profiles and allowlists, so Report checks the allowlists itself.
	// Default: the profiles of the server decide; the shipped ones ban for four hours.
	Decide bool
}

var errCoverage = errors.New("coverage: want a share above 0 and at most 1")

// TLS holds paths of PEM files. A certificate with its key lets the client in
// without an API key and is read at each handshake, so that it can be renewed.
type TLS struct {
	Cert    string // client certificate; default: none
	KeyFile string // its private key
	CA      string // authorities for the server's certificate; default: the system's
}

// A Machine is an account that may change data in CrowdSec, as created by `cscli
// machines add NAME --password PASSWORD`. Name and Password, or Cert and KeyFile, are
// required.
type Machine struct {
	Name     string
	Password string

	// Cert and KeyFile are paths of PEM files with a client certificate and its key.
	// CrowdSec distinguishes bouncers and machines by the organizational unit (OU) of
	// their certificates, so this one differs from that of Config.TLS: its OU must be
	// among the server's agents_allowed_ou. CrowdSec then needs no password, and takes
	// the machine's name from the certificate. They are read at each login. Default: no
	// certificate.
	Cert, KeyFile string

	// Register makes the machine register an account when its login is refused: see
	// [Client.Register]. Default: false.
	Register bool
	// Token is the server's auto_registration token, for 1.6.3 and later: with it the
	// machine needs no validation. Default: none.
	Token string
}

// A Place is where an address is. An unknown field is zero.
type Place struct {
	Country string // its code, such as FR
	AS      uint32 // number of the autonomous system
	ASName  string // its name
}

// The defaults and limits of Config's fields.
const (
	defaultName     = "lapi"
	defaultInterval = 10 * time.Second
	defaultResync   = time.Hour
	minInterval     = 100 * time.Millisecond
	defaultMetrics  = 15 * time.Minute
	minMetrics      = 10 * time.Minute
	minToken        = 32
	maxToken        = 255
)

func (cfg Config) withDefaults() Config {
	if cfg.Name == "" {
		cfg.Name = defaultName
	}
	if cfg.Interval == 0 {
		cfg.Interval = defaultInterval
	}
	if cfg.Resync == 0 {
		cfg.Resync = max(defaultResync, cfg.Interval)
	}
	if cfg.Fallback == lookup.None {
		cfg.Fallback = lookup.Ban
	}
	if cfg.Coverage == 0 {
		cfg.Coverage = lookup.DefaultCoverage
	}
	if cfg.MetricsInterval == 0 {
		cfg.MetricsInterval = defaultMetrics
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	return cfg
}

func (cfg Config) check() error {
	switch {
	case cfg.Interval < minInterval:
		return fmt.Errorf("interval %v: want at least %v", cfg.Interval, minInterval)
	case cfg.Resync < cfg.Interval:
		return fmt.Errorf("resync %v: want at least the interval of %v", cfg.Resync, cfg.Interval)
	case !(cfg.Coverage > 0 && cfg.Coverage <= 1):
		return errCoverage
	}
	if err := checkMetrics(cfg.MetricsInterval); err != nil {
		return err
	}
	if err := cfg.Machine.check(); err != nil {
		return err
	}
	if err := checkNames(cfg.Context, ParseContextField); err != nil {
		return err
	}
	if err := checkNames(cfg.Scopes, ParseScope); err != nil {
		return err
	}
	return checkFilter(cfg.Origins, cfg.ScenariosContaining, cfg.ScenariosNotContaining)
}

func checkMetrics(interval time.Duration) error {
	if interval >= 0 && interval < minMetrics {
		return fmt.Errorf("metrics interval %v: want at least %v, or a negative one for never", interval, minMetrics)
	}
	return nil
}

func (m Machine) check() error {
	switch {
	case (m.Name == "") != (m.Password == ""):
		return errors.New("the machine needs both a name and a password")
	case (m.Cert == "") != (m.KeyFile == ""):
		return errors.New("the client certificate of the machine needs both a certificate file and a key file")
	case m.Name == "" && m.Register:
		return errors.New("registration needs a name and a password of the machine")
	case m.Token != "" && !m.Register:
		return errors.New("a registration token needs register: leave the token out, or let the machine register")
	case m.Token != "" && (len(m.Token) < minToken || len(m.Token) > maxToken):
		return fmt.Errorf("the registration token has %d characters: want %d to %d, as in CrowdSec's config", len(m.Token), minToken, maxToken)
	}
	return nil
}

func (cfg Config) access() access {
	return access{
		name: cfg.Name, url: cfg.URL, key: cfg.Key, machine: cfg.Machine,
		fallback: cfg.Fallback, tls: cfg.TLS, log: cfg.Logger,
	}
}
