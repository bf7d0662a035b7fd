package lookup

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// ErrBusy is returned by [Cache.Lookup] when too many questions are under way
// already: the upstream hangs, or somebody asks for new addresses by the
// thousand. No question was asked.
var ErrBusy = errors.New("too many questions under way")

var errNoAnswer = errors.New("the question was given up")

// An Asker asks a source about one address, at the cost of a round trip. The
// address is normalized: see [Normalize]. The source has to answer before ctx
// ends; one that does not holds up the request that asked.
type Asker func(ctx context.Context, ip netip.Addr) (Decision, bool, error)

// CacheConfig says whom to ask and how long to remember. Only Ask is needed.
type CacheConfig struct {
	// Ask is called by up to Questions goroutines at once, but by one only for
	// an address: see Forget for the exception.
	Ask Asker
	// Size is the number of answers remembered. The one not used for the
	// longest time makes room for a new one. Default: 10,000, some 4 MB.
	Size int
	// TTL is how long an answer is remembered, from when the question was
	// asked. Default: 1m.
	TTL time.Duration
	// Timeout bounds each question, and the wait for one that another caller
	// has asked. Default: 200ms.
	Timeout time.Duration
	// Questions bounds the questions under way at once. Default: 64.
	Questions int
}

// A Cache serves a source that has to be asked about one address at a time,
// and remembers its answers, the empty ones too. It is safe for use by many
// goroutines. It starts none, so there is nothing to close.
//
// An error is not remembered: the next caller asks again. What to do with a
// client after an error is for the caller to say.
type Cache struct {
	cfg     CacheConfig
	epoch   epoch // what ends of answers are counted from
	answers *lru.Cache[netip.Addr, *answer]

	mu     sync.Mutex
	asked  map[netip.Addr]*question // those under way whose answers will be remembered
	asking int                      // those under way at all

	hits, misses, questions, errors, busy atomic.Uint64
}

// An answer is what the source said. It never changes.
type answer struct {
	decision Decision
	found    bool
	end      int64 // when to forget it, since the cache's epoch
}

// A question is one that is under way. Its answer and its error may be read
// once done is closed.
type question struct {
	done   chan struct{}
	answer *answer
	err    error
}

// CacheStats counts what a [Cache] did since it was made.
type CacheStats struct {
	Hits      uint64 // lookups answered from memory
	Misses    uint64 // lookups that were not
	Questions uint64 // what the source was asked; less than Misses where callers shared one
	Errors    uint64 // questions that failed or took too long
	Busy      uint64 // lookups that ended in ErrBusy
	Entries   int    // answers held now, outdated ones included until they are asked for again
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
	return &Cache{cfg: cfg, epoch: epoch(time.Now()), answers: answers, asked: map[netip.Addr]*question{}}, nil
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
// the cache remembers, it takes one lock and no memory, and ctx does not
// matter. Otherwise it asks, or waits for who has asked already.
//
// The caller that asks does so to the end, within Timeout, even if its ctx ends
// before, since others may wait for the answer. A caller that waits returns
// ctx's error once ctx ends. The error is [ErrBusy] if nobody could be asked.
func (c *Cache) Lookup(ctx context.Context, ip netip.Addr) (Decision, bool, error) {
	ip = Normalize(ip)
	if a, ok := c.answers.Get(ip); ok && c.epoch.now() < a.end {
		c.hits.Add(1)
		return a.decision, a.found, nil
	}
	if !ip.IsValid() {
		return Decision{}, false, nil
	}
	c.misses.Add(1)
	q, first, err := c.join(ctx, ip)
	if err != nil {
		return Decision{}, false, fmt.Errorf("asking about %v: %w", ip, err)
	}
	if first {
		c.ask(ctx, ip, q)
	} else if err := q.wait(ctx, c.cfg.Timeout); err != nil {
		return Decision{}, false, fmt.Errorf("waiting for an answer about %v: %w", ip, err)
	}
	if q.err != nil {
		return Decision{}, false, fmt.Errorf("asking about %v: %w", ip, q.err)
	}
	return q.answer.decision, q.answer.found, nil
}

// join returns the question about ip that is under way, or else a new one that
// the caller is the first to ask.
func (c *Cache) join(ctx context.Context, ip netip.Addr) (q *question, first bool, err error) {
	// A client that has gone is not worth a question.
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if q, ok := c.asked[ip]; ok {
		return q, false, nil
	}
	// The answer may have come since the caller looked for it.
	if a, ok := c.answers.Peek(ip); ok && c.epoch.now() < a.end {
		q = &question{done: make(chan struct{}), answer: a}
		close(q.done)
		return q, false, nil
	}
	if c.asking >= c.cfg.Questions {
		c.busy.Add(1)
		return nil, false, ErrBusy
	}
	c.asking++
	q = &question{done: make(chan struct{}), err: errNoAnswer}
	c.asked[ip] = q
	return q, true, nil
}

// wait waits for the answer to q. An Asker that outstays its context is not to
// hold up more than the one that called it.
func (q *question) wait(ctx context.Context, timeout time.Duration) error {
	select {
	case <-q.done:
		return nil
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	select {
	case <-q.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ask asks q and lets go those who wait for it, even if Ask panics.
func (c *Cache) ask(ctx context.Context, ip netip.Addr, q *question) {
	defer c.finish(ip, q)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.Timeout)
	defer cancel()
	began := c.epoch.now()
	d, found, err := c.cfg.Ask(ctx, ip)
	if err != nil {
		q.err = err
		return
	}
	q.answer, q.err = c.answer(began, d, found), nil
}

// answer returns what the source said in answer to a question asked at began.
// It is remembered for TTL, but not beyond the end of the decision.
func (c *Cache) answer(began int64, d Decision, found bool) *answer {
	a := &answer{end: shift(began, int64(c.cfg.TTL))}
	// A decision past its end is none, whatever the source says.
	if end := c.epoch.end(d.Until); found && c.epoch.now() < end {
		a.decision, a.found = d, true
		a.end = min(a.end, end)
	}
	return a
}

// finish remembers the answer to q, unless it was to be forgotten meanwhile.
func (c *Cache) finish(ip netip.Addr, q *question) {
	c.questions.Add(1)
	if q.err != nil {
		c.errors.Add(1)
	}
	c.mu.Lock()
	c.asking--
	if c.asked[ip] == q {
		delete(c.asked, ip)
		if q.err == nil {
			c.answers.Add(ip, q.answer)
		}
	}
	c.mu.Unlock()
	close(q.done)
}

// Forget forgets the answer about ip, and does not remember one that is under
// way: it may be older than what made the caller forget, so the next lookup
// asks anew without waiting for it. After a change about a range use
// [Cache.Purge].
func (c *Cache) Forget(ip netip.Addr) {
	ip = Normalize(ip)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.asked, ip)
	c.answers.Remove(ip)
}

// Purge forgets all answers, those under way included.
func (c *Cache) Purge() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.asked)
	c.answers.Purge()
}

// Stats returns what the cache did up to now.
func (c *Cache) Stats() CacheStats {
	return CacheStats{
		Hits:      c.hits.Load(),
		Misses:    c.misses.Load(),
		Questions: c.questions.Load(),
		Errors:    c.errors.Load(),
		Busy:      c.busy.Load(),
		Entries:   c.answers.Len(),
	}
}
