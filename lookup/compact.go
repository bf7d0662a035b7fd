package lookup

import "net/netip"

// forgetKinds takes back what kindIndex added to a draft that is given up.
func (d *draft) forgetKinds() {
	known := 0
	if s := d.table.cur.Load(); s != nil {
		known = len(s.kinds)
	}
	for _, k := range d.kinds[known:] {
		delete(d.table.index, k)
	}
	d.table.refs = d.table.refs[:known]
}

// compactLocked builds the state anew when more than a fifth of its slots are
// free, or most of its kinds are unused. That takes half a second for a
// million decisions and is paid for by as many removals.
func (t *Table) compactLocked(pace pacer) {
	s := t.cur.Load()
	live, unused := 0, 0
	for _, n := range t.refs {
		live += n
		if n == 0 {
			unused++
		}
	}
	const slack = 1024
	if int(s.slots)-live <= live/4+slack && unused <= len(t.refs)/2+slack {
		return
	}
	t.index, t.refs = nil, nil
	next := emptyState()
	next.epoch, next.tick, next.version = s.epoch, s.tick, s.version
	d := newDraft(t, next)
	d.pace = pace
	for p, slot := range s.tree.All() {
		d.pace.step()
		for r := range s.chain(slot) {
			if r.until != free {
				d.restore(p, *r, d.kindIndex(s.kinds[r.kind]))
			}
		}
	}
	d.merge()
	built := d.state
	t.cur.Store(&built)
}

// restore puts a record back as it was, onto a prefix that may have others.
func (d *draft) restore(p netip.Prefix, r record, k uint32) {
	r.kind, r.next = k, 0
	slot := d.grow(r)
	head, ok := d.fresh.Get(p)
	if !ok {
		d.insert(p, slot)
		return
	}
	for d.at(head).next != 0 {
		head = d.at(head).next - 1
	}
	d.own(head).next = slot + 1
}
