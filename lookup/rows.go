package lookup

import (
	"net/netip"
	"slices"
)

// rows is a compact list of changes. It grows by blocks, so a million of them are never
// copied.
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

func (w *row4) bits() int { return int(w.meta & 0xff) }
func (w *row6) bits() int { return int(w.meta & 0xff) }

func (w *row4) prefix() netip.Prefix { return netip.PrefixFrom(from4(w.addr), w.bits()) }
func (w *row6) prefix() netip.Prefix { return netip.PrefixFrom(from6(w.hi, w.lo), w.bits()) }

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

// drain calls f for each row and frees the rows. They come in the order in which d stores
// them, so that each page is looked for, copied and grown once. IPv6, usually the smaller
// part, comes first: so less memory is in use when the table is complete.
func (r *rows) drain(d *draft, f func(p netip.Prefix, k uint32, until int64)) {
	drain(&r.v6, d, func(w *row6) uint32 { return d.seed.hash(w.hi, w.lo) }, func(w *row6) {
		f(w.prefix(), w.meta>>8, w.until)
	})
	drain(&r.v4, d, func(w *row4) uint32 { return d.seed.mix(w.addr) }, func(w *row4) {
		f(w.prefix(), w.meta>>8, w.until)
	})
}

// drain calls f for each element of b, sorted by their numbers, and frees them. Elements
// with one number keep their order.
func drain[T any](b *blocks[T], d *draft, number func(*T) uint32, f func(*T)) {
	var order []uint64 // the number of each element of a part, and its index in the part
	all := b.parts(d, number)
	if b.n > collectAfter {
		collect(b.n)
	}
	*b = blocks[T]{}
	for i, part := range all {
		all[i] = nil
		order = order[:0]
		for j := range part {
			order = append(order, uint64(number(&part[j]))<<32|uint64(j))
		}
		slices.Sort(order)
		for _, at := range order {
			d.pace.step()
			f(&part[uint32(at)])
		}
	}
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

// rowPartBits is how many first bits of a number select the part.
const rowPartBits = 6

// parts frees the elements of b and returns them in parts, by the first bits of their numbers.
func (b *blocks[T]) parts(d *draft, number func(*T) uint32) [][]T {
	all := append(b.full, b.cur)
	if len(all) == 1 {
		return all
	}
	part := func(v *T) uint32 { return number(v) >> (32 - rowPartBits) }
	var sizes [1 << rowPartBits]int
	for _, block := range all {
		for i := range block {
			d.pace.step()
			sizes[part(&block[i])]++
		}
	}
	parts := make([][]T, len(sizes))
	for i, n := range sizes {
		parts[i] = make([]T, 0, n)
	}
	for n, block := range all {
		all[n] = nil
		for i := range block {
			d.pace.step()
			to := &parts[part(&block[i])]
			*to = append(*to, block[i])
		}
	}
	return parts
}

// each calls f for each element.
func (b *blocks[T]) each(f func(*T)) {
	for _, block := range append(slices.Clip(b.full), b.cur) {
		for i := range block {
			f(&block[i])
		}
	}
}
