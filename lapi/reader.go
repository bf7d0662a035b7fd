package lapi

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/internal/wire"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

const (
	maxNamed   = 64       // oddities that are named in the log
	maxLabels  = 1024     // lists whose origin is kept at hand
	listOrigin = "lists:" // before the name of a list
)

// A reader makes decisions out of rows. It counts the odd ones, and names the
// first of each kind in the log. Without a map of labels it is for many
// goroutines.
type reader struct {
	fallback lookup.Action
	labels   map[string]string // list: its origin as the table has it; nil: not kept
	log      *zap.Logger
	bits     func() (v4, v6 int) // that the log may have of addresses; nil: all

	mu    sync.Mutex
	named map[string]bool // oddities that stand in the log
}

// decision returns the decision that r is about, but for its end, and whether it
// is spelled as usual: see twins. It reports whether r is to be enforced at all.
func (rd *reader) decision(r *wire.Row, count *Rows) (d lookup.Decision, usual, ok bool) {
	count.Read++
	if r.Simulated {
		count.Simulated++
		return d, false, false
	}
	if !setTarget(&d, r) {
		count.OtherScope++
		rd.name("values of this scope are not enforced", scopeKind(r.Scope), r)
		return d, false, false
	}
	if r.Long {
		rd.malformed(r, count)
		return d, false, false
	}
	if saysLetIn(r.Type) {
		count.LetIn++
		rd.name("decisions of a type that lets clients in ban nobody, and exempt nobody: for that there are allowlists, and the option allow", "let in", r)
		return d, false, false
	}
	action, err := lookup.ParseAction(r.Type)
	if err != nil || action == lookup.None {
		count.UnknownType++
		rd.name("decisions of an unknown type: the fallback stands in", "type "+r.Type, r)
		action = rd.fallback
	}
	d.Action, d.Origin, d.Reason = action, rd.origin(r), r.Scenario
	return d, isUsual(r, &d), true
}

// letIn are the types that say to let a client in, in small letters and without
// what separates words.
var letIn = [...]string{
	"accept", "accepted", "allow", "allowed", "allowlist", "allowlisted", "bypass", "bypassed", "exempt", "pass", "passthrough",
	"permit", "permitted", "safelist", "trust", "trusted", "whitelist", "whitelisted",
}

// saysLetIn reports whether a type of decisions says to let the client in, however
// it is spelled: "Allow", "white-list".
func saysLetIn(kind string) bool {
	bare := strings.Map(func(c rune) rune {
		switch {
		case 'A' <= c && c <= 'Z':
			return c + 'a' - 'A'
		case c == '-', c == '_', c == '.', c <= ' ':
			return -1
		}
		return c
	}, kind)
	return slices.Contains(letIn[:], bare)
}

// setTarget makes d a decision about what r is about: an address or a range if
// the value reads like one, whatever the scope says.
func setTarget(d *lookup.Decision, r *wire.Row) bool {
	prefix, err := r.Prefix()
	if err == nil {
		d.Prefix = prefix
		return true
	}
	var ok bool
	d.Country, d.AS, ok = r.Place()
	return ok
}

// end returns when the decision of r ends that was received at now, and whether
// that is ahead.
func (rd *reader) end(r *wire.Row, now time.Time, count *Rows) (time.Time, bool) {
	left, err := r.Left()
	if err != nil {
		rd.malformed(r, count)
		return time.Time{}, false
	}
	return now.Add(left), left > 0
}

// origin returns the origin of r by the convention of CrowdSec's metrics, in
// which a list has its name in it.
func (rd *reader) origin(r *wire.Row) string {
	if r.Origin != "lists" {
		return r.Origin
	}
	label, ok := rd.labels[r.Scenario]
	if ok {
		return label
	}
	label = listOrigin + r.Scenario
	if rd.labels != nil {
		if len(rd.labels) >= maxLabels {
			clear(rd.labels)
		}
		rd.labels[r.Scenario] = label
	}
	return label
}

func (rd *reader) malformed(r *wire.Row, count *Rows) {
	count.Malformed++
	rd.name("decisions that can't be read are left out", "malformed", r)
}

// name logs an oddity, unless one of its kind has been logged.
func (rd *reader) name(what, kind string, r *wire.Row) {
	if !rd.isFirst(kind) {
		return
	}
	rd.log.Warn(what, zap.String("scope", r.Scope), zap.String("type", r.Type),
		rd.value(r), zap.String("duration", string(r.Duration)),
		zap.String("origin", r.Origin), zap.String("scenario", r.Scenario))
}

// isFirst reports whether no oddity of this kind has been logged yet, and one still can be.
func (rd *reader) isFirst(kind string) bool {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	if rd.named[kind] || len(rd.named) >= maxNamed {
		return false
	}
	if rd.named == nil {
		rd.named = map[string]bool{}
	}
	rd.named[kind] = true
	return true
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
