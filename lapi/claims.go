package lapi

import (
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// claims holds the rows of the API behind each decision of ours, where it has
// been asked to list them all: a decision lasts as long as its longest row, and
// until its last one is gone.
type claims struct {
	rows map[identity][]claim
	n    int
	over bool // some did not fit
}

// A claim is a row of the API.
type claim struct {
	id             int64
	until          time.Time
	origin, reason string
}

// What does not fit is treated as twins are: the strict side, and a full answer
// to settle it.
const (
	maxClaims  = 1 << 20 // at about 250 bytes each
	maxClaimed = 256     // rows behind one decision, which are looked through each time
)

func newClaims() *claims { return &claims{rows: map[identity][]claim{}} }

// add remembers the row with this id behind d. It reports whether it could.
func (c *claims) add(at identity, id int64, d *lookup.Decision) bool {
	rows := c.rows[at]
	if id == 0 || c.n >= maxClaims || len(rows) >= maxClaimed {
		c.over = true
		return false
	}
	own := claim{id: id, until: d.Until, origin: d.Origin, reason: d.Reason}
	for i := range rows {
		if rows[i].id == id {
			rows[i] = own
			return true
		}
	}
	c.rows[at] = append(rows, own)
	c.n++
	return true
}

// has reports whether a row is known. Nil knows none.
func (c *claims) has(at identity, id int64) bool {
	return c != nil && slices.ContainsFunc(c.rows[at], func(own claim) bool { return own.id == id })
}

// remove forgets a row, and reports whether it was there.
func (c *claims) remove(at identity, id int64) bool {
	return c.keep(at, func(own *claim) bool { return own.id != id })
}

// keep forgets the rows of a decision that stay does not pick, and reports
// whether there were any.
func (c *claims) keep(at identity, stay func(*claim) bool) bool {
	rows := c.rows[at]
	kept := rows[:0]
	for i := range rows {
		if stay(&rows[i]) {
			kept = append(kept, rows[i])
		}
	}
	clear(rows[len(kept):])
	c.n -= len(rows) - len(kept)
	if len(kept) == 0 {
		delete(c.rows, at)
	} else {
		c.rows[at] = kept
	}
	return len(kept) < len(rows)
}

// longest returns the decision that the rows not over at now make.
func (c *claims) longest(at identity, now time.Time) (lookup.Decision, bool) {
	c.keep(at, func(own *claim) bool { return own.until.After(now) })
	d := at.decision()
	for _, own := range c.rows[at] {
		if own.until.After(d.Until) {
			d.Until, d.Origin, d.Reason = own.until, own.origin, own.reason
		}
	}
	return d, len(c.rows[at]) > 0
}
