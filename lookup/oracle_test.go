package lookup

import (
	"net/netip"
	"time"
)

// oracle does what a Table does, slowly and plainly: it is the specification
// in code. It holds at most one decision for each source, prefix and action.
type oracle map[identity]Decision

type identity struct {
	source string
	prefix netip.Prefix
	action Action
}

func (o oracle) lookup(ip netip.Addr, now time.Time) (best Decision, found bool) {
	for _, d := range o {
		if !d.Prefix.Contains(ip) || ended(d, now) {
			continue
		}
		if !found || d.Action > best.Action || d.Action == best.Action && later(d.Until, best.Until) {
			best, found = d, true
		}
	}
	return best, found
}

func (o oracle) update(source string, add, remove []Decision, now time.Time) {
	for _, d := range remove {
		delete(o, identity{source, d.Prefix, d.Action})
	}
	said := map[identity]Decision{}
	for _, d := range add {
		id := identity{source, d.Prefix, d.Action}
		if twin, ok := said[id]; !ok || later(d.Until, twin.Until) {
			said[id] = d
		}
	}
	for id, d := range said {
		d.Source, d.Since = source, now
		if old, ok := o[id]; ok && !ended(old, now) {
			d.Since = old.Since
		}
		if ended(d, now) {
			delete(o, id)
		} else {
			o[id] = d
		}
	}
}

func (o oracle) replace(source string, all []Decision, now time.Time) {
	said := map[identity]bool{}
	for _, d := range all {
		said[identity{source, d.Prefix, d.Action}] = true
	}
	for id := range o {
		if id.source == source && !said[id] {
			delete(o, id)
		}
	}
	o.update(source, all, nil, now)
}

func (o oracle) expire(now time.Time) {
	for id, d := range o {
		if ended(d, now) {
			delete(o, id)
		}
	}
}

func ended(d Decision, now time.Time) bool {
	return !d.Until.IsZero() && !d.Until.After(now)
}

func later(a, b time.Time) bool {
	return !b.IsZero() && (a.IsZero() || a.After(b))
}
