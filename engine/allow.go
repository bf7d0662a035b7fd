package engine

import (
	"net/netip"
	"slices"

	"github.com/tocsin-project/tocsin/lookup"
)

// An Allowlister is a source with an allowlist: its decisions do not apply to the
// clients on it. The source itself leaves out decisions about allowlisted targets. The
// engine asks it about wider decisions, such as a range around a client. Client and
// Live of package lapi implement it.
type Allowlister interface {
	// Name is the name of the source in its decisions.
	Name() string
	// Allowlisted reports whether ip is on a list. It must not block, because requests
	// wait for it.
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

// isAllowlisted reports whether the source of d has ip on an allowlist. For local
// decisions, which may be about a network, the allowlists of all sources count. The
// addresses of this machine are on the list of every source.
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

// without returns the decisions that no allowlist lifts for ip.
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
