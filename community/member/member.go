// Package member makes a tocsin a member of a community: a [Client] follows the community's
// list and reports what this server sees. It is the other side of the centre in package
// community, and speaks [protocol].
//
//	c, err := member.New(member.Config{URL: "https://blocklist.example.org", Key: key})
//	...
//	err = c.Run(ctx, &table) // until ctx ends
//
// Package engine runs clients and owns the table. [Join] makes a key of an invitation.
//
// # What leaves this server
//
// A report has the address (of IPv6 the /64), the name and hash of a published scenario, the
// first and last minute, and the magnitude of the count. Nothing else of an alert or of a
// request can leave: see [Client.Report].
//
// With a [Config].Witness, the client also answers which of the addresses that the centre
// asks about are known here as good. It says nothing of addresses that it is not asked about.
//
// # What it believes
//
// A centre can be wrong, broken or hostile. So an entry of its list has an effect on one
// address or one /64 at most, for a week at most, and a ban or a captcha only. No entry is
// about a private address. Entries that say otherwise are left out and counted, as are those
// beyond [Config].Size. A whole list that is much smaller than what is in force removes
// nothing until the third in a row says the same.
//
// # On failure
//
// The table stays as it is, and its decisions stay until they end. Run tries again for ever,
// with growing pauses of about a minute at most.
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
	table  atomic.Pointer[lookup.Table] // that of Run; nil: not yet

	mu       sync.Mutex
	status   lookup.Status
	about    about
	standing protocol.Standing
	known    bool      // standing is from the centre
	notice   string    // the latest of an answer to a report
	resting  time.Time // until when the centre wants no reports
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

// Advises says that local decisions stand beside those of the community: it learns of alerts,
// but does not decide about them.
func (c *Client) Advises() bool { return true }

// Sync makes Run ask for the whole list at once. It does not wait. Several calls before the
// question count as one.
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

// Explain returns the name of the community, and the address of its page about ip; empty if
// it has none.
func (c *Client) Explain(ip netip.Addr) (community, link string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.about.name, c.about.link(ip)
}
