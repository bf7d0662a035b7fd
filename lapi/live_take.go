package lapi

import (
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/internal/wire"
	"github.com/tocsin-project/tocsin/lookup"
)

// take returns the decision of a row that was received at now, if it is to be
// enforced against ip.
func (l *Live) take(r *wire.Row, ip netip.Addr, now time.Time, rows *Rows) (lookup.Decision, bool) {
	d, _, ok := l.reader.decision(r, rows)
	if !ok {
		return d, false
	}
	if !d.Prefix.Contains(ip) { // which is not what was asked
		l.reader.malformed(r, rows)
		return d, false
	}
	if !l.filter.match(r, d.Origin) {
		rows.Filtered++
		return d, false
	}
	if l.cfg.Coverage < 1 && lookup.Share(d.Prefix) > l.cfg.Coverage/widestLive {
		rows.TooWide++
		l.reader.name("a range covers too many addresses to be enforced: allow it with the option coverage if that is meant", "wide", r)
		return d, false
	}
	d.Until, ok = l.reader.end(r, now, rows)
	d.Source = l.cfg.Name
	return d, ok
}
