package engine

import (
	"net/netip"
	"slices"

	"github.com/tocsin-project/tocsin/lookup"
)

// An Allowlister is a source that may have clients whom none of its decisions is
// to be enforced against. It leaves decisions about nobody else out of the table
// by itself; what the engine has to ask about are those about more than that, such
// as a range around a client. Client and Live of package lapi are such.
type Allowlister interface {
	// Name is what the source's decisions are filed under.
	Name() string
	// Allowlisted reports whether ip is on a list. It stands in front of a
	// request that would be stopped, so it does not block.
	Allowlisted(ip netip.Addr) bool
}

// Allowlisted returns the names of the sources that have ip on an allowlist.
func (e *Engine) Allowlisted(ip netip.Addr) []string {
	var names []string
	for _, a := range e.allowlists {
		if a.Allowlisted(ip) {
			names = append(names, a.Name())
		}
	}
	return names
}

// isAllowlisted reports whether the source of d has ip on an allowlist. What is
// decided here, about a network perhaps, yields to all of them. The addresses of this
// machine are on the list of every source.
func (e *Engine) isAllowlisted(d *lookup.Decision, ip netip.Addr) bool {
	if e.spareOwn(d, ip) {
		return true
	}
	for _, a := range e.allowlists {
		if (a.Name() == d.Source || d.Source == LocalSource) && a.Allowlisted(ip) {
			return true
		}
	}
	return false
}

// without returns all but what allowlists forbid to enforce against ip.
func (e *Engine) without(all []lookup.Decision, ip netip.Addr) []lookup.Decision {
	return slices.DeleteFunc(all, func(d lookup.Decision) bool { return e.isAllowlisted(&d, ip) })
}

// first returns the first of all, and whether there is one.
func first(all []lookup.Decision) (lookup.Decision, bool) {
	if len(all) == 0 {
		return lookup.Decision{}, false
	}
	best := all[0]
	for _, d := range all[1:] {
		best = best.With(d)
	}
	return best, true
}

// allowlists returns the sources that are allowlisters.
func (cfg Config) allowlists() []Allowlister {
	var all []Allowlister
	for _, s := range cfg.Sources {
		if a, ok := s.(Allowlister); ok {
			all = append(all, a)
		}
	}
	for _, l := range cfg.Live {
		if a, ok := l.(Allowlister); ok {
			all = append(all, a)
		}
	}
	return all
}
