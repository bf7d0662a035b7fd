package lapi

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// Config says where the API is and how to follow it. URL is required, and so
// is Key or TLS.Cert.
type Config struct {
	Name     string        // source of its decisions in the table; default: lapi
	URL      string        // http://127.0.0.1:8080, https://…, or unix:///run/crowdsec.sock
	Key      string        // API key, as `cscli bouncers add` prints it
	Interval time.Duration // from one poll to the next, at least 100ms; default: 10s
	Resync   time.Duration // how often to ask for everything, less up to a tenth; default: 1h
	Fallback lookup.Action // what a decision of a type that is none of ours asks for; default: Ban
	TLS      TLS           // for https only
	Machine  Machine       // for Unban, Report and allowlists; default: none
	Logger   *zap.Logger   // default: none

	// LogBits returns how many bits of addresses of IPv4 and IPv6 the log may have.
	// Default: all.
	LogBits func() (v4, v6 int)

	// Scopes are the scopes to ask for: ip, range, country, as. The server's
	// default is ip and range, so country and as have to be asked for. Those of
	// any other scope are counted and not enforced.
	Scopes []string

	// Origins restricts what is enforced to decisions of these origins:
	// crowdsec, cscli, CAPI, lists, or lists:NAME for one list. Default: all.
	// This and the next two make the API list the rows that it would fold into
	// one, and cost about 250 bytes for each, up to a million.
	Origins []string

	// ScenariosContaining restricts it to those whose scenario has one of these
	// words in it, in any case. Default: all.
	ScenariosContaining []string

	// ScenariosNotContaining leaves out those whose scenario has one of these
	// words in it, in any case. Default: none.
	ScenariosNotContaining []string

	// Coverage is the share of all addresses that its decisions may cover, of IPv4 and
	// of IPv6 apart, above 0. The widest ranges beyond that are not enforced, nor are
	// those by which it would grow by more than a fifth of this at once: see
	// [lookup.Batch.Bound]. Default: 0.05; 1 is without bound.
	Coverage float64

	// MetricsInterval is how often CrowdSec is told what was done with its
	// decisions, for `cscli metrics show bouncers`: at least 10m, negative for
	// never. Default: 15m. Servers before 1.6.3 don't want to know. They are also told
	// the operating system, of the bouncer and of the machine.
	MetricsInterval time.Duration

	// Usage returns what has been counted since the process began. It is called
	// once in a MetricsInterval, by a goroutine of Run. Default: only the numbers
	// of decisions are told.
	Usage func() []UsageItem

	// Scenarios returns the names of the scenarios that alerts come from. The
	// machine tells them when it logs in, for `cscli machines list`, and because
	// a server without any scenario asks for no community list. Default: none.
	Scenarios func() []string

	// Context adds to what Report tells of each request: "query" for the query of
	// its target, as far as the alert has one, and "host". Default: neither.
	Context []string

	// Locate tells where an address is, for alerts: CrowdSec knows only what it is told.
	// Default: alerts say nothing of it.
	Locate func(ip netip.Addr) Place

	// Decide makes Report send with each alert the decision that was made here.
	// The server takes it as it is: neither its profiles nor its allowlists are
	// asked, so Report asks for the allowlists itself. Default: the profiles of
	// the server decide, which as shipped make a ban of four hours of it.
	Decide bool
}

var errCoverage = errors.New("coverage: want a share above 0, up to 1")

// TLS holds paths of PEM files. A certificate with its key lets the client in
// without an API key and is read at each handshake, so that it can be renewed.
type TLS struct {
	Cert    string // client certificate; default: none
	KeyFile string // its private key
	CA      string // who may have signed the server's certificate; default: the system's
}

// A Machine is what CrowdSec calls an account that may change things, as
// `cscli machines add NAME --password PASSWORD` makes one. Name and Password, or Cert
// and KeyFile, are required.
type Machine struct {
	Name     string
	Password string

	// Cert and KeyFile are paths of PEM files with a client certificate and its key.
	// CrowdSec knows bouncers and machines by the organizational unit (OU) of their
	// certificates, so this is another one than that of Config.TLS: its OU has to be
	// among the server's agents_allowed_ou. CrowdSec then wants no password, and names
	// the machine by the certificate. They are read at each login. Default: the machine
	// shows no certificate.
	Cert, KeyFile string

	// Register makes the machine ask for an account when it is not let in: see
	// [Client.Register]. Default: it does not.
	Register bool
	// Token is what the server, 1.6.3 and later, has as token of its
	// auto_registration: with it nobody has to validate the machine. Default: none.
	Token string
}

// A Place is where an address is. What is not known is the zero value.
type Place struct {
	Country string // its code, such as FR
	AS      uint32 // number of the autonomous system
	ASName  string // its name
}

// What Config.Context can have.
const (
	contextQuery = "query"
	contextHost  = "host"
)

// The defaults and bounds that Config's fields name.
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
		return fmt.Errorf("resync %v: want at least the interval, %v", cfg.Resync, cfg.Interval)
	case !(cfg.Coverage > 0 && cfg.Coverage <= 1):
		return errCoverage
	}
	if err := checkMetrics(cfg.MetricsInterval); err != nil {
		return err
	}
	if err := cfg.Machine.check(); err != nil {
		return err
	}
	for _, c := range cfg.Context {
		if c != contextQuery && c != contextHost {
			return fmt.Errorf("context %q: want query or host", c)
		}
	}
	if slices.ContainsFunc(cfg.Scopes, func(s string) bool { return s == "" || strings.ContainsAny(s, ", ") }) {
		return fmt.Errorf("scopes %q: want one name each", cfg.Scopes)
	}
	return checkFilter(cfg.Origins, cfg.ScenariosContaining, cfg.ScenariosNotContaining)
}

func checkMetrics(interval time.Duration) error {
	if interval >= 0 && interval < minMetrics {
		return fmt.Errorf("metrics interval %v: want at least %v, or less than zero for never", interval, minMetrics)
	}
	return nil
}

func (m Machine) check() error {
	switch {
	case (m.Name == "") != (m.Password == ""):
		return errors.New("the name of a machine and its password go together")
	case (m.Cert == "") != (m.KeyFile == ""):
		return errors.New("the client certificate of a machine and its key go together")
	case m.Name == "" && m.Register:
		return errors.New("a machine that is to register needs a name and a password")
	case m.Token != "" && !m.Register:
		return errors.New("a registration token is of no use to a machine that does not register")
	case m.Token != "" && (len(m.Token) < minToken || len(m.Token) > maxToken):
		return fmt.Errorf("the registration token has %d characters: CrowdSec wants %d to %d", len(m.Token), minToken, maxToken)
	}
	return nil
}

func (cfg Config) access() access {
	return access{
		name: cfg.Name, url: cfg.URL, key: cfg.Key, machine: cfg.Machine,
		fallback: cfg.Fallback, tls: cfg.TLS, log: cfg.Logger,
	}
}
