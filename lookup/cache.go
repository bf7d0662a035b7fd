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

// What [Cache.Lookup] returns when nobody could be asked in time.
var (
	// ErrBusy means that too many questions about other networks are under way: the
	// upstream hangs, or clients of many networks come at once.
	ErrBusy = errors.New("too many questions under way")
	// ErrCrowded means that too many questions about addresses of the same network
	// are under way. Clients of that network caused it, and nobody else met it: to let
	// the client pass would let a hostile one decide that nobody is asked about it.
	ErrCrowded = errors.New("too many questions under way about the same network")
)

var errNoAnswer = errors.New("the question was given up")

// An Asker asks a source about one address, at the cost of a round trip. The
// address is normalized: see [Normalize]. The source has to answer before ctx
// ends; one that does not holds up the request that asked.
type Asker func(ctx context.Context, ip netip.Addr) (Decision, bool, error)

// CacheConfig says whom to ask and how long to remember. Only Ask is needed.
type CacheConfig struct {
	// Ask is called by up to Questions goroutines at once, but by one only for
	// an address, unless it was forgotten meanwhile or others claim it.
	Ask Asker
	// Size is the number of answers remembered. The one not used for the
	// longest time makes room for a new one. Default: 10,000, some 4 MB.
	Size int
	// TTL is how long an answer is remembered, from when the question was
	// asked. Default: 1m.
	TTL time.Duration
	// Timeout bounds each question, and before it the wait for a turn to ask.
	// Default: 200ms.
	Timeout time.Duration
	// Questions bounds the questions under way at once. A /64 of IPv6 has a
	// sixteenth of them at most, a /48 or a /24 of IPv4 a quarter, one at least.
	// Sixteen times as many lookups can wait for their turn, half of them of one
	// network. Default: 64.
	Questions int
}

// A Cache serves a source that has to be asked about one address at a time,
// and remembers its answers, the empty ones too. It is safe for use by many
// goroutines. It starts none, so there is nothing to close.
//
// An answer that bans a range holds for all its addresses: nobody is asked about
// them while it is remembered. Of other answers about ranges the strongest is what
// is known about an address if the question about it fails.
//
// An error is not remembered: the next caller asks again. What to do with a
// client after an error is for the caller to say.
type Cache struct {
	cfg     CacheConfig
	epoch   epoch // what ends of answers are counted from
	answers *lru.Cache[netip.Addr, *answer]

	mu    sync.Mutex
	asked map[request]*question // those under way whose answers will be remembered
	turns turns
	known known

	hits, misses, questions, errors, busy, crowded atomic.Uint64
}

// An answer is what the source said. It never changes.
type answer struct {
	decision Decision
	found    bool
	end      int64 // when to forget it, since the cache's epoch
}

// CacheStats counts what a [Cache] did since it was made.
type CacheStats struct {
	Hits      uint64 // lookups answered from memory
	Misses    uint64 // lookups that were not
	Questions uint64 // what the source was asked; less than Misses where callers shared one
	Errors    uint64 // questions that failed or took too long
	Busy      uint64 // questions that ended in ErrBusy
	Crowded   uint64 // questions that ended in ErrCrowded
	Entries   int    // answers held now, outdated ones included until they are asked for again
	Ranges    int    // ranges that answers were about, likewise
}

// NewCache returns an empty cache.
func NewCache(cfg CacheConfig) (*Cache, error) {
	if cfg.Ask == nil {
		return nil, errors.New("cache: nobody to ask")
	}
	if cfg.Size < 0 || cfg.TTL < 0 || cfg.Timeout < 0 || cfg.Questions < 0 {
		return nil, errors.New("cache: Size, TTL, Timeout and Questions must not be negative")
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

// Lookup returns the decision in force for ip, and whether there is one. If
// the cache has the answer, it takes one lock and no memory. Otherwise it asks, or
// waits for the question of another caller: Timeout at most for the turn to ask, and as
// long again for the answer.
//
// The end of ctx ends nothing; Ask gets its values. net/http ends the context of a
// request when its client closes only its own side of the connection, which still
// reads the response: a client that is banned could so decide that nobody waits for
// the answer about it.
//
// For an address of 6to4, Teredo or ISATAP, which says to be reached by an IPv4
// address, the decisions about that one hold too, as in a [Table].
//
// The error is [ErrBusy] or [ErrCrowded] if nobody could be asked. Beside an error,
// the decision is what is known about a range that ip is in.
func (c *Cache) Lookup(ctx context.Context, ip netip.Addr) (Decision, bool, error) {
	ip = Normalize(ip)
	if v4, ok := claimed(ip); ok {
		return c.findBoth(ctx, ip, v4)
	}
	return c.find(ctx, request{ip, ip})
}

// findBoth returns the stronger of what there is about ip and about v4, which ip says
// to be reached by. It asks about both at once, and for both ip needs a turn: it can
// claim any address, and must not use up the turns of others.
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

// floor returns what is known about the ranges that ip is in.
func (c *Cache) floor(ip netip.Addr) (Decision, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.known.find(ip, c.epoch.now()); a != nil {
		return a.decision, true
	}
	return Decision{}, false
}

// Forget forgets the answer about ip and those about ranges that it is in, and does
// not remember one about it that is under way: it may be older than what made the
// caller forget, so the next lookup asks anew without waiting for it. After a change
// about a range use [Cache.Purge].
func (c *Cache) Forget(ip netip.Addr) {
	ip = Normalize(ip)
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.asked, func(r request, _ *question) bool { return r.ip == ip })
	c.answers.Remove(ip)
	c.known.forget(ip)
}

// Purge forgets all answers, those under way included.
func (c *Cache) Purge() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.asked)
	c.answers.Purge()
	c.known.purge()
}

// Stats returns what the cache did up to now.
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
