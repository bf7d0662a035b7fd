package lapi

import (
	"context"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// Run keeps the allowlists of the server current until ctx ends, and returns
// ctx's error. It survives every failure of the API. Without a machine in the
// Config there is nothing to do, and it only waits.
func (l *Live) Run(ctx context.Context) error {
	if l.machine == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	defer l.http.CloseIdleConnections()
	var a allowing
	for ctx.Err() == nil {
		a.refresh(ctx, l.machine, &l.allowed, func(change func(*Allowlist)) {
			l.mu.Lock()
			defer l.mu.Unlock()
			change(&l.stats.Allowlist)
		})
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(a.next)):
		}
	}
	return ctx.Err()
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
