package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// writing is a community.Tx. It notes how to take back what it does.
type writing struct {
	reading
	undo []func()
}

func (w *writing) rollback() {
	for _, undo := range slices.Backward(w.undo) {
		undo()
	}
}

// put sets a value of a map.
func put[K comparable, V any](w *writing, m map[K]V, key K, value V) {
	keep(w, m, key)
	m[key] = value
}

// drop deletes from a map.
func drop[K comparable, V any](w *writing, m map[K]V, key K) {
	keep(w, m, key)
	delete(m, key)
}

func keep[K comparable, V any](w *writing, m map[K]V, key K) {
	old, had := m[key]
	w.undo = append(w.undo, func() {
		if had {
			m[key] = old
		} else {
			delete(m, key)
		}
	})
}

// set replaces a value.
func set[V any](w *writing, at *V, value V) {
	old := *at
	w.undo = append(w.undo, func() { *at = old })
	*at = value
}

func (w *writing) Append(r community.Report) (uint64, bool, error) {
	r.First, r.Last = minute(r.First), minute(r.Last)
	r.Arrived = utc(r.Arrived).Truncate(time.Second)
	r.Scenario, r.Hash = community.StoredText(r.Scenario), community.StoredText(r.Hash)
	for _, seq := range w.byUnit[r.Unit] {
		if old := w.reports[seq]; old.Member == r.Member && old.Scenario == r.Scenario && old.Last.Equal(r.Last) {
			return seq, false, nil
		}
	}
	w.last.report++
	r.Seq = w.last.report
	put(w, w.reports, r.Seq, r)
	put(w, w.byUnit, r.Unit, append(slices.Clip(w.byUnit[r.Unit]), r.Seq))
	return r.Seq, true, nil
}

// dropReport deletes a report.
func (w *writing) dropReport(seq uint64) {
	unit := w.reports[seq].Unit
	drop(w, w.reports, seq)
	left := slices.DeleteFunc(slices.Clone(w.byUnit[unit]), func(s uint64) bool { return s == seq })
	if len(left) == 0 {
		drop(w, w.byUnit, unit)
		return
	}
	put(w, w.byUnit, unit, left)
}

func (w *writing) Void(member consensus.MemberID, hash string) ([]consensus.Unit, error) {
	if member == 0 && hash == "" {
		return nil, errors.New("taking reports back: want a member, a hash, or both")
	}
	units := map[consensus.Unit]bool{}
	for seq, r := range w.reports {
		if !r.Void && (member == 0 || r.Member == member) && (hash == "" || r.Hash == hash) {
			r.Void = true
			put(w, w.reports, seq, r)
			units[r.Unit] = true
		}
	}
	return slices.SortedFunc(maps.Keys(units), compareUnits), nil
}

func (w *writing) PutOrdinary(o community.Ordinary) error {
	o.Last = minute(o.Last)
	put(w, w.ordinary, voice{o.Unit, o.Member}, o)
	return nil
}

func (w *writing) PutRecord(r community.Record) error {
	w.last.version++
	r = cloneRecord(r)
	r.Version = w.last.version
	r.Verdict.Contributions = nil
	put(w, w.records, r.Unit, normalRecord(r))
	return nil
}

func (w *writing) AppendChange(c community.Change) (uint64, error) {
	w.last.change++
	c.Seq, c.At, c.Until = w.last.change, utc(c.At), utc(c.Until)
	put(w, w.changes, c.Seq, c)
	return c.Seq, nil
}

func (w *writing) PutCursor(reader string, c community.Cursor) error {
	c.Seen = utc(c.Seen)
	put(w, w.cursors, community.StoredText(reader), c)
	return nil
}

func (w *writing) PutMember(m community.Member) error {
	m.Joined, m.Left, m.Seen = utc(m.Joined), utc(m.Left), utc(m.Seen)
	m.Ties = slices.Clone(m.Ties)
	put(w, w.members, m.ID, m)
	return nil
}

func (w *writing) DeleteMember(id consensus.MemberID) error {
	drop(w, w.members, id)
	return nil
}

func (w *writing) AddCredit(c consensus.Credit) error {
	c.At = utc(c.At)
	set(w, &w.credits, append(slices.Clip(w.credits), c))
	return nil
}

func (w *writing) AddFault(f consensus.Fault) error {
	f.At = utc(f.At)
	set(w, &w.faults, append(slices.Clip(w.faults), f))
	return nil
}

func (w *writing) PutCase(c community.Case) (uint64, error) {
	for _, other := range w.cases {
		if c.Ticket != "" && other.Ticket == c.Ticket && other.ID != c.ID {
			return 0, fmt.Errorf("keeping case: another one has its ticket: %w", community.ErrTaken)
		}
	}
	if c.ID == 0 {
		w.last.incident++
		c.ID = w.last.incident
	} else if _, ok := w.cases[c.ID]; !ok {
		return 0, community.ErrNotFound
	}
	c.Opened, c.Due, c.Decided = utc(c.Opened), utc(c.Due), utc(c.Decided)
	c.Text, c.By, c.Reason = community.StoredText(c.Text), community.StoredText(c.By), community.StoredText(c.Reason)
	put(w, w.cases, c.ID, c)
	return c.ID, nil
}

func (w *writing) Suppress(hash []byte, until time.Time) error {
	if until = utc(until); until.After(w.silenced[string(hash)]) {
		put(w, w.silenced, string(hash), until)
	}
	return nil
}

func (w *writing) AppendAudit(e community.Entry) (community.Entry, error) {
	prev := w.audit[w.last.entry].Hash
	w.last.entry++
	e.Seq = w.last.entry
	e = community.SealEntry(bytes.Clone(prev), e)
	put(w, w.audit, e.Seq, e)
	e.Hash = bytes.Clone(e.Hash)
	return e, nil
}

func (w *writing) PutSetting(name string, value []byte) error {
	if len(value) == 0 {
		drop(w, w.settings, name)
		return nil
	}
	put(w, w.settings, name, bytes.Clone(value))
	return nil
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Round(0) // no monotonic reading
}

func minute(t time.Time) time.Time { return utc(t).Truncate(time.Minute) }

func normalRecord(r community.Record) community.Record {
	next := &r.Verdict.Next
	for _, t := range []*time.Time{
		&r.Seen.First, &r.Seen.Last, &r.Listed.Until, &r.At, &r.Next, &r.Noticed,
		&r.Verdict.Expires, &next.Since, &next.Expires, &next.Ended, &next.Appealed,
	} {
		*t = utc(*t)
	}
	for i, e := range next.Episodes {
		next.Episodes[i] = consensus.Episode{From: utc(e.From), To: utc(e.To)}
	}
	return r
}
