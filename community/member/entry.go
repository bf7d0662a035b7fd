package member

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/community/protocol"
	"github.com/tocsin-project/tocsin/consensus"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// origin is the origin of decisions of the main list. For an optional list, a colon and the
// list's name follow.
const origin = "community"

const (
	maxLasting = 168 * time.Hour // of an entry, from now
	maxReason  = 64              // bytes of a behaviour
	bits4      = 32              // of a unit
	bits6      = 64
)

// A fault is a mistake in an entry.
type fault int

const (
	notAUnit  fault = iota // a range, or not an address
	notPublic              // see consensus.Listable
	noAction               // neither ban, captcha nor none
	tooLong                // longer than a week: shortened
	leftOut                // beyond Config.Size
	faultKinds
)

// faults counts the faults of one answer.
type faults struct {
	number  [faultKinds]uint64
	example string // an entry with a fault
}

func (f *faults) note(kind fault, e *protocol.Entry) {
	f.number[kind]++
	if f.example == "" {
		f.example = fmt.Sprintf("%.64q %.16q until %s", e.Prefix, e.Action, e.Until.Format(time.RFC3339))
	}
}

func (f *faults) sum() (n uint64) {
	for _, one := range f.number {
		n += one
	}
	return n
}

// fields returns the counts for the log.
func (f *faults) fields() []zap.Field {
	return []zap.Field{
		zap.Uint64("not_a_unit", f.number[notAUnit]), zap.Uint64("not_public", f.number[notPublic]),
		zap.Uint64("unknown_action", f.number[noAction]), zap.Uint64("cut_to_a_week", f.number[tooLong]),
		zap.Uint64("too_many", f.number[leftOut]), zap.String("example", f.example),
	}
}

// A checker checks the entries of an answer.
type checker struct {
	lists []string // the optional lists to enforce
	size  int
}

// check returns the change in an entry, and whether a community may make it.
func (k *checker) check(e *protocol.Entry, now time.Time, f *faults) (change, bool) {
	unit, ok := parseUnit(e.Prefix)
	if !ok {
		f.note(notAUnit, e)
		return change{}, false
	}
	if !consensus.Listable(unit) {
		f.note(notPublic, e)
		return change{}, false
	}
	gone := change{lookup.Decision{Prefix: unit}}
	if e.List != "" && !slices.Contains(k.lists, e.List) {
		return gone, true // it may have been on the main list before
	}
	action, ok := actionOf(e.Action)
	if !ok {
		f.note(noAction, e)
		return change{}, false
	}
	if action == lookup.None || !e.Until.After(now) {
		return gone, true
	}
	until := e.Until
	if most := now.Add(maxLasting); until.After(most.Add(slack)) {
		f.note(tooLong, e)
		until = most
	}
	from := origin
	if e.List != "" {
		from += ":" + e.List
	}
	return change{lookup.Decision{Prefix: unit, Action: action, Origin: from, Reason: cleanBehaviour(e.Behaviour), Until: until}}, true
}

// slack is the allowed difference between the clocks of two servers.
const slack = time.Hour

// actionOf reads an action that a community may use.
func actionOf(s string) (lookup.Action, bool) {
	switch s {
	case "ban":
		return lookup.Ban, true
	case "captcha":
		return lookup.Captcha, true
	case "none":
		return lookup.None, true
	}
	return lookup.None, false
}

// parseUnit reads an IPv4 address or a /64 of IPv6.
func parseUnit(s string) (netip.Prefix, bool) {
	p, err := lookup.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	if p.Addr().Is4() {
		return p, p.Bits() == bits4
	}
	return p, p.Bits() == bits6
}

// unitOf returns the unit of an address.
func unitOf(ip netip.Addr) netip.Prefix { return lookup.Network(lookup.Normalize(ip), bits4, bits6) }

// cleanBehaviour returns a behaviour, such as http:bruteforce, or another short word.
func cleanBehaviour(s string) string {
	if s == "" || len(s) > maxReason {
		return origin
	}
	for _, r := range s {
		if r <= ' ' || r > '~' {
			return origin
		}
	}
	return s
}
