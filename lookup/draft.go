package lookup

import (
	"math"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"
)

// A draft is the next state of a table in the making. It starts as the current
// one and copies what it is about to write, once.
type draft struct {
	state

	table       *Table
	fresh       *bart.Table[uint32] // prefixes that the tree does not have yet
	freshRanges *bart.Lite          // those of them that are no single address
	marks       []mark              // what this draft did to each chunk
	ended       []endedAdd
	now         int64
	change      Change
	pace        pacer
}

// A mark says what a draft did to a chunk of records.
type mark struct {
	owned   bool                    // the chunk was made for this draft and may be written
	touched *[chunkSize / 64]uint64 // slots that the batch has announced
}

// An endedAdd is a decision that was announced when it had ended already.
type endedAdd struct {
	prefix netip.Prefix
	kind   uint32
}

// draftLocked returns a draft of what follows the current state.
func (t *Table) draftLocked() *draft {
	s := t.cur.Load()
	if s == nil {
		s = emptyState()
	}
	return newDraft(t, s)
}

func newDraft(t *Table, s *state) *draft {
	d := &draft{state: *s, table: t, fresh: new(bart.Table[uint32]), freshRanges: new(bart.Lite)}
	d.chunks = slices.Clone(s.chunks)
	d.groups = slices.Clone(s.groups)
	d.marks = make([]mark, len(s.chunks))
	d.now = s.epoch.now()
	return d
}

// publish makes the draft what readers see, unless it has changed nothing.
func (d *draft) publish() {
	if d.change.Added+d.change.Moved+d.change.Removed == 0 {
		d.forgetKinds()
		return
	}
	d.merge()
	d.version++
	s := d.state
	d.table.cur.Store(&s)
	d.table.compactLocked(d.pace)
}

// merge brings the fresh prefixes into the tree. The figures behind the choice:
// UnionPersist costs 3 µs for each fresh prefix and leaves the old tree to its
// readers; cloning costs 0.2 µs for each old one, and inserting 0.4 µs for each.
func (d *draft) merge() {
	switch old, added := d.tree.Size(), d.fresh.Size(); {
	case added == 0:
		return
	case added > old:
		// The fresh trees are still ours alone, so the smaller part goes into them.
		d.fresh.Union(d.tree)
		d.freshRanges.Union(d.ranges)
		d.tree, d.ranges = d.fresh, d.freshRanges
	case added > old/16:
		d.tree, d.ranges = d.tree.Clone(), d.ranges.Clone()
		d.tree.Union(d.fresh)
		d.ranges.Union(d.freshRanges)
	default:
		d.tree = d.unionPersist(d.tree, d.fresh)
		d.ranges = d.ranges.UnionPersist(d.freshRanges)
	}
}

// unionPart is how many prefixes go into the tree at once. More are cheaper for
// each, and keep the processor for longer.
const unionPart = 16

// unionPersist returns the union of tree and fresh, and leaves tree as it is.
// It goes along the order of the trie, so that little is copied twice.
func (d *draft) unionPersist(tree, fresh *bart.Table[uint32]) *bart.Table[uint32] {
	part := new(bart.Table[uint32])
	for p, slot := range fresh.All() {
		if part.Size() == unionPart {
			tree, part = tree.UnionPersist(part), new(bart.Table[uint32])
		}
		part.Insert(p, slot)
		d.pace.step()
	}
	return tree.UnionPersist(part)
}

// put announces the decision r on p. What is in force already keeps its since.
func (d *draft) put(p netip.Prefix, r record) {
	if r.until <= d.now {
		d.ended = append(d.ended, endedAdd{p, r.kind})
		return
	}
	head, ok := d.slotOf(p)
	if !ok {
		d.insert(p, d.grow(r))
		return
	}
	last, spare := head, int64(-1)
	for slot := head; ; {
		old := d.at(slot)
		if old.until == free {
			spare = int64(slot)
		} else if d.same(old.kind, r.kind) {
			d.renew(slot, r)
			return
		}
		last = slot
		if old.next == 0 {
			break
		}
		slot = old.next - 1
	}
	if spare >= 0 {
		d.fill(uint32(spare), r)
		return
	}
	next := d.grow(r)
	d.own(last).next = next + 1
}

