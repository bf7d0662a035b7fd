package storetest

import (
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

func (w *writing) Erase(unit consensus.Unit) error {
	for _, seq := range slices.Clone(w.byUnit[unit]) {
		w.dropReport(seq)
	}
	for v := range w.ordinary {
		if v.unit == unit {
			drop(w, w.ordinary, v)
		}
	}
	drop(w, w.records, unit)
	for id, c := range w.cases {
		if c.Unit == unit {
			drop(w, w.cases, id)
		}
	}
	credits, faults := slices.Clone(w.credits), slices.Clone(w.faults)
	for i := range credits {
		if credits[i].Unit == unit {
			credits[i].Unit = consensus.Unit{}
		}
	}
	for i := range faults {
		if faults[i].Unit == unit {
			faults[i].Unit = consensus.Unit{}
		}
	}
	set(w, &w.credits, credits)
	set(w, &w.faults, faults)
	return nil
}

// A purge deletes up to a number of things.
type purge struct {
	w             *writing
	left, deleted int
	more          bool
}

// take reports whether one more thing may be deleted.
func (p *purge) take() bool {
	if p.left == 0 {
		p.more = true
		return false
	}
	p.left--
	p.deleted++
	return true
}

func (w *writing) Purge(l community.Limits, most int) (int, bool, error) {
	p := &purge{w: w, left: most}
	p.evidence(l.Reports)
	p.episodes(l.Episodes)
	p.rest(l)
	return p.deleted, p.more, nil
}

func (p *purge) evidence(before time.Time) {
	for seq, r := range p.w.reports {
		if r.Last.Before(before) && p.take() {
			p.w.dropReport(seq)
		}
	}
	from(p, p.w.ordinary, func(o community.Ordinary) bool { return o.Last.Before(before) })
}

// from deletes from a map what is too old.
func from[K comparable, V any](p *purge, all map[K]V, old func(V) bool) {
	for key, value := range all {
		if old(value) && p.take() {
			drop(p.w, all, key)
		}
	}
}

func (p *purge) episodes(before time.Time) {
	from(p, p.w.records, func(r community.Record) bool { return newest(r).Before(before) })
	from(p, p.w.silenced, func(until time.Time) bool { return until.Before(before) })
	credits := slices.DeleteFunc(slices.Clone(p.w.credits), func(c consensus.Credit) bool { return c.At.Before(before) && p.take() })
	faults := slices.DeleteFunc(slices.Clone(p.w.faults), func(f consensus.Fault) bool { return f.At.Before(before) && p.take() })
	set(p.w, &p.w.credits, credits)
	set(p.w, &p.w.faults, faults)
	for seq := p.w.last.purged + 1; seq <= p.w.last.change && p.w.changes[seq].At.Before(before) && p.take(); seq++ {
		drop(p.w, p.w.changes, seq)
		p.w.last.purged = seq
	}
}

func (p *purge) rest(l community.Limits) {
	from(p, p.w.cases, func(c community.Case) bool { return c.State != community.Open && c.Decided.Before(l.Cases) })
	from(p, p.w.cursors, func(c community.Cursor) bool { return c.Seen.Before(l.Cursors) })
	// The last entry that is too old stays, for the chain.
	entries := following(p.w.audit, 0, p.w.last.entry, len(p.w.audit))
	for i := 0; i+1 < len(entries) && entries[i+1].At.Before(l.Cases) && p.take(); i++ {
		drop(p.w, p.w.audit, entries[i].Seq)
	}
}

// newest returns the latest time that a record is about.
func newest(r community.Record) time.Time {
	next := r.Verdict.Next
	latest := r.At
	for _, t := range []time.Time{r.Seen.Last, r.Next, r.Noticed, r.Listed.Until, r.Verdict.Expires, next.Since, next.Expires, next.Ended, next.Appealed} {
		if t.After(latest) {
			latest = t
		}
	}
	for _, e := range next.Episodes {
		if e.To.After(latest) {
			latest = e.To
		}
	}
	return latest
}
