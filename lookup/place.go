package lookup

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
)

// The table stores decisions about a country or an autonomous system under special
// addresses, so that they are stored, replaced, expired and saved like all others. The
// addresses are in ff00::/16, multicast with the reserved scope 0, which is never used
// (RFC 4291, section 2.7): no client has one.
const (
	placeFirst   = 0xff00 // first two bytes of an address that stands for a place
	placeCountry = 1      // third byte of an address that stands for a country
	placeAS      = 2      // and of one that stands for an autonomous system
)

// countryPrefix returns the prefix for a country, and whether code is valid: two
// letters (ISO 3166-1), in any case.
func countryPrefix(code string) (netip.Prefix, bool) {
	if len(code) != 2 {
		return netip.Prefix{}, false
	}
	a := [16]byte{0: 0xff, 2: placeCountry}
	for i := range 2 {
		c := code[i] &^ ('a' - 'A')
		if c < 'A' || c > 'Z' {
			return netip.Prefix{}, false
		}
		a[14+i] = c
	}
	return hostPrefix(netip.AddrFrom16(a)), true
}

// asPrefix returns the prefix for an autonomous system. Number 0 is invalid (RFC 7607).
func asPrefix(number uint32) (netip.Prefix, bool) {
	a := [16]byte{0: 0xff, 2: placeAS}
	binary.BigEndian.PutUint32(a[12:], number)
	return hostPrefix(netip.AddrFrom16(a)), number != 0
}

// isPlace reports whether p stands for a country or an autonomous system.
func isPlace(p netip.Prefix) bool {
	if !p.IsSingleIP() || !p.Addr().Is6() {
		return false
	}
	a := p.Addr().As16()
	return a[0] == 0xff && a[1] == 0 && (a[2] == placeCountry || a[2] == placeAS)
}

// place returns the country or the autonomous system that p stands for.
func place(p netip.Prefix) (country string, as uint32) {
	if !isPlace(p) {
		return "", 0
	}
	a := p.Addr().As16()
	if a[2] == placeCountry {
		return string(a[14:]), 0
	}
	return "", binary.BigEndian.Uint32(a[12:])
}

// target returns the prefix under which d is stored, and whether d has a target.
func (d *Decision) target() (netip.Prefix, bool) {
	switch {
	case d.Country != "":
		return countryPrefix(d.Country)
	case d.AS != 0:
		return asPrefix(d.AS)
	}
	p, ok := NormalizePrefix(d.Prefix)
	return p, ok && !isPlace(p)
}

// Target returns the target of d in CrowdSec's form: an address, a range, a country
// code or the number of an autonomous system.
func (d *Decision) Target() string { return string(d.AppendTarget(nil)) }

// AppendTarget appends the Target of d to b.
func (d *Decision) AppendTarget(b []byte) []byte {
	p, ok := d.target()
	switch {
	case !ok:
		return b
	case d.Country != "":
		return append(b, strings.ToUpper(d.Country)...)
	case d.AS != 0:
		return strconv.AppendUint(b, uint64(d.AS), 10)
	case p.IsSingleIP():
		return p.Addr().AppendTo(b)
	}
	return p.AppendTo(b)
}

// Beats reports whether d wins over other if both are in force: the stronger action
// wins, and among equals the later end. No end is the latest.
func (d *Decision) Beats(other *Decision) bool {
	if d.Action != other.Action {
		return d.Action > other.Action
	}
	return compareEnds(d.Until, other.Until) > 0
}

// With returns the winner of d and other if both are in force. If they have the same
// action, it has the later start: a challenge that was solved for the first decision
// does not count for the second.
func (d Decision) With(other Decision) Decision {
	best := d
	if other.Beats(&d) {
		best = other
	}
	if d.Action == other.Action && other.Since.After(d.Since) {
		best.Since = other.Since
	} else if d.Action == other.Action {
		best.Since = d.Since
	}
	return best
}

// Places reports whether there may be decisions about countries or autonomous systems,
// so that the place of a client matters.
func (t *Table) Places() bool {
	s := t.cur.Load()
	return s != nil && s.places
}

// LookupPlace returns the strongest decision in force about a country (by its code) or
// an autonomous system (by its number), and whether there is one. The empty code and
// number 0 have none.
func (t *Table) LookupPlace(country string, as uint32) (Decision, bool) {
	s := t.cur.Load()
	if s == nil || !s.places {
		return Decision{}, false
	}
	var best winner
	if p, ok := countryPrefix(country); ok {
		best.find(s, p)
	}
	if p, ok := asPrefix(as); ok {
		best.find(s, p)
	}
	return best.decision(s)
}

// CoveringPlace returns all decisions in force about the country or the autonomous
// system. The winning one comes first.
func (t *Table) CoveringPlace(country string, as uint32) []Decision {
	s := t.cur.Load()
	if s == nil || !s.places {
		return nil
	}
	var all []Decision
	now := s.epoch.now()
	add := func(p netip.Prefix, ok bool) {
		if !ok {
			return
		}
		for r := range s.records(p) {
			if r.until > now {
				all = append(all, s.decision(p, r))
			}
		}
	}
	add(countryPrefix(country))
	add(asPrefix(as))
	sortStrongest(all)
	return all
}
