package lapi

import (
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// keptRows keeps the API's rows of each decision, if the client asks for all rows. A
// decision lasts as long as its longest row, and until its last row is deleted.
type keptRows struct {
	rows map[identity][]keptRow
	n    int
	over bool // some did not fit
}

// A keptRow is a row of the API.
type keptRow struct {
	id             int64
	until          time.Time
	origin, reason string
}

// Rows beyond these limits are treated like other spellings: the decision stays, and a full
// answer clarifies.
const (
	maxKeptRows       = 1 << 20 // at about 250 bytes each
	maxRowsOfDecision = 256     // rows of one decision, which are searched one by one
)

func newKeptRows() *keptRows { return &keptRows{rows: map[identity][]keptRow{}} }

// add stores the row with this id for d, and reports whether there was room.
func (c *keptRows) add(at identity, id int64, d *lookup.Decision) bool {
	rows := c.rows[at]
	if id == 0 || c.n >= maxKeptRows || len(rows) >= maxRowsOfDecision {
		c.over = true
		return false
	}
	own := keptRow{id: id, until: d.Until, origin: d.Origin, reason: d.Reason}
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

// has reports whether a row is stored. A nil keptRows has none.
func (c *keptRows) has(at identity, id int64) bool {
	return c != nil && slices.ContainsFunc(c.rows[at], func(own keptRow) bool { return own.id == id })
}

// remove deletes a row, and reports whether it was stored.
func (c *keptRows) remove(at identity, id int64) bool {
	return c.keep(at, func(own *keptRow) bool { return own.id != id })
}

// keep deletes the rows of a decision for which stay returns false, and reports whether
// there were any.
func (c *keptRows) keep(at identity, stay func(*keptRow) bool) bool {
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

// longest returns the decision of the rows that have not ended at now.
func (c *keptRows) longest(at identity, now time.Time) (lookup.Decision, bool) {
	c.keep(at, func(own *keptRow) bool { return own.until.After(now) })
	d := at.decision()
	for _, own := range c.rows[at] {
		if own.until.After(d.Until) {
			d.Until, d.Origin, d.Reason = own.until, own.origin, own.reason
		}
	}
	return d, len(c.rows[at]) > 0
}
