package lookup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// The errors of [Cache.Lookup] if no question could be asked in time.
var (
	// ErrBusy means that too many questions about other networks are in progress: the
	// upstream hangs, or clients of many networks arrive at once.
	ErrBusy = errors.New("too many questions in progress")
	// ErrCrowded means that too many questions about the same network are in progress.
	// Clients of that network caused this, and only they get it. Do not let the client
	// pass: otherwise a hostile client could prevent the question about itself.
	ErrCrowded = errors.New("too many questions in progress about the same network")
)

var errNoAnswer = errors.New("the question was canceled")

// An Asker asks a source about one normalized address (see [Normalize]), at the cost of
// a round trip. It must return when ctx ends, otherwise it delays the request.
type Asker func(ctx context.Context, ip netip.Addr) (Decision, bool, error)

// CacheConfig describes a cache. Only Ask is required.
type CacheConfig struct {
	// Up to Questions goroutines call Ask at once, but usually only one for an address.
	Ask Asker
	// Size is the number of stored answers. The least recently used one is dropped for
	// a new one. Default: 10,000, about 4 MB.
	Size int
	// TTL is how long an answer is stored after its question. Default: 1m.
	TTL time.Duration
	// Timeout limits each question, and the wait for a turn before it. Default: 200ms.
	Timeout time.Duration
	// Questions limits the questions in progress. A /64 of IPv6 gets at most a
	// sixteenth of them, a /48 or a /24 of IPv4 a quarter, and each at least one.
	// Sixteen times as many lookups can wait for their turn, at most half of them of
	// one network. Default: 64.
	Questions int
}

// A Cache asks a source about one address at a time, and stores its answers, also empty
// ones. It is safe for use by many goroutines. It starts none, so there is nothing to
// close.
//
// An answer that bans a range applies to all its addresses, without further questions
// while it is stored. If a question about an address fails, the strongest other answer
// about a range with it is returned.
//
// Errors are not stored: the next caller asks again. The caller decides what to do with
// a client after an error.
type Cache struct {
	cfg     CacheConfig
	epoch   epoch // of the ends of answers
	answers *lru.Cache[netip.Addr, *answer]

	mu    sync.Mutex
	asked map[request]*question // those in progress whose answers will be stored
	turns turns
	known known

	hits, misses, questions, errors, busy, crowded atomic.Uint64
}

// An answer is an answer of the source. It never changes.
type answer struct {
	decision Decision
	found    bool
	end      int64 // when it expires, since the cache's epoch
}

// CacheStats are the counts of a [Cache] since its start.
type CacheStats struct {
	Hits      uint64 // lookups answered from the cache
	Misses    uint64 // other lookups
	Questions uint64 // questions to the source; fewer than Misses, because callers share them
	Errors    uint64 // questions that failed or took too long
	Busy      uint64 // questions that ended in ErrBusy
	Crowded   uint64 // questions that ended in ErrCrowded
	Entries   int    // stored answers, including expired ones until the next question
	Ranges    int    // stored answers about ranges, likewise
}

// NewCache returns an empty cache.
func NewCache(cfg CacheConfig) (*Cache, error) {
	if cfg.Ask == nil {
		return nil, errors.New("cache: Ask is missing")
	}
	if cfg.Size < 0 || cfg.TTL < 0 || cfg.Timeout < 0 || cfg.Questions < 0 {
		return nil, errors.New("cache: Size, TTL, Timeout or Questions is negative: want at least 0")
	}
	cfg = cfg.withDefaults()
	answers, err := lru.New[netip.Addr, *answer](cfg.Size)
	if err != nil {
		return nil, fmt.Errorf("cache of %d answers: %w", cfg.Size, err)
	}
	known, err := newKnown(cfg.Size)
	if err != nil {
		return nil, fmt.Errorf("cache of answers about %d ranges: %w", cfg.Size, err)
	}
	return &Cache{
		cfg: cfg, epoch: epoch(time.Now()), answers: answers, known: known,
		asked: map[request]*question{}, turns: newTurns(cfg.Questions),
	}, nil
}

