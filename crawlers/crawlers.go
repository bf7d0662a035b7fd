// Package crawlers answers one question: is this client the search engine that
// it claims to be? A user agent is a claim that anybody can make.
//
// # What counts as proof
//
// Either the address is on a list that the operator of the crawler publishes
// (see [Config].Ranges and Files), or DNS confirms it in both directions: the
// address has a name in the operator's domain, and that name has the address.
// The name alone proves nothing, because the owner of an address chooses its name.
//
// # What it costs
//
// [Checker.Claims] is cheap. [Checker.Verified] asks DNS, so do not call it before a
// request is answered: the engine calls it after an alert about a client that claims to
// be a crawler. Answers are remembered. Positive answers are kept apart, so that a flood
// of false claims does not push them out.
//
// # Failure
//
// Without an answer in time (silence, SERVFAIL) it is not known what the client is. That
// proves no lie, because DNS fails for real crawlers too, and no truth, because the owner
// of an address can stop its DNS from answering. The engine challenges such a client
// where it would ban a liar. A recently verified crawler stays verified while DNS is down.
package crawlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	defaultTimeout = 2 * time.Second
	defaultSize    = 10_000
	defaultTTL     = 12 * time.Hour
	maxAsking      = 16 // DNS questions at the same time: not fewer than the checks of an engine
)

// A Resolver asks DNS. A [net.Resolver] is one. Its methods return when ctx
// ends.
type Resolver interface {
	// LookupAddr returns the names of an address.
	LookupAddr(ctx context.Context, addr string) (names []string, err error)
	// LookupNetIP returns the addresses of a name; network is "ip4" or "ip6".
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Config describes a checker. The zero Config is usable.
type Config struct {
	// Bots are the crawlers to know. Default: those of [Known].
	Bots []Bot
	// Ranges holds addresses of crawlers, by the names of the bots. They are
	// verified without DNS. Default: none.
	Ranges map[string][]netip.Prefix
	// Files holds the paths of files with more addresses, by the names of the
	// bots. They are read by New: either the JSON that Google, Microsoft, Apple
	// and DuckDuckGo publish, or one address or prefix to a line, as whois
	// prints routes. Default: none.
	Files map[string]string

	Resolver Resolver      // default: net.DefaultResolver
	Timeout  time.Duration // for all DNS questions about a client; default: 2s
	Size     int           // clients stored as crawlers, and the same number as not crawlers; default: 10,000
	TTL      time.Duration // of an answer; a negative one lasts at most an hour; default: 12h
	Logger   *zap.Logger   // default: none

	// LogBits returns how many bits of IPv4 and IPv6 addresses the log may show.
	// Default: all.
	LogBits func() (v4, v6 int)
}

// A Checker is safe for use by many goroutines, and starts none.
type Checker struct {
	words    words
	bots     []*bot
	resolver Resolver
	timeout  time.Duration
	log      *zap.Logger
	bits     func() (v4, v6 int)
	slots    chan struct{} // one for each DNS question

	mu      sync.Mutex
	answers answers
	asking  map[netip.Addr]chan struct{} // closed at the end of the question
	stats   Stats
}

// Stats counts the results of a checker.
type Stats struct {
	Verified uint64 // clients that are crawlers
	Refuted  uint64 // clients that are not crawlers
	Failed   uint64 // clients without an answer of DNS
}

// New checks cfg and reads the files that it names.
func New(cfg Config) (*Checker, error) {
	if cfg.Timeout < 0 || cfg.TTL < 0 || cfg.Size < 0 {
		return nil, errors.New("crawlers: timeout, TTL or size is negative: want at least 0")
	}
	c := &Checker{
		resolver: cfg.Resolver, timeout: cmp.Or(cfg.Timeout, defaultTimeout), log: cfg.Logger, bits: cfg.LogBits,
		slots: make(chan struct{}, maxAsking), asking: map[netip.Addr]chan struct{}{},
		answers: newAnswers(cmp.Or(cfg.Size, defaultSize), cmp.Or(cfg.TTL, defaultTTL)),
	}
	if c.resolver == nil {
		c.resolver = net.DefaultResolver
	}
	if c.log == nil {
		c.log = zap.NewNop()
	}
	known := cfg.Bots
	if known == nil {
		known = Known()
	}
	for _, b := range known {
		if err := c.add(b, &cfg); err != nil {
			return nil, fmt.Errorf("crawler %q: %w", b.Name, err)
		}
	}
	for _, name := range cfg.listed() {
		if !slices.ContainsFunc(known, func(b Bot) bool { return b.Name == name }) {
			return nil, fmt.Errorf("crawler %q: there is no crawler with this name", name)
		}
	}
	return c, nil
}

// listed returns the names of bots with addresses.
func (cfg *Config) listed() []string {
	var names []string
	for name := range cfg.Ranges {
		names = append(names, name)
	}
	for name := range cfg.Files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// add adds b to c.
func (c *Checker) add(b Bot, cfg *Config) error {
	if slices.ContainsFunc(c.bots, func(o *bot) bool { return o.name == b.Name }) || b.Name == "" {
		return errors.New("a name is empty or used twice: want different names")
	}
	compiled, err := b.compile()
	if err != nil {
		return err
	}
	all := cfg.Ranges[b.Name]
	if path := cfg.Files[b.Name]; path != "" {
		more, err := readFile(path)
		if err != nil {
			return fmt.Errorf("reading its addresses: %w", err)
		}
		all = slices.Concat(all, more)
	}
	if compiled.ranges, err = newRanges(all); err != nil {
		return err
	}
	c.bots = append(c.bots, compiled)
	if len(compiled.domains) == 0 && len(compiled.ranges) == 0 {
		return nil // nothing can verify it, so claims to be it are ignored
	}
	c.words.add(b.Agents, compiled)
	return nil
}

// Claims reports whether a user agent claims to be a crawler that can be verified:
// whether one of the agents is a whole word in its first 512 bytes.
func (c *Checker) Claims(userAgent string) bool {
	return c.words.find(userAgent, func(*bot) bool { return true })
}

// Verified reports whether ip is a crawler that its user agent claims to be, and
// whether that is known: without an answer of DNS it is not. It returns within
// Config.Timeout, and when ctx ends. If ctx has already ended, it answers from its
// cache without waiting.
func (c *Checker) Verified(ctx context.Context, ip netip.Addr, userAgent string) (is, known bool) {
	ip = ip.Unmap().WithZone("")
	if c.words.find(userAgent, func(b *bot) bool { return b.ranges.contains(ip) }) {
		return true, true
	}
	// No crawler has a private address, and private names must not be sent to DNS
	// servers.
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || !c.words.find(userAgent, (*bot).hasDomain) {
		return false, true
	}
	found := c.identify(ctx, ip)
	return c.words.find(userAgent, func(b *bot) bool { return slices.Contains(found.is, b) }), found.known
}

// Stats returns the counts of c.
func (c *Checker) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// Counts returns the same by name, for an engine.
func (c *Checker) Counts() map[string]uint64 {
	s := c.Stats()
	return map[string]uint64{"verified": s.Verified, "refuted": s.Refuted, "failed": s.Failed}
}
