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
	spellings spellings             // of a full answer
	kept      *keptRows             // the rows of each decision; nil: not kept
	touched   map[identity]struct{} // decisions whose rows a delta has changed
	ended     map[identity]struct{} // decisions in force that a full answer lists as deleted
	added     int                   // number of decisions (a batch counts rows)
	fresh     int                   // rows with an id above all earlier ones
	top       int64                 // highest id among the rows in force
}

func (f *follower) newAnswer(full bool) *answer {
	a := &answer{
		f: f, full: full, batch: f.table.Batch(f.cfg.Name).Gently().Bound(f.cfg.Coverage), spellings: f.spellings, kept: f.kept,
		touched: map[identity]struct{}{}, ended: map[identity]struct{}{},
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
	d, usual, ok := a.f.reader.decision(r, &a.rows)
	if !ok {
		return
	}
	at := identityOf(&d)
	switch {
	case !a.f.filter.match(r, d.Origin):
		a.rows.Filtered++
		a.explain(at)
	case r.Section == wire.New:
		d.Until, ok = a.f.reader.end(r, now, &a.rows)
		if ok {
			a.add(r.ID, at, &d, usual)
		}
	case a.full:
		// If rows are kept, only the end of a known row explains anything.
		if a.kept == nil || a.f.kept.has(at, r.ID) {
			a.explain(at)
		}
	case a.kept != nil:
		a.removeKept(r.ID, at)
	default:
		a.remove(at, usual)
	}
}

// add announces the decision of the row with this id.
func (a *answer) add(id int64, at identity, d *lookup.Decision, usual bool) {
	if a.f.isAllowed(d.Prefix) {
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
		usual = false
	}
	if !usual {
		a.spellings.add(at)
	}
	if !a.full && a.spellings.has(at) && a.f.holdsLonger(at, d.Until) {
		a.f.requestFull()
		return
	}
	a.added++
	a.begin(at, anew)
	a.batch.Add(*d)
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

// remove handles the deletion of a decision in a delta. The API may have another
// decision of the same action, with another spelling of the value or another type. Then
// the decision stays, and a full answer is requested.
func (a *answer) remove(at identity, usual bool) {
	if usual && !a.spellings.has(at) {
		a.batch.Remove(at.decision())
	} else if a.f.holds(at) {
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
