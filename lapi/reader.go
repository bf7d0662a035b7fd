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
	maxNamed   = 64       // unusual rows that are logged
	maxLabels  = 1024     // cached origins of lists
	listOrigin = "lists:" // before the name of a list
)

// A reader turns rows into decisions. It counts unusual rows, and logs the first of
// each kind. Without labels it is safe for use by many goroutines.
type reader struct {
	fallback lookup.Action
	labels   map[string]string // list: its origin in the table; nil: no cache
	log      *zap.Logger
	bits     func() (v4, v6 int) // of addresses that the log may contain; nil: all

	mu    sync.Mutex
	named map[string]bool // kinds that were logged
}

// decision returns the decision of r without its end, whether it has the usual spelling
// (see spellings), and whether r applies at all.
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
		rd.name("decisions of a type that lets clients in have no effect: use CrowdSec's allowlists or the option allow instead", "let in", r)
		return d, false, false
	}
	action, err := lookup.ParseAction(r.Type)
	if err != nil || action == lookup.None {
		count.UnknownType++
		rd.name("decisions of an unknown type: the fallback applies", "type "+r.Type, r)
		action = rd.fallback
	}
	d.Action, d.Origin, d.Reason = action, rd.origin(r), r.Scenario
	return d, isUsual(r, &d), true
}

// letIn are the types that let a client in, in lower case and without separators.
var letIn = [...]string{
	"accept", "accepted", "allow", "allowed", "allowlist", "allowlisted", "bypass", "bypassed", "exempt", "pass", "passthrough",
	"permit", "permitted", "safelist", "trust", "trusted", "whitelist", "whitelisted",
}

// saysLetIn reports whether a type of decision lets the client in, in any spelling:
// "Allow", "white-list".
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

// setTarget sets the target of d from r: an address or a range if the value parses as
// one, whatever the scope says.
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

// end returns the end of the decision of r, and whether that is in the future.
func (rd *reader) end(r *wire.Row, now time.Time, count *Rows) (time.Time, bool) {
	left, err := r.Left()
	if err != nil {
		rd.malformed(r, count)
		return time.Time{}, false
	}
	return now.Add(left), left > 0
}

// origin returns the origin of r as in CrowdSec's metrics, where a list's origin
// includes its name.
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
	rd.name("malformed decisions are left out", "malformed", r)
}

// name logs an unusual row, unless its kind has been logged before.
func (rd *reader) name(what, kind string, r *wire.Row) {
	if !rd.isFirst(kind) {
		return
	}
	rd.log.Warn(what, zap.String("scope", r.Scope), zap.String("type", r.Type),
		rd.value(r), zap.String("duration", string(r.Duration)),
		zap.String("origin", r.Origin), zap.String("scenario", r.Scenario))
}

// isFirst reports whether this kind has not been logged yet, and the limit is not
// reached.
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

// scopeKind returns the kind for a scope: one for each scope that CrowdSec knows, and
// one for all others, whose number is unlimited.
func scopeKind(scope string) string {
	switch s := strings.ToLower(scope); s {
	case "ip", "range", "country", "as":
		return "scope " + s
	}
	return "scope other"
}
