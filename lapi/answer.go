package lapi

import (
	"time"

	"github.com/tocsin-project/tocsin/internal/wire"
	"github.com/tocsin-project/tocsin/lookup"
)

// An answer is what one pull brings, before it is put into force.
type answer struct {
	f       *follower
	full    bool
	batch   *lookup.Batch
	rows    Rows
	twins   twins                 // of a full answer
	claims  *claims               // the rows behind the decisions; nil: not asked for
	touched map[identity]struct{} // decisions whose rows a delta has changed
	ended   map[identity]struct{} // decisions in force that a full answer takes back
	added   int                   // decisions, where a batch counts rows
	fresh   int                   // rows with an id beyond all that were seen before
	top     int64                 // highest id among the rows in force
}

func (f *follower) newAnswer(full bool) *answer {
	a := &answer{
		f: f, full: full, batch: f.table.Batch(f.cfg.Name).Gently().Bound(f.cfg.Coverage), twins: f.twins, claims: f.claims,
		touched: map[identity]struct{}{}, ended: map[identity]struct{}{},
	}
	if full {
		a.twins = twins{}
		if f.filter.setting {
			a.claims = newClaims()
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
		// Where rows are told apart, one that was over long ago explains nothing.
		if a.claims == nil || a.f.claims.has(at, r.ID) {
			a.explain(at)
		}
	case a.claims != nil:
		a.disclaim(r.ID, at)
	default:
		a.remove(at, usual)
	}
}

// add announces a decision that the row with this id tells of.
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
	if a.claims != nil {
		if a.claims.add(at, id, d) {
			a.begin(at, anew)
			a.claimed(at, d)
			return
		}
		usual = false
	}
	if !usual {
		a.twins.add(at)
	}
	if !a.full && a.twins.has(at) && a.f.holdsLonger(at, d.Until) {
		a.f.doubt()
		return
	}
	a.added++
	a.begin(at, anew)
	a.batch.Add(*d)
}

// begin has a decision that is about to be announced begin now, if anew, although it may
// be in force already: what a batch takes back goes first.
func (a *answer) begin(at identity, anew bool) {
	if anew {
		a.batch.Remove(at.decision())
	}
}

// claimed announces d, of whose rows one has been added to the claims.
func (a *answer) claimed(at identity, d *lookup.Decision) {
	if !a.full {
		a.touched[at] = struct{}{}
		return
	}
	if len(a.claims.rows[at]) == 1 {
		a.added++
	}
	a.batch.Add(*d)
}

// disclaim takes back one row behind a decision. What else may be known by its
// id is a row that was never told, and is over now.
func (a *answer) disclaim(id int64, at identity) {
	if a.claims.remove(at, id) {
		a.touched[at] = struct{}{}
	} else if a.claims.over && a.f.holds(at) {
		a.f.doubt()
	}
}

// settle announces or takes back the decisions of a delta by the rows that are
// behind them now.
func (a *answer) settle(now time.Time) {
	for at := range a.touched {
		d, ok := a.claims.longest(at, now)
		switch {
		case a.claims.over && a.f.holdsLonger(at, d.Until):
			a.f.doubt() // a row that is not among the claims may be behind it
		case ok:
			a.batch.Add(d)
		default:
			a.batch.Remove(at.decision())
		}
	}
}

// remove takes back a decision of a delta. Where there may be another of the
// same action, under another spelling of the value or under another type, the
// strict side is to keep it and to ask.
func (a *answer) remove(at identity, usual bool) {
	if usual && !a.twins.has(at) {
		a.batch.Remove(at.decision())
	} else if a.f.holds(at) {
		a.f.doubt()
	}
}

// explain notes that a full answer says why a decision in force is not in it.
func (a *answer) explain(at identity) {
	if a.full && a.f.holds(at) {
		a.ended[at] = struct{}{}
	}
}

// explained returns the number of decisions in force whose end the answer
// explains. One that has another row in force has not ended.
func (a *answer) explained() int {
	n := len(a.ended)
	if a.claims != nil {
		for at := range a.ended {
			if len(a.claims.rows[at]) > 0 {
				n--
			}
		}
	}
	return n
}
