package lookup

import (
	"net/netip"
	"time"
)

// A Change counts what a batch did to a table.
type Change struct {
	Added   int // decisions that were not in force
	Moved   int // decisions that were, with another end, origin or reason
	Removed int // decisions that are gone
	Held    int // ranges that were announced and are not in force, since they cover too much: see [Batch.Bound]
}

// A Batch collects changes to what one source says, and puts them into force
// all at once. Filling it takes no lock and costs 16 bytes an IPv4 decision
// and 32 an IPv6 one, so it can be filled at the pace of a slow network. It is
// for one goroutine; after Update or Replace it is empty and as gentle as before.
type Batch struct {
	_ noCopy

	table          *Table
	source         string
	epoch          epoch // what ends are counted from until the table is known
	kinds          []kind
	index          map[kind]uint32
	last           kind   // the kind added last, since most come in runs
	lastIndex      uint32 // where it stands
	adds, removals rows
	pace           pacer
	limit          float64 // share of all addresses; 0: see Bound
}

// Gently makes b give way to all other work, and returns it. While it is filled and
// put into force it pauses for a millisecond after every tenth of one, unless
// another writer waits. So requests hardly notice, but a change of ten thousand
// decisions takes 0.2 s instead of 0.02 s, and one of a million twice as long and a
// second more. The first that a source says is urgent, and made at once all the same.
func (b *Batch) Gently() *Batch {
	b.pace.gentle = b.table.Count(b.source) > 0
	return b
}

// maxBatchKinds bounds the different origins and reasons of one batch.
const maxBatchKinds = 1 << 20

// Batch starts a batch of changes to what source says.
func (t *Table) Batch(source string) *Batch {
	return &Batch{table: t, source: source, epoch: epoch(time.Now()), index: map[kind]uint32{}}
}

// Add announces d. Its Source is ignored, and so is its Since: a decision
// begins when the table first hears of it. Of several about the same thing with
// the same action the one that ends last counts. One that has ended already
// takes back what there is of it. One that is about nothing or has no action is
// ignored.
func (b *Batch) Add(d Decision) {
	b.pace.step()
	p, ok := d.target()
	if !ok || d.Action == None || d.Action > Ban {
		return
	}
	b.adds.push(p, b.kindIndex(kind{origin: d.Origin, reason: d.Reason, action: d.Action}), b.epoch.end(d.Until))
}

// Remove takes back what the source has said about the same thing with the same
// action. The other fields of d are ignored.
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

// Removed returns the number of decisions taken back so far.
func (b *Batch) Removed() int { return b.removals.len() }

// Update puts the batch into force: first what it takes back, then what it
// announces.
func (b *Batch) Update() Change { return b.apply(false) }

// Replace puts the batch into force as the whole of what the source says: what
// it does not announce is gone.
func (b *Batch) Replace() Change { return b.apply(true) }

func (b *Batch) apply(whole bool) Change {
	t := b.table
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.draftLocked()
	d.pace.gentle, d.pace.lock = b.pace.gentle, &t.mu
	d.reserve(b.adds.v4.n, b.adds.v6.n)
	b.removals.drain(func(p netip.Prefix, a uint32, _ int64) {
		d.pace.step()
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
	b.adds.drain(func(p netip.Prefix, k uint32, until int64) {
		d.pace.step()
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
	if k == b.last && len(b.kinds) > 0 {
		return b.lastIndex
	}
	if len(b.kinds) >= maxBatchKinds {
		// Nobody writes so many reasons by hand: keep the decision, not the prose.
		k.origin, k.reason = "", ""
	}
	i, ok := b.index[k]
	if !ok {
		i = uint32(len(b.kinds))
		b.kinds = append(b.kinds, k)
		b.index[k] = i
	}
	b.last, b.lastIndex = k, i
	return i
}

// rows is a list of changes in little memory. It grows by blocks, so that a
// million of them are never copied.
type rows struct {
	v4 blocks[row4]
	v6 blocks[row6]
}

// row4 and row6 hold a change to an IPv4 and an IPv6 prefix.
type row4 struct {
	addr  uint32
	meta  uint32 // bits, and above them a kind's index or an action
	until int64
}

type row6 struct {
	hi, lo uint64
	meta   uint32 // as in row4
	until  int64
}

func (w row4) prefix() netip.Prefix { return netip.PrefixFrom(from4(w.addr), int(w.meta&0xff)) }

func (w row6) prefix() netip.Prefix { return netip.PrefixFrom(from6(w.hi, w.lo), int(w.meta&0xff)) }

func (r *rows) push(p netip.Prefix, k uint32, until int64) {
	meta := k<<8 | uint32(p.Bits())
	if p.Addr().Is4() {
		r.v4.push(row4{number4(p.Addr()), meta, until})
		return
	}
	hi, lo := halves(p.Addr())
	r.v6.push(row6{hi, lo, meta, until})
}

func (r *rows) len() int { return r.v4.n + r.v6.n }

// drain calls f for each row and frees them on the way.
func (r *rows) drain(f func(p netip.Prefix, k uint32, until int64)) {
	r.v4.drain(func(w row4) {
		f(w.prefix(), w.meta>>8, w.until)
	})
	r.v6.drain(func(w row6) {
		f(w.prefix(), w.meta>>8, w.until)
	})
}

const blockSize = 4096

type blocks[T any] struct {
	full [][]T
	cur  []T
	n    int
}

func (b *blocks[T]) push(v T) {
	if len(b.cur) == blockSize {
		b.full = append(b.full, b.cur)
		b.cur = make([]T, 0, blockSize)
	}
	b.cur = append(b.cur, v)
	b.n++
}

func (b *blocks[T]) drain(f func(T)) {
	all := append(b.full, b.cur)
	*b = blocks[T]{}
	for i := range all {
		for _, v := range all[i] {
			f(v)
		}
		all[i] = nil
	}
}
