package lapi

import (
	"time"

	"github.com/tocsin-project/tocsin/internal/wire"
	"github.com/tocsin-project/tocsin/lookup"
)

// An answer is the content of one pull before it is applied to the table.
type answer struct {
	f         *follower
	full      bool
	batch     *lookup.Batch
	rows      Rows
	spellings spellings             // of a full answer; in a delta those of all decisions in force
	lone      map[identity]struct{} // ranges removed with their only spelling
	freed     float64               // the share of all addresses that these have
	kept      *keptRows             // the rows of each decision; nil: not kept
	touched   map[identity]struct{} // decisions whose rows a delta has changed
	ended     map[identity]struct{} // decisions in force that a full answer lists as deleted
	added     int                   // number of decisions (a batch counts rows)
	fresh     int                   // rows with an id above all earlier ones
	top       int64                 // highest id among the rows in force
}

func (f *follower) newAnswer(full bool) *answer {
	f.usual.reset()
	a := &answer{
		f: f, full: full, batch: f.table.Batch(f.cfg.Name).Gently().Bound(f.cfg.Coverage), spellings: f.spellings, kept: f.kept,
		lone: map[identity]struct{}{}, touched: map[identity]struct{}{}, ended: map[identity]struct{}{},
	}
	if full {
		a.spellings = spellings{}
		if f.filter.setting {
			a.kept = newKeptRows()
		}
	}
	return a
}

// take adds a row that was received at now.
func (a *answer) take(r *wire.Row, now time.Time) {
	if r.Section == wire.New {
		a.top = max(a.top, r.ID)
	}
	d, isUsual, ok := a.f.reader.decision(r, &a.rows)
	if !ok {
		return
	}
	at, s := identityOf(&d), a.f.spell(r, isUsual)
	switch {
	case !a.f.filter.match(r, d.Origin):
		a.rows.Filtered++
		a.explain(at)
	case r.Section == wire.New:
		d.Until, ok = a.f.reader.end(r, now, &a.rows)
		if ok {
			a.add(r.ID, at, &d, s)
		}
	case a.full:
		// If rows are kept, only the end of a known row explains anything.
		if a.kept == nil || a.f.kept.has(at, r.ID) {
			a.explain(at)
		}
	case a.kept != nil:
		a.removeKept(r.ID, at)
	default:
		a.remove(at, s)
	}
}

// add announces the decision of the row with this id and spelling.
func (a *answer) add(id int64, at identity, d *lookup.Decision, s spelling) {
	if a.f.isAllowed(d.Prefix) {
		if a.kept == nil {
			a.addSpelling(at, s) // the allowlist may end before the row
		}
		a.rows.Allowed++
		a.explain(at)
		return
	}
	anew := a.f.seen > 0 && id > a.f.seen && isOffence(d.Origin)
	if id > a.f.seen {
		a.fresh++
	}
	if a.kept != nil {
		if a.kept.add(at, id, d) {
			a.begin(at, anew)
			a.addKept(at, d)
			return
		}
		a.spellings.add(a.f.key(at), several, false)
	} else {
		a.addSpelling(at, s)
	}
	if held, ok := a.longer(at, s, d); ok {
		a.f.requestFull()
		a.batch.Add(held) // the answer may also have a deletion
		return
	}
	a.added++
	a.begin(at, anew)
	a.batch.Add(*d)
}

// longer returns the decision in force if it may have another row, with another spelling,
// that ends after d.
func (a *answer) longer(at identity, s spelling, d *lookup.Decision) (lookup.Decision, bool) {
	if a.full {
		return lookup.Decision{}, false
	}
	if key := a.f.key(at); !a.spellings.has(key) || a.isOnly(key, s) {
		return lookup.Decision{}, false
	}
	held, ok := a.f.holding(at)
	return held, ok && (held.Until.IsZero() || held.Until.After(d.Until))
}

// begin gives a decision a new start if anew is set, also if it is in force already: it
// removes the old one, and a batch removes before it adds.
func (a *answer) begin(at identity, anew bool) {
	if anew {
		a.batch.Remove(at.decision())
	}
}

// addKept announces d after one of its rows was stored.
func (a *answer) addKept(at identity, d *lookup.Decision) {
	if !a.full {
		a.touched[at] = struct{}{}
		return
	}
	if len(a.kept.rows[at]) == 1 {
		a.added++
	}
	a.batch.Add(*d)
}

// removeKept removes one row of a decision. An unknown id belongs to a row that this
// client never got, and that has ended now.
func (a *answer) removeKept(id int64, at identity) {
	if a.kept.remove(at, id) {
		a.touched[at] = struct{}{}
	} else if a.kept.over && a.f.holds(at) {
		a.f.requestFull()
	}
}

// settle announces or removes each changed decision of a delta by its current rows.
func (a *answer) settle(now time.Time) {
	for at := range a.touched {
		d, ok := a.kept.longest(at, now)
		switch {
		case a.kept.over && a.f.holdsLonger(at, d.Until):
			a.f.requestFull() // it may have a row that is not stored
		case ok:
			a.batch.Add(d)
		default:
			a.batch.Remove(at.decision())
		}
	}
}

// remove handles the deletion of a row with spelling s in a delta. The API may have another
// decision of the same action, with another spelling of the value or another type. Then
// the decision stays, and a full answer is requested.
func (a *answer) remove(at identity, s spelling) {
	key := a.f.key(at)
	switch {
	case s == usual && !a.spellings.has(key):
		a.batch.Remove(at.decision())
	case a.isOnly(key, s) && a.free(at):
		a.batch.Remove(at.decision())
		a.lone[at] = struct{}{}
	case a.f.holds(at):
		a.f.requestFull()
	}
}

// explain records that a full answer lists the deletion of a decision in force.
func (a *answer) explain(at identity) {
	if a.full && a.f.holds(at) {
		a.ended[at] = struct{}{}
	}
}

// explained returns the number of decisions in force whose deletion the answer lists. A
// decision with another row in the answer does not count.
func (a *answer) explained() int {
	n := len(a.ended)
	if a.kept != nil {
		for at := range a.ended {
			if len(a.kept.rows[at]) > 0 {
				n--
			}
		}
	}
	return n
}
