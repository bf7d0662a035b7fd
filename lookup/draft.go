package lookup

import (
	"net/netip"
	"slices"
)

// A draft is the next state of a table while it is being built. It starts as the current
// state, and copies each part before it first writes to it.
type draft struct {
	state

	table  *Table
	w4     writer[addr4]
	w6     writer[addr6]
	ended  []endedAdd
	now    int64
	change Change
	pace   pacer
	most   int // the number of entries at which a page is too long
}

// An endedAdd is a decision that had already ended when it was announced.
type endedAdd struct {
	prefix netip.Prefix
	kind   uint32
}

// draftLocked returns a draft of the next state.
func (t *Table) draftLocked() *draft {
	s := t.cur.Load()
	if s == nil {
		s = emptyState()
	}
	return newDraft(t, s)
}

func newDraft(t *Table, s *state) *draft {
	d := &draft{state: *s, table: t, most: mostEntries}
	d.w4, d.w6 = newWriter(&d.v4, &d.pace), newWriter(&d.v6, &d.pace)
	d.groups, d.wideOf = slices.Clone(s.groups), slices.Clone(s.wideOf)
	d.now = s.epoch.now()
	return d
}

// reserve makes room for n announcements. Many of them may be known already.
func (d *draft) reserve(n4, n6 int) {
	d.w4.reserve(max(n4, d.v4.n))
	d.w6.reserve(max(n6, d.v6.n))
}

// publish makes the draft visible to readers, unless nothing has changed.
func (d *draft) publish() {
	if d.change.Added+d.change.Moved+d.change.Removed == 0 {
		d.forgetKinds()
		return
	}
	d.finish()
	d.version++
	s := d.state
	d.table.cur.Store(&s)
}

// put announces the decision r on p. A decision that is already in force keeps its since.
func (d *draft) put(p netip.Prefix, r record) {
	if r.until <= d.now {
		d.ended = append(d.ended, endedAdd{p, r.kind})
		return
	}
	if p.Addr().Is4() {
		put(d, &d.w4, d.keyOf4(p), p, r)
	} else {
		put(d, &d.w6, d.keyOf6(p), p, r)
	}
}

func put[A address](d *draft, w *writer[A], k key[A], p netip.Prefix, r record) {
	n, first, end := w.run(&k)
	for i := first; i < end; i++ {
		if d.same(w.at(n, i).kind(), r.kind) {
			renew(d, w, n, i, r)
			return
		}
	}
	if first == end {
		d.see(p)
	}
	e := k.entry(r)
	w.insert(n, end, e, true)
	d.count(r.kind, 1, e.wide())
	d.change.Added++
	if w.longest > d.most {
		d.reseed()
	}
}

// renew announces entry i of page n again. If a batch announces it several times, the one
// that ends last counts: a Local API may send the same decision twice.
func renew[A address](d *draft, w *writer[A], n uint32, i int, r record) {
	old := w.at(n, i).record()
	twin := w.isTouched(n, i)
	w.touch(n, i)
	switch {
	case twin && r.until <= old.until:
		return
	case old.until <= d.now: // it had ended in the meantime, so it begins again
		d.change.Added++
	case old.until == r.until && old.kind == r.kind:
		return
	default:
		r.since = old.since
		d.change.Moved++
	}
	e := &w.own(n).entries[i]
	d.count(old.kind, -1, e.wide())
	d.count(r.kind, 1, e.wide())
	e.set(r)
}

// remove removes the decision with id's source and action on p, unless this draft has
// announced it.
func (d *draft) remove(p netip.Prefix, id kind) {
	d.removeAt(p, func(r record, touched bool) bool {
		k := &d.kinds[r.kind]
		return !touched && k.action == id.action && k.source == id.source
	})
}

// removeAll removes all decisions about p.
func (d *draft) removeAll(p netip.Prefix) {
	d.removeAt(p, func(record, bool) bool { return true })
}

func (d *draft) removeAt(p netip.Prefix, gone func(r record, touched bool) bool) {
	if p.Addr().Is4() {
		k := d.keyOf4(p)
		removeAt(d, &d.w4, &k, gone)
	} else {
		k := d.keyOf6(p)
		removeAt(d, &d.w6, &k, gone)
	}
}

func removeAt[A address](d *draft, w *writer[A], k *key[A], gone func(r record, touched bool) bool) {
	n, first, end := w.run(k)
	removeFrom(d, w, n, first, end, gone)
}

// removeEnded removes decisions that were announced as ended, and not also announced with a
// later end.
func (d *draft) removeEnded() {
	for _, e := range d.ended {
		d.remove(e.prefix, d.kinds[e.kind])
	}
}

// removeUntouched removes the decisions of source that were not announced.
func (d *draft) removeUntouched(source string) {
	d.removeIf(func(r record, touched bool) bool { return !touched && d.kinds[r.kind].source == source })
}

// removeIf removes all entries for which gone returns true.
func (d *draft) removeIf(gone func(r record, touched bool) bool) {
	removeIf(d, &d.w4, gone)
	removeIf(d, &d.w6, gone)
}

func removeIf[A address](d *draft, w *writer[A], gone func(r record, touched bool) bool) {
	for n := range w.pages() {
		d.pace.step()
		removeFrom(d, w, n, 0, len(w.pageAt(n).entries), gone)
	}
}

// removeFrom removes the entries from first to end of page n for which gone returns true.
func removeFrom[A address](d *draft, w *writer[A], n uint32, first, end int, gone func(r record, touched bool) bool) {
	for i := end - 1; i >= first; i-- {
		e := w.at(n, i)
		if !gone(e.record(), w.isTouched(n, i)) {
			continue
		}
		d.count(e.kind(), -1, e.wide())
		d.change.Removed++
		w.remove(n, i)
	}
}

// count adds n to the number of decisions of a kind, and n times wide to what they cover.
func (d *draft) count(kind uint32, n int, wide covered) {
	group := d.groupOf[kind]
	d.table.refs[kind] += n
	d.groups[group].Decisions += n
	d.wideOf[group].v4 += float64(n) * wide.v4
	d.wideOf[group].v6 += float64(n) * wide.v6
}

// same reports whether two kinds have the same identity.
func (d *draft) same(a, b uint32) bool {
	if a == b {
		return true
	}
	x, y := &d.kinds[a], &d.kinds[b]
	return x.action == y.action && x.source == y.source
}

// kindIndex returns the index of k in the kinds, and adds k if it is new.
func (d *draft) kindIndex(k kind) uint32 {
	t := d.table
	if i, ok := t.index[k]; ok {
		return i
	}
	if t.index == nil {
		t.index = map[kind]uint32{}
	}
	if len(d.kinds) >= maxKinds-someKinds && k.origin+k.reason != "" {
		// Nobody writes so many different reasons by hand. Keep the decision, and drop its
		// reason.
		k.origin, k.reason = "", ""
		return d.kindIndex(k)
	}
	i := uint32(len(d.kinds))
	// Appending is safe: readers of older states use only the length that they know.
	d.kinds = append(d.kinds, k)
	d.groupOf = append(d.groupOf, d.groupIndex(k))
	t.refs = append(t.refs, 0)
	t.index[k] = i
	return i
}
