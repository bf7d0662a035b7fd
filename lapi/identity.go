package lapi

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/tocsin-project/tocsin/internal/wire"
	"github.com/tocsin-project/tocsin/lookup"
)

// An identity identifies a decision of one source in the table.
type identity struct {
	prefix  netip.Prefix
	as      uint32
	country [2]byte // zero: none
	action  lookup.Action
}

func identityOf(d *lookup.Decision) identity {
	at := identity{prefix: d.Prefix, as: d.AS, action: d.Action}
	copy(at.country[:], d.Country)
	return at
}

// decision returns a decision with only this identity.
func (at *identity) decision() lookup.Decision {
	d := lookup.Decision{Prefix: at.prefix, AS: at.as, Action: at.action}
	if at.country != [2]byte{} {
		d.Country = string(at.country[:])
	}
	return d
}

// holding returns this source's decision in force with this identity.
func (f *follower) holding(at identity) (lookup.Decision, bool) {
	var all []lookup.Decision
	if at.prefix.IsValid() {
		ip := at.prefix.Addr()
		if _, ok := f.table.Lookup(ip); !ok {
			return lookup.Decision{}, false // the common case, which costs almost nothing
		}
		all = f.table.Covering(ip)
	} else {
		place := at.decision()
		all = f.table.CoveringPlace(place.Country, place.AS)
	}
	for i := range all {
		if all[i].Source == f.cfg.Name && identityOf(&all[i]) == at {
			return all[i], true
		}
	}
	return lookup.Decision{}, false
}

// holds reports whether such a decision is in force.
func (f *follower) holds(at identity) bool {
	_, ok := f.holding(at)
	return ok
}

// holdsLonger reports whether such a decision is in force longer than until.
func (f *follower) holdsLonger(at identity, until time.Time) bool {
	d, ok := f.holding(at)
	return ok && (d.Until.IsZero() || d.Until.After(until))
}

// isUsual reports whether r has the usual spelling for d.
func isUsual(r *wire.Row, d *lookup.Decision) bool {
	if r.Type != d.Action.String() {
		return false
	}
	var buf [64]byte
	value, scope := buf[:0], "Range"
	switch p := d.Prefix; {
	case d.Country != "":
		value, scope = append(value, d.Country...), "Country"
	case d.AS != 0:
		value, scope = strconv.AppendUint(value, uint64(d.AS), 10), "AS"
	case p.IsSingleIP():
		value, scope = p.Addr().AppendTo(value), "Ip"
	default:
		value = p.AppendTo(value)
	}
	return string(r.Value) == string(value) && r.Scope == scope
}
