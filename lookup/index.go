package lookup

import "math"

// How a table stores its decisions.
//
// # Pages
//
// All decisions of one address family are in pages, sorted by their keys. Each uses 24 bytes
// (IPv4) or 40 bytes (IPv6). A key begins with a hash of the address with a secret seed,
// which looks random. The first bits of this number select the page, the next five bits a
// part of it, and the others the position there: the entry is in this place, or one or two
// places beside it. The directory has one cache line for each page: where its entries are,
// and where each of 32 parts begins. For a million decisions that is a quarter of a megabyte, so
// it stays in the cache of a core, and a decision is one access to memory away. Its record
// is beside its key.
//
// Pages fill evenly, as random numbers do, whatever the addresses are, because nobody can
// choose the numbers. An entry that is not near its expected position is found by binary
// search. If a page gets too many decisions, the table gets a new seed.
//
// # What is asked first
//
// A filter with a bit for each number (see filter) shows at once that most addresses have no
// decision of their own, even beside one that has. For an IPv6 address, up to two keys are
// looked up: its own and its /64, each of which has a bit.
//
// Ranges are all prefixes except IPv4 addresses, IPv6 addresses and /64. An address does not
// show the lengths of the ranges with it, so the table stores which lengths there are in each
// part of the address space: see spans. Most parts have none, and others one or two: these
// keys are looked up too. Where more lengths are possible, another filter, with a bit for each
// range, tells which keys to look up.
//
// # Changes
//
// Pages are immutable once readers can see them. A writer copies the pages that it changes,
// the segments of the directory with these pages, and the list of segments: about ten
// kilobytes for one decision in a million.
//
// A page has no pointers, so the garbage collector scans only the directory.

const (
	segmentPages = 64
	pageEntries  = 256 // average entries of a page at which the number of pages doubles
	partBits     = 5
	pageParts    = 1 << partBits // parts of a page whose beginnings are known
	minDepth     = 6             // the smallest number of bits for a page number: one segment
	maxDepth     = 26
	window       = 7 // how many entries are examined around the expected position
)

// An address distinguishes two addresses with the same number. For IPv4 it is empty, because
// each address has a different number. For IPv6 it is the whole address.
type address interface{ addr4 | addr6 }

type (
	addr4 = [0]uint64
	addr6 = [2]uint64
)

// A key is the sort key for the decisions about one prefix.
type key[A address] struct {
	addr   A
	number uint32
	length uint8 // the length of the prefix
}

// An entry is one decision. Entries for one prefix are adjacent, in the order in which they
// were added.
type entry[A address] struct {
	addr A
	fact
}

// A fact is what entries of both families consist of.
type fact struct {
	number uint32
	meta   uint32 // the prefix's length in the low bits, and the kind above them
	until  int64
	since  int64
}

const lengthBits = 8 // how many bits of meta hold the length

func (k *key[A]) entry(r record) entry[A] {
	e := entry[A]{addr: k.addr, fact: fact{number: k.number, meta: uint32(k.length)}}
	e.set(r)
	return e
}

func (f *fact) kind() uint32   { return f.meta >> lengthBits }
func (f *fact) length() uint8  { return uint8(f.meta) }
func (f *fact) record() record { return record{f.until, f.since, f.kind()} }

// set replaces the decision of f by r, for the same prefix.
func (f *fact) set(r record) {
	f.meta, f.until, f.since = r.kind<<lengthBits|uint32(f.length()), r.until, r.since
}

// is reports whether e is about the prefix of k.
func (e *entry[A]) is(k *key[A]) bool {
	return e.number == k.number && e.length() == k.length && e.addr == k.addr
}

// before reports whether e sorts before all entries of k.
func (e *entry[A]) before(k *key[A]) bool {
	if e.number != k.number {
		return e.number < k.number
	}
	for i := range len(k.addr) {
		if e.addr[i] != k.addr[i] {
			return e.addr[i] < k.addr[i]
		}
	}
	return e.length() < k.length
}

// A page has the decisions whose numbers begin with the same bits. It fills a cache line of
// the directory.
type page[A address] struct {
	entries []entry[A]
	starts  [pageParts + 1]uint8 // of the parts, by the next bits of their numbers; see begin
}

