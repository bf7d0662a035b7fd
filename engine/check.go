package engine

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"go.uber.org/zap"
)

const (
	maxChecks    = 16               // clients that are checked at once
	netChecks    = 4                // of one network
	maxClaims    = 128              // clients that are checked or wait for it
	netClaims    = 16               // of one network
	maxHeld      = 4                // alerts about one of them: they are kept with all that belongs to them
	checkTime    = 10 * time.Second // for a check; then what is known by then decides
	longestDoubt = time.Minute      // after an alert, for a check to begin; it takes 16 s if all before it are slow
)

// A Verifier tells crawlers from clients that only claim to be some. The Checker
// of package crawlers is one.
//
// The engine asks it before it acts on an alert about a client whose last user
// agent claims to be a crawler. A verified client gets no decision, a liar the usual one,
// and one about whom there is no answer a challenge at most ([event.Alert].Unproven): a
// real crawler is not banned because DNS fails, and who keeps his own DNS from answering
// is not spared. All of it comes a few seconds later, because other goroutines verify,
// sixteen at a time: the request that raised the alert passes this once.
//
// At a time 128 clients can be checked or wait for it, 16 of them of one network, a
// /24 or a /40 of IPv6, of which 4 are checked at once: false claims from one network
// do not keep others from being checked. An alert about a client without room has no
// consequences, because it might be a crawler; the next alert tries again.
type Verifier interface {
	// Claims reports whether a user agent claims to be a crawler that can be
	// verified. It stands in front of requests, is called by many goroutines at
	// once, and does not block.
	Claims(userAgent string) bool
	// Verified reports whether ip is the crawler that its user agent claims to
	// be, and whether that is known. It returns when ctx ends. With a ctx that is
	// over already it answers from what it knows, and does not block; it is called
	// by many goroutines at once like that.
	Verified(ctx context.Context, ip netip.Addr, userAgent string) (is, known bool)
}

// checks holds alerts back about clients that may be crawlers.
type checks struct {
	verifier Verifier // nil: nobody's claim counts
	log      *zap.Logger
	over     context.Context // to ask for what is known
	work     chan struct{}   // tells those who check that there may be something to do

	mu                        sync.Mutex
	claims                    map[netip.Prefix]*claim
	waiting                   []*claim // those whose check has not begun, in the order in which they came
	networks                  map[netip.Prefix]load
	unchecked, merged, panics uint64
}

// A claim is that of a client to be a crawler, with the alerts about it.
type claim struct {
	prefix  netip.Prefix // what the alerts are about
	network netip.Prefix
	client  netip.Addr
	agent   string
	since   time.Time
	alerts  []event.Alert
}

// A load is how many clients of a network there are.
type load struct {
	claims int // held
	checks int // of them, those that are being checked
}

// What an alert's client is.
type standing int

const (
	isNobody   standing = iota // it claims nothing
	isCrawler                  // as far as is known already
	isDoubtful                 // what becomes of the alert will turn out, or there is no room to check
)

func (c *checks) init(v Verifier, log *zap.Logger) {
	c.verifier, c.log = v, log
	if v == nil {
		return
	}
	var cancel context.CancelFunc
	c.over, cancel = context.WithCancel(context.Background())
	cancel()
	c.work = make(chan struct{}, maxChecks)
	c.claims = map[netip.Prefix]*claim{}
	c.networks = map[netip.Prefix]load{}
}

func (c *checks) count(s *AlertStats) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Unchecked, s.Merged = c.unchecked, c.merged
}

