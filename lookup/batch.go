package lookup

import (
	"net/netip"
	"time"
)

// A Change counts what a batch did to a table.
type Change struct {
	Added   int // decisions that were not in force before
	Moved   int // decisions in force with a new end, origin or reason
	Removed int // removed decisions
	Held    int // announced ranges that are not in force, because they cover too much: see [Batch.Bound]
}

// A Batch collects changes of one source, and applies them all at once. Filling it
// takes no lock, and costs 16 bytes for an IPv4 decision and 32 for IPv6, so it can be
// filled from a slow network. Only one goroutine may use it. After Update or Replace it
// is empty, and keeps its settings.
type Batch struct {
	_ noCopy

	table          *Table
	source         string
	epoch          epoch // the epoch of the ends in it
	kinds          []kind
	index          map[kind]uint32
	recent         []indexed // kinds by a few of their bytes, to spare index; nil in a small batch
	adds, removals rows
	pace           pacer
	limit          float64 // share of all addresses, see Bound; 0: none
}

// Gently makes b yield to all other work, and returns b. While it is filled and applied
// it pauses for a millisecond after each tenth of a millisecond, unless another writer
// waits. So requests are hardly delayed, but a change of ten thousand decisions takes
// 0.2 s instead of 0.02 s, and one of a million twice as long plus a second. The first
// batch of a source is urgent, so it makes no pauses.
func (b *Batch) Gently() *Batch {
	b.pace.gentle = b.table.Count(b.source) > 0
	return b
}

// recentKinds is the number of kinds that a large batch finds without its index.
const recentKinds = 256

// An indexed is a kind with its index in the kinds of a batch, plus one.
type indexed struct {
	kind
	next uint32
}

// maxBatchKinds limits the different origins and reasons of one batch.
const maxBatchKinds = 1 << 20

// Batch starts a batch of changes of a source.
func (t *Table) Batch(source string) *Batch {
	return &Batch{table: t, source: source, epoch: epoch(time.Now()), index: map[kind]uint32{}}
}

// Add announces d. Its Source and Since are ignored: a decision begins when the table
// first gets it. Of several decisions with the same target and action, the one that
// ends last counts. One that has ended removes the existing one. One without a target
// or action is ignored.
func (b *Batch) Add(d Decision) {
	b.pace.step()
	p, ok := d.target()
	if !ok || d.Action == None || d.Action > Ban {
		return
	}
	b.adds.push(p, b.kindIndex(kind{origin: d.Origin, reason: d.Reason, action: d.Action}), b.epoch.end(d.Until))
}

// Remove removes the source's decision with the same target and action. The other
// fields of d are ignored.
func (b *Batch) Remove(d Decision) {
	b.pace.step()
	p, ok := d.target()
	if !ok || d.Action == None || d.Action > Ban {
		return
	}
	b.removals.push(p, uint32(d.Action), 0)
}

// Added returns the number of decisions announced so far.
func (b *Batch) Added() int { return b.adds.len() }

// Removed returns the number of decisions removed so far.
func (b *Batch) Removed() int { return b.removals.len() }

// Update applies the batch: first the removals, then the announcements.
func (b *Batch) Update() Change { return b.apply(false) }

// Replace applies the batch as all decisions of the source: decisions that it does not
// announce are removed.
func (b *Batch) Replace() Change { return b.apply(true) }

func (b *Batch) apply(whole bool) Change {
	t := b.table
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.draftLocked()
	d.pace.gentle, d.pace.lock = b.pace.gentle, &t.mu
	d.reserve(b.adds.v4.n, b.adds.v6.n)
	b.removals.drain(d, func(p netip.Prefix, a uint32, _ int64) {
		d.remove(p, kind{source: b.source, action: Action(a)})
	})
	b.announce(d, whole)
	d.removeEnded()
	if whole {
		d.removeUntouched(b.source)
	}
	d.publish()
	gentle, limit := b.pace.gentle, b.limit
	*b = *t.Batch(b.source)
	b.pace.gentle, b.limit = gentle, limit
	return d.change
}

// announce puts the announced decisions into d, except ranges that cover too much.
func (b *Batch) announce(d *draft, whole bool) {
	kinds := make([]uint32, len(b.kinds))
	for i, k := range b.kinds {
		k.source = b.source
		kinds[i] = d.kindIndex(k)
	}
	var tooMuch map[netip.Prefix]bool
	if b.limit > 0 && b.limit < 1 {
		tooMuch = b.tooMuch(d, whole)
	}
	by, done, all := d.epoch.nanos(time.Time(b.epoch)), 0, b.adds.len()
	b.adds.drain(d, func(p netip.Prefix, k uint32, until int64) {
		if done++; done%collectAfter == 0 {
			collect(all)
		}
		if tooMuch[p] {
			d.change.Held++
			return
		}
		d.put(p, record{shift(until, by), d.now, kinds[k]})
	})
}

func (b *Batch) kindIndex(k kind) uint32 {
	if b.recent == nil {
		if b.adds.len() < recentKinds {
			return b.indexOf(k)
		}
		b.recent = make([]indexed, recentKinds)
	}
	recent := &b.recent[k.slot()]
	if recent.next == 0 || recent.kind != k {
		*recent = indexed{k, b.indexOf(k) + 1}
	}
	return recent.next - 1
}

// indexOf returns the index of k in the kinds, and adds k if it is new.
func (b *Batch) indexOf(k kind) uint32 {
	if len(b.kinds) >= maxBatchKinds {
		// So many different reasons are not useful: keep the decision without them.
		k.origin, k.reason = "", ""
	}
	i, ok := b.index[k]
	if !ok {
		i = uint32(len(b.kinds))
		b.kinds = append(b.kinds, k)
		b.index[k] = i
	}
	return i
}

// slot returns the place of k among recent kinds. Names of scenarios differ at their ends.
func (k *kind) slot() uint32 {
	n := uint32(len(k.reason)) + uint32(len(k.origin))<<3 + uint32(k.action)<<5
	if len(k.reason) >= 4 {
		end := k.reason[len(k.reason)-4:]
		n += uint32(end[0])*7 + uint32(end[1])*5 + uint32(end[2])*3 + uint32(end[3])
	}
	return n % recentKinds
}
