package engine

import (
	"context"
	"net/netip"
	"slices"

	"github.com/tocsin-project/tocsin/lookup"
)

// NAT64 returns the prefixes of local translators, or nil if there is only the
// well-known one.
func (e *Engine) NAT64() *lookup.NAT64 { return e.nat64 }

// Normalize returns the normalized ip: see [lookup.NAT64.Normalize].
func (e *Engine) Normalize(ip netip.Addr) netip.Addr { return e.nat64.Normalize(ip) }

// Lookup returns the decision in force for ip, and whether there is one: the strongest
// of those about its address, its country and its autonomous system, and of the live
// sources. Without live sources it does not block. It allocates only for a client on an
// allowlist of the source whose decision would win. For an address of this machine only
// local decisions count.
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

// lookupTable returns the decision about the address.
func (e *Engine) lookupTable(ip netip.Addr) (lookup.Decision, bool) {
	d, ok := e.table.Lookup(ip)
	if ok && e.isAllowlisted(&d, ip) {
		return first(e.without(e.table.Covering(ip), ip))
	}
	return d, ok
}

// lookAround returns the strongest of d and the decisions about the country and
// autonomous system of ip.
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

// askLive returns the strongest of d and the decisions of live sources. It stops asking
// when none can be stronger.
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

// Covering returns all decisions of the table that apply to ip, about its address and
// its place. The winning one comes first.
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

// Unban removes the decisions of all sources about exactly the target of d at once,
// ends the guards on that network or client, and returns the number of decisions and
// guards. Wider decisions, such as a range around an address, stay. A source that still
// has a decision announces it again when it is next read in full.
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

// A renewer can read everything again on request. Sync does not wait.
type renewer interface{ Sync() }

// Sync makes all sources that can do so read everything again now, including live ones.
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