func (cfg CacheConfig) withDefaults() CacheConfig {
	if cfg.Size == 0 {
		cfg.Size = 10_000
	}
	if cfg.TTL == 0 {
		cfg.TTL = time.Minute
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 200 * time.Millisecond
	}
	if cfg.Questions == 0 {
		cfg.Questions = 64
	}
	return cfg
}

// Lookup returns the decision in force for ip, and whether there is one. If the cache
// has the answer, it takes one lock and does not allocate. Otherwise it asks, or waits
// for the question of another caller: at most Timeout for the turn, and Timeout for the
// answer.
//
// The end of ctx does not end the lookup. Ask gets only its values. net/http ends the
// context of a request when the client closes its side of the connection, but the
// client can still read the response: so a banned client could prevent the wait for the
// answer about it.
//
// For an address of 6to4, Teredo or ISATAP, the decisions about the IPv4 address inside
// apply too, as in a [Table].
//
// The error is [ErrBusy] or [ErrCrowded] if no question could be asked. With an error,
// the decision is that of a known range with ip, if there is one.
func (c *Cache) Lookup(ctx context.Context, ip netip.Addr) (Decision, bool, error) {
	ip = Normalize(ip)
	if v4, ok := claimed(ip); ok {
		return c.findBoth(ctx, ip, v4)
	}
	return c.find(ctx, request{ip, ip})
}

// findBoth returns the stronger of the decisions about ip and about v4, the IPv4
// address inside. It asks about both at the same time, with turns of ip for both: ip
// can claim any IPv4 address, and must not use up the turns of others.
func (c *Cache) findBoth(ctx context.Context, ip, v4 netip.Addr) (Decision, bool, error) {
	var (
		wg       sync.WaitGroup
		d        Decision
		found    bool
		errClaim error
	)
	wg.Go(func() { d, found, errClaim = c.find(ctx, request{v4, ip}) })
	own, ok, err := c.find(ctx, request{ip, ip})
	wg.Wait()
	switch {
	case found && ok:
		own = own.With(d)
	case found:
		own, ok = d, true
	}
	return own, ok, errors.Join(err, errClaim)
}

// find returns the decision in force for the address of r.
func (c *Cache) find(ctx context.Context, r request) (Decision, bool, error) {
	ip := r.ip
	if a, ok := c.answers.Get(ip); ok && c.epoch.now() < a.end {
		c.hits.Add(1)
		return a.decision, a.found, nil
	}
	if !ip.IsValid() {
		return Decision{}, false, nil
	}
	q, first, err := c.join(r)
	switch {
	case err != nil:
	case first:
		c.ask(ctx, r, q)
		err = q.err
	default:
		err = q.wait(c.cfg.Timeout)
	}
	if err != nil {
		d, found := c.floor(ip)
		return d, found, fmt.Errorf("asking about %v: %w", ip, err)
	}
	return q.answer.decision, q.answer.found, nil
}

// floor returns the stored decision about the ranges with ip.
func (c *Cache) floor(ip netip.Addr) (Decision, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.known.find(ip, c.epoch.now()); a != nil {
		return a.decision, true
	}
	return Decision{}, false
}

// Forget drops the answers about ip and about ranges with it. An answer in progress is
// not stored, because it may be older than the reason to forget: the next lookup asks
// again without waiting for it. After a change of a range use [Cache.Purge].
func (c *Cache) Forget(ip netip.Addr) {
	ip = Normalize(ip)
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.asked, func(r request, _ *question) bool { return r.ip == ip })
	c.answers.Remove(ip)
	c.known.forget(ip)
}

// Purge drops all answers, including those in progress.
func (c *Cache) Purge() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.asked)
	c.answers.Purge()
	c.known.purge()
}

// Stats returns the counts so far.
func (c *Cache) Stats() CacheStats {
	c.mu.Lock()
	ranges := c.known.recent.Len()
	c.mu.Unlock()
	return CacheStats{
		Hits:      c.hits.Load(),
		Misses:    c.misses.Load(),
		Questions: c.questions.Load(),
		Errors:    c.errors.Load(),
		Busy:      c.busy.Load(),
		Crowded:   c.crowded.Load(),
		Entries:   c.answers.Len(),
		Ranges:    ranges,
	}
}