// renew announces again the decision in slot. Of several announcements in one
// batch the one that ends last counts: a Local API sends twins.
func (d *draft) renew(slot uint32, r record) {
	old := d.at(slot)
	twin := d.isTouched(slot)
	d.touch(slot)
	switch {
	case twin && r.until <= old.until:
	case old.until <= d.now:
		// It had ended in between, so it begins anew.
		d.kill(slot)
		d.change.Removed--
		d.fill(slot, r)
	case old.until != r.until || old.kind != r.kind:
		d.table.refs[old.kind]--
		d.table.refs[r.kind]++
		d.groups[d.groupOf[old.kind]].Decisions--
		d.groups[d.groupOf[r.kind]].Decisions++
		w := d.own(slot)
		w.until, w.kind = r.until, r.kind
		d.change.Moved++
	}
}

// remove takes back the decision of id's source and action on p, unless this
// draft has announced it.
func (d *draft) remove(p netip.Prefix, id kind) {
	slot, ok := d.slotOf(p)
	for ok {
		r := d.at(slot)
		if k := &d.kinds[r.kind]; r.until != free && k.action == id.action && k.source == id.source {
			if !d.isTouched(slot) {
				d.kill(slot)
			}
			return
		}
		slot, ok = r.next-1, r.next != 0
	}
}

// removeEnded takes back what was announced as ended and not as longer too.
func (d *draft) removeEnded() {
	for _, e := range d.ended {
		d.remove(e.prefix, d.kinds[e.kind])
	}
}

// same reports whether two kinds belong to one identity.
func (d *draft) same(a, b uint32) bool {
	if a == b {
		return true
	}
	x, y := &d.kinds[a], &d.kinds[b]
	return x.action == y.action && x.source == y.source
}

func (d *draft) slotOf(p netip.Prefix) (uint32, bool) {
	if slot, ok := d.tree.Get(p); ok {
		return slot, true
	}
	return d.fresh.Get(p)
}

// insert files a prefix that the tree does not have under its first slot.
func (d *draft) insert(p netip.Prefix, slot uint32) {
	d.fresh.Insert(p, slot)
	if !p.IsSingleIP() {
		d.freshRanges.Insert(p)
	} else if isPlace(p) {
		d.places = true
	}
}

// grow stores r in a new slot.
func (d *draft) grow(r record) uint32 {
	slot := d.slots
	if slot == math.MaxUint32-1 {
		panic("lookup: more than four billion records")
	}
	d.slots++
	if slot%chunkSize == 0 {
		d.chunks = append(d.chunks, new(chunk))
		d.marks = append(d.marks, mark{owned: true})
	}
	d.fill(slot, r)
	return slot
}

// fill stores r in a slot that is free, and keeps what is chained to it.
func (d *draft) fill(slot uint32, r record) {
	w := d.own(slot)
	r.next = w.next
	*w = r
	d.touch(slot)
	d.table.refs[r.kind]++
	d.groups[d.groupOf[r.kind]].Decisions++
	d.change.Added++
}

// kill frees a slot that is not free.
func (d *draft) kill(slot uint32) {
	w := d.own(slot)
	d.table.refs[w.kind]--
	d.groups[d.groupOf[w.kind]].Decisions--
	w.until = free
	d.change.Removed++
}

// own returns the record in slot for writing.
func (d *draft) own(slot uint32) *record {
	i := slot / chunkSize
	if m := &d.marks[i]; !m.owned {
		own := *d.chunks[i]
		d.chunks[i], m.owned = &own, true
	}
	return d.at(slot)
}

// touch marks a slot as announced by this batch, so that Replace finds the
// others, and the longest of several equal announcements is kept.
func (d *draft) touch(slot uint32) {
	m := &d.marks[slot/chunkSize]
	if m.touched == nil {
		m.touched = new([chunkSize / 64]uint64)
	}
	m.touched[slot%chunkSize/64] |= 1 << (slot % 64)
}

func (d *draft) isTouched(slot uint32) bool {
	touched := d.marks[slot/chunkSize].touched
	return touched != nil && touched[slot%chunkSize/64]&(1<<(slot%64)) != 0
}

// kindIndex returns where k stands among the kinds, adding it if it is new.
func (d *draft) kindIndex(k kind) uint32 {
	t := d.table
	if i, ok := t.index[k]; ok {
		return i
	}
	if t.index == nil {
		t.index = map[kind]uint32{}
	}
	i := uint32(len(d.kinds))
	// Readers of older states see no further than their own length.
	d.kinds = append(d.kinds, k)
	d.groupOf = append(d.groupOf, d.groupIndex(k))
	t.refs = append(t.refs, 0)
	t.index[k] = i
	return i
}