// consider says what the client of a is. It does not block.
func (c *checks) consider(a *event.Alert) standing {
	if c.verifier == nil || len(a.Context) == 0 || !a.Client.IsValid() || a.Reflected || a.Guard != event.NoGuard {
		return isNobody
	}
	p, ok := meant(a)
	agent := a.Context[len(a.Context)-1].UserAgent
	if !ok || !c.guarded(func() bool { return c.verifier.Claims(agent) }) {
		return isNobody
	}
	// Crawlers of which that is known need no check.
	if c.verify(c.over, a.Client, agent) == proven {
		return isCrawler
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.claims[p]; d != nil {
		c.hold(d, a)
	} else if network := event.NetworkOf(a.Client); len(c.claims) >= maxClaims || c.networks[network].claims >= netClaims {
		c.unchecked++
	} else {
		c.enqueueLocked(&claim{p, network, a.Client, agent, time.Now(), []event.Alert{*a}})
	}
	return isDoubtful
}

func (c *checks) enqueueLocked(d *claim) {
	c.claims[d.prefix] = d
	c.waiting = append(c.waiting, d)
	c.addLocked(d.network, load{claims: 1})
	c.tell()
}

// addLocked counts clients of a network, which is forgotten when it has none.
func (c *checks) addLocked(network netip.Prefix, more load) {
	l := c.networks[network]
	l.claims += more.claims
	l.checks += more.checks
	if l == (load{}) {
		delete(c.networks, network)
	} else {
		c.networks[network] = l
	}
}

// tell has somebody look whether there is something to do. It does not block: if all
// have been told, somebody will look.
func (c *checks) tell() {
	select {
	case c.work <- struct{}{}:
	default:
	}
}

// next returns the client to check next; nil if there is none that may be checked now.
func (c *checks) next() *claim {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.waiting, func(d *claim) bool { return c.networks[d.network].checks < netChecks })
	if i < 0 {
		return nil
	}
	d := c.waiting[i]
	c.waiting = slices.Delete(c.waiting, i, i+1)
	c.addLocked(d.network, load{checks: 1})
	return d
}

// hold adds a to those that wait for the same check. A few are enough: if it ends
// badly, they say all that is needed, else none of them is.
func (c *checks) hold(d *claim, a *event.Alert) {
	if len(d.alerts) >= maxHeld {
		c.merged++
		return
	}
	d.alerts = append(d.alerts, *a)
}

func (c *checks) verify(ctx context.Context, ip netip.Addr, agent string) verdict {
	known := true // of one that panics
	is := c.guarded(func() (is bool) {
		is, known = c.verifier.Verified(ctx, ip, agent)
		return is
	})
	switch {
	case is:
		return proven
	case known:
		return lied
	}
	return unproven
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

// A verdict is what a check has led to.
type verdict int

const (
	lied     verdict = iota
	unproven         // nobody could tell
	proven           // a crawler
	skipped          // there was no time to check
)

// settle asks whether the client of d is a crawler, and returns the alerts about it.
func (c *checks) settle(ctx context.Context, d *claim) ([]event.Alert, verdict) {
	v := skipped
	if time.Since(d.since) < longestDoubt {
		limit, cancel := context.WithTimeout(ctx, checkTime)
		defer cancel()
		v = c.verify(limit, d.client, d.agent)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.claims, d.prefix)
	c.addLocked(d.network, load{claims: -1, checks: -1})
	if v == skipped {
		c.unchecked += uint64(len(d.alerts))
	}
	c.tell() // one of its network may be checked now
	return d.alerts, v
}

// check settles claims, one after the other, until ctx ends. Several do it at once.
func (e *Engine) check(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.checks.work:
		}
		for d := e.checks.next(); d != nil && ctx.Err() == nil; d = e.checks.next() {
			alerts, v := e.checks.settle(ctx, d)
			e.conclude(ctx, alerts, v)
		}
	}
}

// conclude does what follows from a check. One that the end cut short says nothing, nor
// do those that never began: a ban would outlast the restart; who misbehaves will do so
// after it, too.
func (e *Engine) conclude(ctx context.Context, alerts []event.Alert, v verdict) {
	for _, a := range alerts {
		switch {
		case v == proven:
			e.acquit(a)
		case v != skipped && ctx.Err() == nil:
			a.Unproven = v == unproven
			e.act(a)
		}
	}
}

// acquit takes note of an alert about a crawler, which has no consequences.
func (e *Engine) acquit(a event.Alert) {
	e.history.add(Record{Time: time.Now(), Alert: a, Crawler: true}, false)
}
