package lapi

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// Run keeps the allowlists of the server current, as the machine of the Config, and
// reports usage, until ctx ends, and returns ctx's error. It survives every failure of
// the API.
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

// HasMachine reports whether there is a machine, and so whether allowlists are read.
func (l *Live) HasMachine() bool { return l.machine != nil }

// Sync forgets all answers, and makes a Run under way read the allowlists at once. It
// does not wait.
func (l *Live) Sync() {
	l.cache.Purge()
	select {
	case l.wake <- struct{}{}:
	default: // it is asked for already
	}
}

// usageReporter returns what tells of l. It holds no decisions to count.
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

// Allowlisted reports whether an allowlist of the server has ip, so that no
// decision of the server is enforced against it. Without a machine in the Config,
// and before Run has read the lists, nobody is on one.
func (l *Live) Allowlisted(ip netip.Addr) bool {
	_, ok := l.allowed.Lookup(ip)
	return ok
}

// Unban makes CrowdSec end its decisions about the very target of d, as
// [Client.Unban] does, and then forgets what was remembered about it.
func (l *Live) Unban(ctx context.Context, d lookup.Decision) (int, error) {
	n, err := l.machine.unban(ctx, d)
	if n > 0 {
		// Not before: a request under way would have it remembered again.
		l.Forget(d.Prefix)
	}
	return n, err
}
