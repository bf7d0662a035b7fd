package lookup

// How a table files its decisions.
//
// # Pages
//
// All decisions of one family lie in pages, in the order of their keys, and 24 bytes
// each (IPv4) or 40 (IPv6). A key begins with a number that the address has under a
// secret seed and that looks random. Its first bits say which page it is in, and those
// that follow where in the page: there, or one or two places beside it. So a decision
// is a cache line or two away from the directory of pages, and its record is beside its
// key.
//
// Pages stay as even as chance makes them, whatever the addresses, since nobody can
// choose the numbers. What is not near where it should be is found by a binary search,
// and a page of very many decisions gets the table a new seed.
//
// # What is asked first
//
// A filter with a bit for each /24 (fewer bits in a small table) says at once that
// nothing is known about most addresses: see filter. An IPv6 address has three keys that
// must be looked for: its own, its /64 and, if there are ranges, those.
//
// Ranges, that is all but IPv4 addresses, IPv6 addresses and /64, stand in a trie too,
// that knows which of them cover an address. A filter of its own spares it the question.
//
// # Changes
//
// Pages are immutable once readers can see them. A writer copies those that it changes,
// the segments of the directory that have them, and the list of segments: for one
// decision in a million some seven kilobytes.
//
// A page has no pointers, so the garbage collector looks at the directory only.

const (
	segmentPages = 64
	pageEntries  = 32 // on average, before there are twice as many pages
	minDepth     = 6  // bits of the number of a page: one segment
	maxDepth     = 26
	window       = 8 // entries of a page that are looked at, around where a number is expected
)

// An address is what tells two addresses with the same number apart: nothing for IPv4,
// where only one address has a number, and the whole of it for IPv6.
type address interface{ addr4 | addr6 }

type (
	addr4 = [0]uint64
	addr6 = [2]uint64
)

// A key is what decisions about one prefix are filed under.
type key[A address] struct {
	addr   A
	number uint32
	length uint8 // of the prefix
}

// An entry is one decision. Those about one prefix stand side by side in the order in
// which they came.
type entry[A address] struct {
	addr   A
	number uint32
	meta   uint32 // the prefix's length, and above it a kind
	until  int64
	since  int64
}

const lengthBits = 8 // of meta

func (k *key[A]) entry(r record) entry[A] {
	e := entry[A]{addr: k.addr, number: k.number, meta: uint32(k.length)}
	e.set(r)
	return e
}

func (e *entry[A]) kind() uint32   { return e.meta >> lengthBits }
func (e *entry[A]) length() uint8  { return uint8(e.meta) }
func (e *entry[A]) record() record { return record{e.until, e.since, e.kind()} }

// set makes e say r about the same prefix.
func (e *entry[A]) set(r record) {
	e.meta, e.until, e.since = r.kind<<lengthBits|uint32(e.length()), r.until, r.since
}

// is reports whether e is about what k stands for.
func (e *entry[A]) is(k *key[A]) bool {
	return e.number == k.number && e.length() == k.length && e.addr == k.addr
}

// before reports whether e comes before all entries of k.
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

// A segment is a part of the directory of pages.
type segment[A address] [segmentPages][]entry[A]

// An index has all decisions of one family.
type index[A address] struct {
	any    filter // all that anything is said about
	wide   filter // what ranges cover
	dir    []*segment[A]
	depth  uint8 // bits of a number that say which page
	n      int   // entries
	gone   int   // entries that are not there any more, but whose bits still are
	ranges int   // ranges that wide has bits for
}

func emptyIndex[A address]() index[A] {
	return index[A]{any: newFilter(0), wide: newFilter(0), dir: []*segment[A]{new(segment[A])}, depth: minDepth}
}

// pages returns the number of pages.
func (x *index[A]) pages() uint32 { return 1 << x.depth }

// pageOf returns which page a number is in.
func (x *index[A]) pageOf(number uint32) uint32 { return number >> ((32 - x.depth) & 31) }

func (x *index[A]) pageAt(n uint32) []entry[A] { return x.dir[n/segmentPages][n%segmentPages] }

func (x *index[A]) at(n uint32, i int) *entry[A] { return &x.pageAt(n)[i] }

// find returns the page for k and where the entries of k begin in it, or would.
func (x *index[A]) find(k *key[A]) ([]entry[A], int) {
	page := x.pageAt(x.pageOf(k.number))
	i := seek(page, k.number, x.depth)
	if i < len(page) && page[i].number == k.number && !page[i].is(k) {
		i += search(page[i:], k)
	}
	return page, i
}

// seek returns the first entry of page with this number, or where it would be. It is
// within a few places of where it should be if the numbers are even, and those are counted
// without a branch, which the processor could not foresee.
func seek[A address](page []entry[A], number uint32, depth uint8) int {
	if len(page) < window {
		return search(page, &key[A]{number: number})
	}
	i := int(uint64(number<<(depth&31))*uint64(len(page))>>32) - window/2
	i = min(max(i, 0), len(page)-window)
	near := page[i : i+window]
	for j := range near {
		i += int((uint64(near[j].number) - uint64(number)) >> 63) // 1 if it is less
	}
	if i > 0 && page[i-1].number >= number {
		return search(page[:i-1], &key[A]{number: number})
	} else if i < len(page) && page[i].number < number {
		return i + search(page[i:], &key[A]{number: number})
	}
	return i
}

// search returns where the entries of k are in page, or would be. The zero address and
// the length 0 come before all others.
func search[A address](page []entry[A], k *key[A]) int {
	from, to := 0, len(page)
	for from < to {
		if half := (from + to) / 2; page[half].before(k) {
			from = half + 1
		} else {
			to = half
		}
	}
	return from
}

// records calls yield with what is said about k until it returns false.
func (x *index[A]) records(k *key[A], yield func(record) bool) {
	page, i := x.find(k)
	for i < len(page) && page[i].is(k) && yield(page[i].record()) {
		i++
	}
}

// each calls f with each entry until it returns false, and reports whether it never did.
func (x *index[A]) each(f func(e *entry[A]) bool) bool {
	for _, s := range x.dir {
		for _, page := range s {
			for i := range page {
				if !f(&page[i]) {
					return false
				}
			}
		}
	}
	return true
}
