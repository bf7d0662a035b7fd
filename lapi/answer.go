package lapi

import (
	"net/netip"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/internal/wire"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

const (
	maxNamed  = 64   // oddities that are named in the log
	maxLabels = 1024 // lists whose origin is kept at hand
)

// An answer is what one pull brings, before it is put into force.
type answer struct {
	f         *follower
	full      bool
	batch     *lookup.Batch
	rows      Rows
	twins     twins // of a full answer
	explained int   // decisions in force that a full answer says have been deleted
}

func (f *follower) newAnswer(full bool) *answer {
	a := &answer{f: f, full: full, batch: f.table.Batch(f.cfg.Name), twins: f.twins}
	if full {
		a.twins = twins{}
	}
	return a
}

// take adds a row that was received at now.
func (a *answer) take(r *wire.Row, now time.Time) {
	a.rows.Read++
	if r.Simulated {
		a.rows.Simulated++
		return
	}
	prefix, err := r.Prefix()
	if err != nil {
		a.rows.NotAddress++
		a.f.name("values of this scope are not enforced", scopeKind(r.Scope), r)
		return
	}
	if r.Long {
		a.malformed(r)
		return
	}
	action, known := a.action(r)
	at := place{prefix, action}
	odd := !known || isOddlySpelled(r.Value, prefix)
	switch {
	case r.Section == wire.New:
		a.add(r, at, odd, now)
	case !a.full:
		a.remove(at, odd)
	case a.f.holds(at):
		a.explained++
	}
}

// add announces a decision, if it has not ended yet.
func (a *answer) add(r *wire.Row, at place, odd bool, now time.Time) {
	left, err := r.Left()
	if err != nil {
		a.malformed(r)
		return
	}
	if left <= 0 {
		return
	}
	until := now.Add(left)
	if odd {
		a.twins.add(at)
	}
	if !a.full && a.twins.has(at) && a.f.holdsLonger(at, until) {
		a.f.doubt()
		return
	}
	a.batch.Add(lookup.Decision{
		Prefix: at.prefix, Action: at.action, Origin: a.origin(r), Reason: r.Scenario, Until: until,
	})
}

// remove takes back a decision of a delta. Where there may be another of the
// same action, under another spelling of the value or under another type, the
// strict side is to keep it and to ask.
func (a *answer) remove(at place, odd bool) {
	if !odd && !a.twins.has(at) {
		a.batch.Remove(lookup.Decision{Prefix: at.prefix, Action: at.action})
	} else if a.f.holds(at) {
		a.f.doubt()
	}
}

// action returns what r asks for, and whether that is what its type says.
func (a *answer) action(r *wire.Row) (lookup.Action, bool) {
	action, err := lookup.ParseAction(r.Type)
	if err == nil && action != lookup.None {
		return action, true
	}
	a.rows.UnknownType++
	a.f.name("decisions of an unknown type: the fallback stands in", "type "+r.Type, r)
	return a.f.cfg.Fallback, false
}

// origin returns the origin of r by the convention of CrowdSec's metrics, in
// which a list has its name in it.
func (a *answer) origin(r *wire.Row) string {
	if r.Origin != "lists" {
		return r.Origin
	}
	label, ok := a.f.labels[r.Scenario]
	if !ok {
		if len(a.f.labels) >= maxLabels {
			clear(a.f.labels)
		}
		label = "lists:" + r.Scenario
		a.f.labels[r.Scenario] = label
	}
	return label
}

func (a *answer) malformed(r *wire.Row) {
	a.rows.Malformed++
	a.f.name("decisions that can't be read are left out", "malformed", r)
}

// name logs an oddity, unless one of its kind was logged in this run.
func (f *follower) name(what, kind string, r *wire.Row) {
	if f.named[kind] || len(f.named) >= maxNamed {
		return
	}
	f.named[kind] = true
	f.log.Warn(what, zap.String("scope", r.Scope), zap.String("type", r.Type),
		zap.String("value", string(r.Value)), zap.String("duration", string(r.Duration)),
		zap.String("origin", r.Origin), zap.String("scenario", r.Scenario))
}

// scopeKind returns what an oddity of a scope is named by: the scopes that
// CrowdSec knows, or one name for all others, of which there is no end.
func scopeKind(scope string) string {
	switch s := strings.ToLower(scope); s {
	case "ip", "range", "country", "as":
		return "scope " + s
	}
	return "scope other"
}

// A place is what the table tells the decisions of one source by.
type place struct {
	prefix netip.Prefix
	action lookup.Action
}

// twins holds the places of decisions with an odd spelling. The API tells
// decisions by value and type as they are spelled, so that 192.0.2.1 and
// 192.0.2.1/32, or a ban and an unknown type whose fallback is a ban, live and
// die apart on its side, but share one place in the table.
type twins map[place]struct{}

// maxTwins bounds twins. Beyond it a deletion takes both.
const maxTwins = 1 << 16

func (t twins) add(at place) {
	if len(t) < maxTwins {
		t[at] = struct{}{}
	}
}

func (t twins) has(at place) bool {
	_, ok := t[at]
	return ok
}

// isOddlySpelled reports whether value is another than the usual spelling of p.
func isOddlySpelled(value []byte, p netip.Prefix) bool {
	var buf [64]byte
	usual := p.AppendTo(buf[:0])
	if p.IsSingleIP() {
		usual = p.Addr().AppendTo(buf[:0])
	}
	return string(value) != string(usual)
}
