package engine

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/detect"
	"go.uber.org/zap"
)

const (
	maxDoubts = 128              // clients that wait to be checked
	maxHeld   = 4                // alerts about one of them: they are kept with all that belongs to them
	doubtTime = 10 * time.Second // after an alert; then what is known by then decides
)

// A Verifier tells crawlers from clients that only claim to be some. The Checker
// of package crawlers is one.
//
// The engine asks it before it acts on an alert about a client whose last user
// agent claims to be a crawler. Nothing happens to one that is verified. About all
// others is decided as usual, but a few seconds later, since another goroutine
// asks: a request that gave cause for the alert passes this once. At a time 128
// clients can wait for that; about those that come on top is decided without a
// check, so that nobody gains by sending liars ahead.
type Verifier interface {
	// Claims reports whether a user agent claims to be a crawler that can be
	// verified. It stands in front of requests, is called by many goroutines at
	// once, and does not block.
	Claims(userAgent string) bool
	// Verified reports whether ip is the crawler that its user agent claims to
	// be. It returns when ctx ends. With a ctx that is over already it answers
	// from what it knows, and does not block; it is called by many goroutines at
	// once like that.
	Verified(ctx context.Context, ip netip.Addr, userAgent string) bool
}

// checks holds alerts back about clients that may be crawlers.
type checks struct {
	verifier Verifier // nil: nobody's claim counts
	log      *zap.Logger
	over     context.Context // to ask for what is known
	queue    chan netip.Prefix

	mu                        sync.Mutex
	doubts                    map[netip.Prefix]*doubt
	unchecked, merged, panics uint64
}

// A doubt is a client that may be a crawler.
type doubt struct {
	client netip.Addr
	agent  string
	until  time.Time
	alerts []detect.Alert
}

// What an alert's client is.
type standing int

const (
	isNobody   standing = iota // it claims nothing, or there is no time to check
	isCrawler                  // as far as is known already
	isDoubtful                 // what becomes of the alert will turn out
)

func (c *checks) init(v Verifier, log *zap.Logger) {
	c.verifier, c.log = v, log
	if v == nil {
		return
	}
	var cancel context.CancelFunc
	c.over, cancel = context.WithCancel(context.Background())
	cancel()
	c.queue = make(chan netip.Prefix, maxDoubts)
	c.doubts = map[netip.Prefix]*doubt{}
}

func (c *checks) count(s *AlertStats) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Unchecked, s.Merged = c.unchecked, c.merged
}

// consider says what the client of a is. It does not block.
func (c *checks) consider(a *detect.Alert) standing {
	if c.verifier == nil || len(a.Context) == 0 || !a.Client.IsValid() || a.Reflected || a.Guard != detect.NoGuard {
		return isNobody
	}
	p, ok := meant(a)
	agent := a.Context[len(a.Context)-1].UserAgent
	if !ok || !c.guarded(func() bool { return c.verifier.Claims(agent) }) {
		return isNobody
	}
	// Crawlers of which that is known need no place in the queue, which liars may
	// have filled.
	if c.verify(c.over, a.Client, agent) {
		return isCrawler
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.doubts[p]; d != nil {
		c.hold(d, a)
		return isDoubtful
	}
	select {
	case c.queue <- p:
		c.doubts[p] = &doubt{a.Client, agent, time.Now().Add(doubtTime), []detect.Alert{*a}}
		return isDoubtful
	default:
		c.unchecked++
		return isNobody
	}
}

// hold adds a to those that wait for the same check. A few are enough: if it ends
// badly, they say all that is needed, else none of them is.
func (c *checks) hold(d *doubt, a *detect.Alert) {
	if len(d.alerts) >= maxHeld {
		c.merged++
		return
	}
	d.alerts = append(d.alerts, *a)
}

func (c *checks) verify(ctx context.Context, ip netip.Addr, agent string) bool {
	return c.guarded(func() bool { return c.verifier.Verified(ctx, ip, agent) })
}

// guarded asks the verifier. One that panics has verified nobody: then nothing is
// as if there was none.
func (c *checks) guarded(ask func() bool) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			ok = false
			c.mu.Lock()
			defer c.mu.Unlock()
			// A client that causes it once does it again: few lines say it all.
			if c.panics++; c.panics&(c.panics-1) == 0 {
				c.log.Error("verifier panicked", zap.Any("panic", p), zap.Uint64("times", c.panics), zap.Stack("stack"))
			}
		}
	}()
	return ask()
}

// settle asks whether the client that p stands for is a crawler, and returns the
// alerts about it.
func (c *checks) settle(ctx context.Context, p netip.Prefix) (alerts []detect.Alert, crawler bool) {
	c.mu.Lock()
	d := c.doubts[p]
	c.mu.Unlock()
	limit, cancel := context.WithDeadline(ctx, d.until)
	defer cancel()
	crawler = c.verify(limit, d.client, d.agent)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.doubts, p)
	return d.alerts, crawler
}

// check settles doubts, one after the other, until ctx ends.
func (e *Engine) check(ctx context.Context) {
	c := &e.checks
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-c.queue:
			alerts, crawler := c.settle(ctx, p)
			for _, a := range alerts {
				switch {
				case crawler:
					e.acquit(a)
				case ctx.Err() == nil:
					e.act(a)
				default:
					// A check that the end cut short says nothing, nor do those that
					// never began. A ban would outlast the restart; who misbehaves will
					// do so after it, too.
					return
				}
			}
		}
	}
}

// acquit takes note of an alert about a crawler, which has no consequences.
func (e *Engine) acquit(a detect.Alert) {
	e.history.add(Record{Time: time.Now(), Alert: a, Crawler: true}, false)
}
