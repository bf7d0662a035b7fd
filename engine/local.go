package engine

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// LocalOrigin is the origin of local decisions, as CrowdSec shows it.
const LocalOrigin = "tocsin"

const (
	maxLocal     = 100_000               // decisions held; see fairMap for the displaced ones
	maxOrders    = 1024                  // waiting changes of the table
	netOrders    = 128                   // of clients of one network
	maxReason    = 255                   // bytes
	tableWait    = 10 * time.Millisecond // how long an alert waits for the table
	settling     = time.Second           // between two checks of the sources' decisions
	recheck      = 30 * time.Second      // between two checks of allowlists
	endTolerance = time.Minute           // two ends that differ by less count as equal
)

// locals makes and manages local decisions.
//
// # Authorities
//
// A source with the name of a reporter is an authority: it gets the alerts and decides
// about them. Its decision about the same prefix replaces the local one, even if it is
// shorter or only a captcha. From then on, `cscli decisions delete` lets the client in.
// The decision must answer the alert: it is new, and has the alert's reason or an equal
// or stronger action; or it has an equal or stronger action and lasts at least as long.
//
// A local decision stands until its own end if there is no authority, if the authority
// does not answer (its profiles make no decision of the alert), and if the answer was
// deleted before it was read, within one poll. [Engine.Unban] ends it at any time.
//
// # Never waiting
//
// Writers of the table wait while a large list is applied. So one goroutine writes for
// all alerts.
type locals struct {
	cfg         Local
	table       *lookup.Table
	authorities []string // the sources that get alerts and decide about them
	allow       []Allowlister
	log         *zap.Logger
	orders      chan order
	shares      netShares     // of orders
	ended       chan struct{} // closed when the goroutine for orders ends

	seen uint64    // version of the table at the last check
	next time.Time // when to check again without a change

	mu        sync.Mutex
	held      *fairMap[holding, *local]
	displaced []lookup.Decision // displaced decisions that must still leave the table
	offenders offenders
}

// A holding identifies a local decision.
type holding struct {
	prefix netip.Prefix
	action lookup.Action
}

// A local is a local decision.
type local struct {
	lookup.Decision
	client  netip.Addr        // the client that caused it
	first   time.Time         // when it was first made; Since is the last time
	inForce bool              // it was put into the table
	before  []lookup.Decision // decisions of authorities from before it
	pages   []uint64          // requested under a captcha: see ignored
}

func newLocals(cfg Local, table *lookup.Table, log *zap.Logger) *locals {
	l := &locals{
		cfg: cfg, table: table, log: log,
		orders: make(chan order, maxOrders), shares: newNetShares(netOrders), ended: make(chan struct{}),
		held:      newFairMap[holding](maxLocal, (*local).isWeaker),
		offenders: offenders{window: cfg.Escalate, longest: cfg.Longest, room: maxOffenders},
	}
	if table.Count(LocalSource) > 0 {
		for d := range table.All() {
			if d.Source == LocalSource {
				l.holdLocked(&local{Decision: d, client: d.Prefix.Addr(), first: d.Since, inForce: true}) // no lock: l is not shared yet
			}
		}
	}
	return l
}

// An outcome is the consequence of an alert.
type outcome int

const (
	spared         outcome = iota // none, and no report
	noted                         // none, because it is about no single client and asks for no guard
	guarded                       // a guard
	reported                      // only reports
	alreadyDecided                // only reports, because an authority has already decided
	decided                       // a local decision
)

// meant returns the target of a.
func meant(a *event.Alert) (netip.Prefix, bool) {
	if p, ok := lookup.NormalizePrefix(a.Prefix); ok {
		return p, true
	}
	return lookup.NormalizePrefix(netip.PrefixFrom(a.Client, a.Client.BitLen()))
}

// judge returns the record of an alert, and its outcome: a guard of g, which it adds,
// or a decision, which the caller must apply with enforce.
func (l *locals) judge(a *event.Alert, g *guards, now time.Time) (Record, outcome) {
	r, f := Record{Time: now, Alert: *a}, noted
	p, ok := meant(a)
	// An exempt client can be one of many that attack a place, which still needs its
	// guard.
	if isGuard := ok && a.Remediation && a.Guard != event.NoGuard; !isGuard {
		r.Why = l.whySpared(p, a.Client)
	}
	switch {
	case r.Why != "":
		f = spared
	case a.Guard == event.NoGuard && !a.Reflected:
		r.Decision, f = l.decide(a, p, now)
	case a.Remediation:
		r.Decision, f = g.add(a, now), guarded
	}
	r.Spared, r.Guard = f == spared, f == guarded
	return r, f
}

func (l *locals) isAllowlisted(ip netip.Addr) bool {
	return slices.ContainsFunc(l.allow, func(a Allowlister) bool { return a.Allowlisted(ip) })
}

// decide returns the decision about p for a.
func (l *locals) decide(a *event.Alert, p netip.Prefix, now time.Time) (lookup.Decision, outcome) {
	if !a.Remediation {
		return lookup.Decision{}, reported
	}
	action, length := l.wish(a)
	d := lookup.Decision{
		Prefix: p, Action: action, Source: LocalSource, Origin: LocalOrigin,
		Reason: strings.Clone(a.Scenario[:min(len(a.Scenario), maxReason)]), Since: now,
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	again := l.goesOn(a, p, action, now)
	if again {
		d.Action = lookup.Ban
	}
	d.Until = now.Add(l.offenders.sentence(p, length, again, now))
	before := l.decidedBy(p)
	for _, r := range before {
		if settles(&r, &d) {
			return r, alreadyDecided
		}
	}
	first := now
	if was := l.lasting(holding{p, d.Action}, now); was != nil {
		first, before = was.first, was.before
		if was.Until.After(d.Until) {
			d.Until = was.Until
		}
	}
	l.holdLocked(&local{Decision: d, client: lookup.Normalize(a.Client), first: first, before: before})
	return d, decided
}

// run carries out orders, and applies the decisions of authorities and allowlists,
// until ctx ends.
func (l *locals) run(ctx context.Context) {
	defer close(l.ended)
	look := time.NewTimer(settling)
	defer look.Stop()
	looking := true // a check is due at the end of the timer
	for {
		select {
		case <-ctx.Done():
			l.carryOut(order{}) // carries out all waiting orders
			return
		case o := <-l.orders:
			l.carryOut(o)
		case now := <-look.C:
			l.settle(now)
			looking = false
		}
		if !looking && l.isHolding() {
			look.Reset(settling)
			looking = true
		}
	}
}
