// Package member makes a tocsin server a member of a community: a [Client] enforces the
// community's list and reports attacks on this server. It is a client for the centre in
// package community, and uses [protocol].
//
//	c, err := member.New(member.Config{URL: "https://blocklist.example.org", Key: key})
//	...
//	err = c.Run(ctx, &table) // until ctx ends
//
// Package engine runs clients and owns the table. [Join] exchanges an invitation for a key.
//
// # What leaves this server
//
// A report has the address (of IPv6 the /64), the name and hash of a published scenario, the
// first and last minute, and the magnitude of the count. No other data of an alert or a
// request can leave: see [Client.Report].
//
// With a [Config].Witness, the client also says which of the addresses that the centre asks
// about are known here as good. It names no other addresses.
//
// # What it refuses
//
// A centre can be wrong, broken or hostile. So an entry of its list can ban or challenge at
// most one public address or one public /64, for at most a week. The client ignores and counts
// other entries, and those beyond [Config].Size; it shortens longer ones. A whole list that is
// much smaller than the one in force removes nothing until three in a row agree.
//
// # On failure
//
// The decisions in the table stay until they end. Run retries without end, with pauses that
// grow to about a minute.
package member

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-project/tocsin/community/protocol"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// A Client is a member of one community. It is safe for use by many goroutines, but only one
// Run may be in progress, and one Report.
type Client struct {
	link

	cfg    Config
	log    *zap.Logger
	wake   chan struct{}
	counts counts
	table  atomic.Pointer[lookup.Table] // the table of Run; nil: not running yet

	mu       sync.Mutex
	status   lookup.Status
	about    about
	standing protocol.Standing
	known    bool      // standing is from the centre
	notice   string    // the latest of an answer to a report
	resting  time.Time // the centre wants no reports until then
}

// New checks cfg and returns a client. It sends nothing.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	l, err := newLink(cfg)
	if err != nil {
		return nil, err
	}
	c := &Client{link: l, cfg: cfg, log: cfg.Logger, wake: make(chan struct{}, 1)}
	c.status.Stale = max(10*cfg.Interval, 5*time.Minute)
	c.about.name = l.host
	return c, nil
}

// Name returns the name of the source.
func (c *Client) Name() string { return c.cfg.Name }

// Identity identifies the data that the client reads. The key is not part of it, because a
// new key gives access to the same data.
func (c *Client) Identity() string { return c.base + " " + joined(c.cfg.Lists) }

// Advises says that the community gets alerts but does not decide about them: its decisions do
// not replace local ones.
func (c *Client) Advises() bool { return true }

// Sync makes Run ask for the whole list at once. It does not wait. Several calls before the
// request count as one.
func (c *Client) Sync() {
	select {
	case c.wake <- struct{}{}:
	default: // a sync is requested already
	}
}

// Status returns the state of the source. It is out of sync when its last good answer is
// older than ten intervals, and older than five minutes.
func (c *Client) Status() lookup.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// note changes what Status returns.
func (c *Client) note(f func(*lookup.Status)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.status)
}

// Explain returns the name of the community, and the URL of its page about ip; empty if it
// has no such page.
func (c *Client) Explain(ip netip.Addr) (community, link string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.about.name, c.about.link(ip)
}
