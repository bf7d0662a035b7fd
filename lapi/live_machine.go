package lapi

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// Run keeps the server's allowlists up to date with the machine of the Config, and
// reports usage. It returns ctx's error when ctx ends, and no failure of the API ends
// it.
func (l *Live) Run(ctx context.Context) error {
	defer l.http.CloseIdleConnections()
	var wg sync.WaitGroup
	defer wg.Wait()
	if l.cfg.MetricsInterval > 0 && (l.cfg.Usage != nil || l.machine != nil) {
		wg.Go(func() { l.usageReporter().run(ctx) })
	}
	var a allowing
	for ctx.Err() == nil {
		var again <-chan time.Time
		if l.machine != nil {
			a.refresh(ctx, l.machine, &l.allowed, l.noteAllowlist)
			again = time.After(time.Until(a.next))
		}
		select {
		case <-ctx.Done():
		case <-l.wake:
		case <-again:
		}
	}
	return ctx.Err()
}

func (l *Live) noteAllowlist(change func(*Allowlist)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.stats.Allowlist)
}

// HasMachine reports whether there is a machine: allowlists are read only with one.
func (l *Live) HasMachine() bool { return l.machine != nil }

// Sync removes all kept answers, and makes Run read the allowlists at once. It does not
// wait.
func (l *Live) Sync() {
	l.cache.Purge()
	select {
	case l.wake <- struct{}{}:
	default: // a sync is requested already
	}
}

// usageReporter returns the reporter of l, which counts no decisions in force.
func (l *Live) usageReporter() *usageReporter {
	return &usageReporter{
		api: &l.api, name: l.cfg.Name, born: l.born, system: thisSystem(), interval: l.cfg.MetricsInterval,
		counted: l.cfg.Usage, machine: l.machine, ledger: newUsageLedger(l.born),
		note: func(err error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.stats.Usage.note(err)
		},
	}
}

// Allowlisted reports whether ip is on an allowlist of the server. Then no decision of
// the server applies to it. Without a machine in the Config, and before Run has read
// the lists, it returns false.
func (l *Live) Allowlisted(ip netip.Addr) bool {
	_, ok := l.allowed.Lookup(ip)
	return ok
}

// Unban makes CrowdSec end its decisions about exactly the target of d, like
// [Client.Unban], and then removes the kept answers about it.
func (l *Live) Unban(ctx context.Context, d lookup.Decision) (int, error) {
	n, err := l.machine.unban(ctx, d)
	if n > 0 {
		// Not earlier, because a request in progress could store the old answer again.
		l.Forget(d.Prefix)
	}
	return n, err
}
