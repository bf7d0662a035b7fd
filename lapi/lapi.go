// Package lapi answers one question: what does CrowdSec say? It follows the
// stream of decisions of a Local API, CrowdSec 1.4.6 and later, and keeps a
// [lookup.Table] in step with it.
//
// # What it takes for granted
//
// A decision is known by its value and type, never by its id. A value is an
// address or a range because it reads like one, whatever its scope says. Each
// instance needs an API key of its own: the server remembers per key what it
// has told, so that two instances with one key take the changes from each other.
//
// # On failure
//
// The table stays as it is, and its decisions end on their own time. Run tries
// again for ever, with growing pauses of half a minute or so at most, also when
// the key is refused. Since a server never repeats what it takes for delivered,
// the next answer after a failure is a full one. A full answer that is much
// smaller than what is held is not believed at once: see [Stats].Held.
package lapi

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// Version is the version of this module that the API is told.
const Version = "0.1.0"

// userAgent has exactly one slash, else CrowdSec takes no version out of it.
const userAgent = "crowdsec-tocsin-bouncer/v" + Version

// Config says where the API is and how to follow it. URL is required, and so
// is Key or TLS.Cert.
type Config struct {
	Name     string        // source of its decisions in the table; default: lapi
	URL      string        // http://127.0.0.1:8080, https://…, or unix:///run/crowdsec.sock
	Key      string        // API key, as `cscli bouncers add` prints it
	Interval time.Duration // pause between two polls, at least 100ms; default: 10s
	Resync   time.Duration // how often to ask for everything, less up to a tenth; default: 1h
	Scopes   []string      // scopes to ask for: ip, range, …; default: the server's, ip and range
	Fallback lookup.Action // what a decision of a type that is none of ours asks for; default: Ban
	TLS      TLS           // for https only
	Logger   *zap.Logger   // default: none
}

// TLS holds paths of PEM files. A certificate with its key lets the client in
// without an API key and is read at each handshake, so that it can be renewed.
type TLS struct {
	Cert    string // client certificate; default: none
	KeyFile string // its private key
	CA      string // who may have signed the server's certificate; default: the system's
}

// The defaults and bounds that Config's fields name.
const (
	defaultName     = "lapi"
	defaultInterval = 10 * time.Second
	defaultResync   = time.Hour
	minInterval     = 100 * time.Millisecond
)

// A Client follows one Local API. Its methods may be called by any goroutine,
// but only one Run at a time.
type Client struct {
	cfg   Config
	base  string // what the paths of the API are appended to
	http  *http.Client
	log   *zap.Logger
	bound bounds

	mu     sync.Mutex
	status lookup.Status
	stats  Stats
}

// New checks cfg, reads the files it names and returns a client at rest. It
// sends nothing.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("local API %s: %w", cfg.Name, err)
	}
	end, err := parseURL(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("local API %s: %w", cfg.Name, err)
	}
	tr, err := newTransport(end, cfg.TLS)
	if err != nil {
		return nil, fmt.Errorf("local API %s: %w", cfg.Name, err)
	}
	c := &Client{
		cfg:   cfg,
		base:  end.base,
		http:  &http.Client{Transport: tr, CheckRedirect: keepRedirect},
		log:   cfg.Logger.With(zap.String("source", cfg.Name)),
		bound: defaultBounds,
	}
	c.status.Stale = max(10*cfg.Interval, 5*time.Minute)
	return c, nil
}

// keepRedirect makes a redirect the answer: the key is for the configured
// server and nobody else.
func keepRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

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
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	return cfg
}

func (cfg Config) check() error {
	switch {
	case cfg.Key == "" && cfg.TLS.Cert == "":
		return errors.New("no API key: `cscli bouncers add NAME` makes one")
	case strings.ContainsFunc(cfg.Key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("the API key has a character in it that none has: a space, a line end, a placeholder left over?")
	case cfg.Interval < minInterval:
		return fmt.Errorf("interval %v: want at least %v", cfg.Interval, minInterval)
	case cfg.Resync < cfg.Interval:
		return fmt.Errorf("resync %v: want at least the interval, %v", cfg.Resync, cfg.Interval)
	case cfg.Fallback > lookup.Ban:
		return fmt.Errorf("fallback %v: no such action", cfg.Fallback)
	case slices.ContainsFunc(cfg.Scopes, func(s string) bool { return s == "" || strings.ContainsAny(s, ", ") }):
		return fmt.Errorf("scopes %q: want one name each", cfg.Scopes)
	}
	return nil
}

// Name returns the name of the source.
func (c *Client) Name() string { return c.cfg.Name }
