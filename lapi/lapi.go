// Package lapi answers two questions: what does CrowdSec say, and how is it
// told? A [Client] follows the stream of decisions of a Local API, CrowdSec
// 1.4.6 and later, keeps a [lookup.Table] in step with it, and reports alerts.
// A [Live] asks about one address at a time.
//
//	c, err := lapi.New(lapi.Config{URL: "http://127.0.0.1:8080", Key: key})
//	...
//	err = c.Run(ctx, &table) // until ctx ends
//
// Package engine runs clients, and has the table.
//
// # What it takes for granted
//
// A decision is known by its value and type, never by its id. A value is an
// address or a range because it reads like one, whatever its scope says. Each
// instance needs an API key of its own, and a Live one besides: the server
// remembers per key what it has told, so that two with one key take the changes
// from each other. Countries and autonomous systems are only told to a client
// that asks for these scopes.
//
// # What a type means
//
// The types ban, captcha and throttle mean what they say, in any case. Those that
// say to let a client in, such as allow, bypass, whitelist and pass, do
// nothing: they ban nobody, and they exempt nobody from other decisions, since a
// list from afar must not open what another closes. They are counted, and the
// first is named in the log. To exempt clients there are CrowdSec's allowlists.
// Any other type is taken for Config.Fallback.
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
	"net/http"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// Version is the version of this module that the API is told.
const Version = "0.1.0"

// What CrowdSec calls this module. Its user agent has exactly one slash, else
// CrowdSec takes no version out of it.
const (
	component = "crowdsec-tocsin-bouncer"
	userAgent = component + "/v" + Version
)

// A Client follows one Local API. Its methods may be called by any goroutine,
// but only one Run at a time.
type Client struct {
	api

	cfg     Config
	filter  filter
	machine *machine     // nil: none
	allowed lookup.Table // what allowlists have, filed as decisions
	wake    chan struct{}
	born    time.Time
	stuck   int // pushes of alerts in a row that the API has failed at; for Report

	mu     sync.Mutex
	status lookup.Status
	stats  Stats
}

// New checks cfg, reads the files it names and returns a client at rest. It
// sends nothing.
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

// keepRedirect makes a redirect the answer: the key is for the configured
// server and nobody else.
func keepRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Name returns the name of the source.
func (c *Client) Name() string { return c.cfg.Name }

// Sync makes a Run under way ask for everything at once, the allowlists too, whatever
// its pause. It does not wait, and calls that come before the question is asked are one.
func (c *Client) Sync() {
	select {
	case c.wake <- struct{}{}:
	default: // it is asked for already
	}
}
