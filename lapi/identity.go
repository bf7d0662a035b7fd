package lapi

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/tocsin-project/tocsin/internal/wire"
	"github.com/tocsin-project/tocsin/lookup"
)

// An identity is what the table tells the decisions of one source by.
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

// decision returns a decision with this identity and nothing else.
func (at *identity) decision() lookup.Decision {
	d := lookup.Decision{Prefix: at.prefix, AS: at.as, Action: at.action}
	if at.country != [2]byte{} {
		d.Country = string(at.country[:])
	}
	return d
}

// holding returns the decision of this source in force at an identity.
func (f *follower) holding(at identity) (lookup.Decision, bool) {
	var all []lookup.Decision
	if at.prefix.IsValid() {
		ip := at.prefix.Addr()
		if _, ok := f.table.Lookup(ip); !ok {
			return lookup.Decision{}, false // the common case, and free of charge
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

// holds reports whether a decision of this source is in force there.
func (f *follower) holds(at identity) bool {
	_, ok := f.holding(at)
	return ok
}

// holdsLonger reports whether one is in force there beyond until.
func (f *follower) holdsLonger(at identity, until time.Time) bool {
	d, ok := f.holding(at)
	return ok && (d.Until.IsZero() || d.Until.After(until))
}

// twins holds the identities of decisions with an odd spelling. The API tells
// decisions by value, type and scope as they are spelled, so that 192.0.2.1 and
// 192.0.2.1/32, a ban and a Ban or an unknown type whose fallback is a ban, and a
// range of scope Range and of scope Ip, which lists have, live and die apart on
// its side, but are one decision in the table.
type twins map[identity]struct{}

// maxTwins bounds twins. Beyond it a deletion takes both.
const maxTwins = 1 << 16

func (t twins) add(at identity) {
	if len(t) < maxTwins {
		t[at] = struct{}{}
	}
}

func (t twins) has(at identity) bool {
	_, ok := t[at]
	return ok
}

// isUsual reports whether r is spelled as most rows are that tell of d.
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
