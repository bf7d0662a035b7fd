package lapi

import (
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/internal/wire"
	"github.com/tocsin-project/tocsin/lookup"
)

// take returns the decision of a row, if it applies to ip.
func (l *Live) take(r *wire.Row, ip netip.Addr, now time.Time, rows *Rows) (lookup.Decision, bool) {
	d, _, ok := l.reader.decision(r, rows)
	if !ok {
		return d, false
	}
	if !d.Prefix.Contains(ip) { // the question was about ip
		l.reader.malformed(r, rows)
		return d, false
	}
	if !l.filter.match(r, d.Origin) {
		rows.Filtered++
		return d, false
	}
	if l.cfg.Coverage < 1 && lookup.Share(d.Prefix) > l.cfg.Coverage/widestLive {
		rows.TooWide++
		l.reader.name("a range is not enforced, because it covers too many addresses: raise the option coverage if you want that", "wide", r)
		return d, false
	}
	d.Until, ok = l.reader.end(r, now, rows)
	d.Source = l.cfg.Name
	return d, ok
}