// A segment is a part of the directory of pages.
type segment[A address] [segmentPages]page[A]

// An index has all decisions of one family.
type index[A address] struct {
	any    filter // addresses with a decision, and networks of IPv6
	wide   spans  // addresses that ranges contain
	dir    []*segment[A]
	depth  uint8 // how many bits of a number select the page
	n      int   // the number of entries
	gone   int   // removed entries whose filter bits are still set
	ranges int   // ranges with bits in wide
}

func emptyIndex[A address]() index[A] {
	return index[A]{any: newFilter(0), wide: newSpans(0), dir: []*segment[A]{new(segment[A])}, depth: minDepth}
}

// pages returns the number of pages.
func (x *index[A]) pages() uint32 { return 1 << x.depth }

// pageOf returns the index of the page for a number.
func (x *index[A]) pageOf(number uint32) uint32 { return number >> ((32 - x.depth) & 31) }

func (x *index[A]) pageAt(n uint32) *page[A] { return &x.dir[n/segmentPages][n%segmentPages] }

func (x *index[A]) at(n uint32, i int) *entry[A] { return &x.pageAt(n).entries[i] }

// find returns the entries of the page for k, and the position of its first entry there, or
// the position where it belongs.
func (x *index[A]) find(k *key[A]) ([]entry[A], int) {
	p := x.pageAt(x.pageOf(k.number))
	return p.entries, p.find(k, x.depth)
}

// only returns the entry with this number, or nil if there is none. It returns false if there
// may be several, or if it is not near its expected position. Counting the smaller numbers
// there needs no branch, which the processor could not predict.
func (x *index[A]) only(number uint32) (*entry[A], bool) {
	p := x.pageAt(x.pageOf(number))
	all := p.entries
	if len(all) < window {
		return nil, false
	}
	rest := number << (x.depth & 31)
	part := rest >> (32 - partBits)
	first, size := int(p.starts[part]), uint64(p.starts[part+1]-p.starts[part])
	i := first + int(uint64(rest<<partBits)*size>>32) - window/2
	near := (*[window]entry[A])(all[min(max(i, 0), len(all)-window):])
	smaller := less(near[0].number, number) + less(near[1].number, number) + less(near[2].number, number) + less(near[3].number, number) +
		less(near[4].number, number) + less(near[5].number, number) + less(near[6].number, number)
	last := uint(smaller - 1) // of the smaller numbers
	switch {
	case last >= window-2:
		return nil, false
	case near[last+1].number != number:
		return nil, true
	}
	return &near[last+1], near[last+2].number != number
}

// find returns the position of the first entry of k, or the position where it belongs.
func (p *page[A]) find(k *key[A], depth uint8) int {
	if len(p.entries) > math.MaxUint8 {
		return search(p.entries, k)
	}
	part := k.number << (depth & 31) >> (32 - partBits)
	first := int(p.starts[part])
	return first + search(p.entries[first:p.starts[part+1]], k)
}

// less returns 1 if a is less than b, else 0.
func less(a, b uint32) int { return int((uint64(a) - uint64(b)) >> 63) }

// search returns the position of the first entry of k in all, or the position where it belongs.
// The zero address and the length 0 sort before all others.
func search[A address](all []entry[A], k *key[A]) int {
	from, to := 0, len(all)
	for from < to {
		if half := (from + to) / 2; all[half].before(k) {
			from = half + 1
		} else {
			to = half
		}
	}
	return from
}

// records calls yield with each decision about k until it returns false.
func (x *index[A]) records(k *key[A], yield func(record) bool) {
	all, i := x.find(k)
	for i < len(all) && all[i].is(k) && yield(all[i].record()) {
		i++
	}
}

// each calls f with each entry until f returns false. It reports whether f never did.
func (x *index[A]) each(f func(e *entry[A]) bool) bool {
	for _, s := range x.dir {
		for n := range s {
			all := s[n].entries
			for i := range all {
				if !f(&all[i]) {
					return false
				}
			}
		}
	}
	return true
}
