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
	maxChecks        = 16               // clients that are checked at the same time
	netChecks        = 4                // of one network
	maxClaims        = 128              // clients that are checked or wait for a check
	netClaims        = 16               // of one network
	maxAlertsWaiting = 4                // waiting alerts about one client, with all their data
	checkTime        = 10 * time.Second // for one check; after it the verifier's knowledge decides
	maxCheckWait     = time.Minute      // from an alert to the start of its check; that takes 16 s if all checks before it are slow
)

// A Verifier distinguishes crawlers from clients that only claim to be crawlers. The
// Checker of package crawlers is one.
//
// The engine asks it before it acts on an alert about a client whose last user agent
// claims to be a crawler. A verified client gets no decision, and a false claim gets
// the usual one. Without an answer there is a challenge at most
// ([event.Alert].Unproven): so a real crawler is not banned because DNS fails, and a
// client whose own DNS does not answer is not exempt. The consequences come a few
// seconds later, because other goroutines verify, sixteen at a time. The request that
// raised the alert still passes.
//
// At most 128 clients are checked or wait for it. At most 16 of them are of one network
// (a /24, or a /40 of IPv6), and 4 of these are checked at the same time. So false
// claims from one network do not prevent checks of others. If there is no room, an
// alert has no consequences, because the client may be a crawler. The next alert tries
// again.
type Verifier interface {
	// Claims reports whether a user agent claims to be a crawler that can be verified.
	// Many goroutines call it at once. It must not block, because requests wait for it.
	Claims(userAgent string) bool
	// Verified reports whether ip is the crawler that its user agent claims to be, and
	// whether that is known. It returns when ctx ends. If ctx has already ended, it
	// answers from its cache and does not block. Many goroutines call it at once.
	Verified(ctx context.Context, ip netip.Addr, userAgent string) (is, known bool)
}

// checks holds back alerts about clients that may be crawlers.
type checks struct {
	verifier Verifier // nil: claims do not count
	log      *zap.Logger
	over     context.Context // has ended: to ask for cached results
	work     chan struct{}   // wakes the checking goroutines

	mu                        sync.Mutex
	claims                    map[netip.Prefix]*claim
	waiting                   []*claim // those whose check has not begun, oldest first
	networks                  map[netip.Prefix]load
	unchecked, merged, panics uint64
}

// A claim is a client that claims to be a crawler, with the alerts about it.
type claim struct {
	prefix  netip.Prefix // the target of the alerts
	network netip.Prefix
	client  netip.Addr
	agent   string
	since   time.Time
	alerts  []event.Alert
}

// A load counts the clients of a network.
type load struct {
	claims int // waiting or being checked
	checks int // those of them that are being checked
}

// A crawlerState says whether the client of an alert may be a crawler.
type crawlerState int

const (
	notCrawler      crawlerState = iota // it does not claim to be a crawler
	verifiedCrawler                     // it was verified before
	unverified                          // unknown: the alert waits for a check, or there is no room
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

// consider reports whether the client of a may be a crawler. It does not block.
func (c *checks) consider(a *event.Alert) crawlerState {
	if c.verifier == nil || len(a.Context) == 0 || !a.Client.IsValid() || a.Reflected || a.Guard != event.NoGuard {
		return notCrawler
	}
	p, ok := meant(a)
	agent := a.Context[len(a.Context)-1].UserAgent
	if !ok || !c.guarded(func() bool { return c.verifier.Claims(agent) }) {
		return notCrawler
	}
	// Verified crawlers need no check.
	if c.verify(c.over, a.Client, agent) == proven {
		return verifiedCrawler
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
	return unverified
}

func (c *checks) enqueueLocked(d *claim) {
	c.claims[d.prefix] = d
	c.waiting = append(c.waiting, d)
	c.addLocked(d.network, load{claims: 1})
	c.wake()
}

// addLocked changes the counts of a network, and removes a network without clients.
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

// wake wakes a checking goroutine. It does not block: if the channel is full, one will
// look anyway.
func (c *checks) wake() {
	select {
	case c.work <- struct{}{}:
	default:
	}
}

// next returns the next client to check, or nil if there is none, or its network is at
// its limit.
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

// hold adds a to the alerts that wait for the same check. A few are enough: if the
// claim is false, they are sufficient, otherwise none is needed.
func (c *checks) hold(d *claim, a *event.Alert) {
	if len(d.alerts) >= maxAlertsWaiting {
		c.merged++
		return
	}
	d.alerts = append(d.alerts, *a)
}

func (c *checks) verify(ctx context.Context, ip netip.Addr, agent string) verdict {
	known := true // the result after a panic
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

// guarded asks the verifier. A panic counts as false.
func (c *checks) guarded(ask func() bool) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			ok = false
			c.mu.Lock()
			defer c.mu.Unlock()
			// A client may cause it repeatedly, so only the 1st, 2nd, 4th, 8th … is
			// logged.
			if c.panics++; c.panics&(c.panics-1) == 0 {
				c.log.Error("the verifier of crawlers panicked", zap.Any("panic", p), zap.Uint64("times", c.panics), zap.Stack("stack"))
			}
		}
	}()
	return ask()
}

// A verdict is the result of a check.
type verdict int

const (
	lied     verdict = iota
	unproven         // there was no answer
	proven           // a crawler
	skipped          // there was no time to check
)

// settle verifies the client of d, and returns the alerts about it.
func (c *checks) settle(ctx context.Context, d *claim) ([]event.Alert, verdict) {
	v := skipped
	if time.Since(d.since) < maxCheckWait {
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
	c.wake() // another client of its network may be checked now
	return d.alerts, v
}

// check settles claims, one after the other, until ctx ends. Several goroutines run it.
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

// conclude applies the result of a check. A check that the end of the engine interrupts
// has no consequences: a ban would outlast the restart, and a client that misbehaves
// will do so again.
func (e *Engine) conclude(ctx context.Context, alerts []event.Alert, v verdict) {
	for _, a := range alerts {
		switch {
		case v == proven:
			e.recordCrawler(a)
		case v != skipped && ctx.Err() == nil:
			a.Unproven = v == unproven
			e.act(a)
		}
	}
}

// recordCrawler records an alert about a crawler, which has no consequences.
func (e *Engine) recordCrawler(a event.Alert) {
	e.history.add(Record{Time: time.Now(), Alert: a, Crawler: true}, false)
}
