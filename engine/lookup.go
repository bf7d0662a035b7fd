package engine

import (
	"context"
	"net/netip"
	"slices"

	"github.com/tocsin-project/tocsin/lookup"
)

// NAT64 returns what knows the translators: nil if there is the well-known one only.
func (e *Engine) NAT64() *lookup.NAT64 { return e.nat64 }

// Normalize returns ip as e sees it: see [lookup.NAT64.Normalize].
func (e *Engine) Normalize(ip netip.Addr) netip.Addr { return e.nat64.Normalize(ip) }

// Lookup returns the decision in force for ip, and whether there is one: the
// strongest of what the table has about its address, what it has about its
// country and autonomous system, and what live sources say. Without live
// sources it does not block and does not allocate, but for a client on an
// allowlist of a source whose decision would win. About an address of this machine
// only what is decided here counts.
func (e *Engine) Lookup(ctx context.Context, ip netip.Addr) (lookup.Decision, bool) {
	ip = e.nat64.Normalize(ip)
	d, ok := e.LookupHeld(ip)
	if len(e.live) == 0 {
		return d, ok
	}
	return e.askLive(ctx, ip, d)
}

// LookupHeld is [Engine.Lookup] without the live sources. It never blocks.
func (e *Engine) LookupHeld(ip netip.Addr) (lookup.Decision, bool) {
	ip = e.nat64.Normalize(ip)
	d, ok := e.lookupTable(ip)
	if ok && d.Action == lookup.Ban {
		return d, ok
	}
	d = e.lookAround(ip, d)
	return d, d.Action != lookup.None
}

// lookupTable returns what is decided about the address.
func (e *Engine) lookupTable(ip netip.Addr) (lookup.Decision, bool) {
	d, ok := e.table.Lookup(ip)
	if ok && e.isAllowlisted(&d, ip) {
		return first(e.without(e.table.Covering(ip), ip))
	}
	return d, ok
}

// lookAround returns the stronger one of d and of what is decided about where ip is.
func (e *Engine) lookAround(ip netip.Addr, d lookup.Decision) lookup.Decision {
	if e.locate == nil || !e.table.Places() {
		return d
	}
	country, as := e.locate(ip)
	at, ok := e.table.LookupPlace(country, as)
	if ok && e.isAllowlisted(&at, ip) {
		at, ok = first(e.without(e.table.CoveringPlace(country, as), ip))
	}
	if ok {
		return d.With(at)
	}
	return d
}

// askLive returns the strongest one of d and of what live sources say, and asks no
// further where none can be stronger.
func (e *Engine) askLive(ctx context.Context, ip netip.Addr, d lookup.Decision) (lookup.Decision, bool) {
	for _, l := range e.live {
		if d.Action == lookup.Ban {
			break
		}
		if said, ok := l.Lookup(ctx, ip); ok && said.Action >= d.Action && !e.spareOwn(&said, ip) {
			d = d.With(said)
		}
	}
	return d, d.Action != lookup.None
}

// Covering returns every decision of the table that is to be enforced against ip,
// about its address and about where it is, the one that wins first.
func (e *Engine) Covering(ip netip.Addr) []lookup.Decision {
	ip = e.nat64.Normalize(ip)
	all := e.without(e.table.Covering(ip), ip)
	if e.locate == nil || !e.table.Places() {
		return all
	}
	all = append(all, e.without(e.table.CoveringPlace(e.locate(ip)), ip)...)
	slices.SortStableFunc(all, func(a, b lookup.Decision) int {
		switch {
		case a.Beats(&b):
			return -1
		case b.Beats(&a):
			return 1
		}
		return 0
	})
	return all
}

// Unban takes back what all sources have said about the very target of d, at
// once, ends the guards on that network or client, and returns how many decisions
// and guards there were. Decisions about more than that, such as a range around an
// address, stay. A source that holds to a decision announces it again when it is
// next read in full.
func (e *Engine) Unban(d lookup.Decision) int {
	n := e.table.Forget(d)
	if p, ok := lookup.NormalizePrefix(d.Prefix); ok {
		for _, l := range e.live {
			l.Forget(p)
		}
		n += e.guards.removeAbout(p)
	}
	return n
}

// A renewer can be asked to read everything anew now. It does not wait.
type renewer interface{ Sync() }

// Sync asks every source that can to read everything anew now, live ones too.
func (e *Engine) Sync() {
	for _, s := range e.sources {
		if now, ok := s.(renewer); ok {
			now.Sync()
		}
	}
	for _, l := range e.live {
		if now, ok := l.(renewer); ok {
			now.Sync()
		}
	}
}
