// Package lapi is a client of CrowdSec's Local API, version 1.4.6 and later. A
// [Client] follows the stream of decisions, keeps a [lookup.Table] in sync with
// it, and reports alerts. A [Live] asks about one address at a time.
//
//	c, err := lapi.New(lapi.Config{URL: "http://127.0.0.1:8080", Key: key})
//	...
//	err = c.Run(ctx, &table) // until ctx ends
//
// Package engine runs clients and owns the table.
//
// # Assumptions
//
// A decision is identified by its value and type, never by its id. A value that
// parses as an address or a range is one, whatever its scope says. Each instance
// needs its own API key, and so does a [Live]: the server remembers for each key
// which decisions it has sent, so two instances with one key each miss changes that
// the other received. The server sends decisions about countries and autonomous
// systems only to a client that asks for these scopes.
//
// # What a type means
//
// The types ban, captcha and throttle are the actions of that name, in upper or lower
// case. Types that let a client in, such as allow, bypass, whitelist and pass, have no
// effect: a remote list must not lift a decision of another. They are counted, and the
// log names the first. To exempt clients, use CrowdSec's allowlists. Any other type
// means Config.Fallback.
//
// # On failure
//
// The table stays as it is, and its decisions stay until they expire. Run retries
// for ever, with growing pauses of about half a minute at most, also when the server
// refuses the key. The server never repeats what it has sent, so after a failure the
// client asks for all decisions. A full answer that is much smaller than the table
// is not accepted at once: see [Stats].Held.
package lapi

import (
	"net/http"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// Version is the version of this module, which the API gets too.
const Version = "0.1.0"

// The names of this module in CrowdSec. The user agent needs exactly one slash,
// otherwise CrowdSec finds no version in it.
const (
	component = "crowdsec-tocsin-bouncer"
	userAgent = component + "/v" + Version
)

// A Client follows one Local API. It is safe for use by many goroutines, but only one
// Run may be in progress.
type Client struct {
	api

	cfg     Config
	filter  filter
	machine *machine     // nil: none
	allowed lookup.Table // the entries of the allowlists, as decisions
	wake    chan struct{}
	born    time.Time
	stuck   int // failed pushes of alerts in a row; for Report

	mu     sync.Mutex
	status lookup.Status
	stats  Stats
}

// New checks cfg, reads the files that it names and returns a client. It sends nothing.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	a, err := cfg.access().open(cfg.check)
	if err != nil {
		return nil, err
	}
	c := &Client{
		api: a, cfg: cfg, wake: make(chan struct{}, 1), born: time.Now(),
		filter: newFilter(cfg.Origins, cfg.ScenariosContaining, cfg.ScenariosNotContaining),
	}
	if c.machine, err = cfg.access().openMachine(a, cfg.Scenarios); err != nil {
		return nil, err
	}
	c.status.Stale = max(10*cfg.Interval, 5*time.Minute)
	return c, nil
}

// keepRedirect stops net/http from following redirects: only the configured server may
// get the key.
func keepRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Name returns the name of the source.
func (c *Client) Name() string { return c.cfg.Name }

// Sync makes Run ask for all decisions and the allowlists at once, without its pause.
// It does not wait. Several calls before the question count as one.
func (c *Client) Sync() {
	select {
	case c.wake <- struct{}{}:
	default: // a sync is requested already
	}
}
