package lookup

import (
	"net/netip"

	"github.com/gaissmai/bart"
)

// Ranges are the prefixes of which a key cannot be looked for, since an address does not
// tell their length: all but single addresses and the /64 of IPv6.
const (
	hostBits4    = 32
	hostBits6    = 128
	networkBits6 = 64
	filedBits6   = 32 // of an IPv6 address say whether ranges may cover it
	fillBits6    = 12 // a range with more than so many bits less sets them all
)

// isRange reports whether e is about a range.
func (e *entry[A]) isRange() bool {
	if len(e.addr) == 0 {
		return e.length() < hostBits4
	}
	return e.length() != hostBits6 && e.length() != networkBits6
}

// A trie is a set of ranges.
type trie = bart.Table[struct{}]

// insert makes p, about which nothing was said, known to filters and trie.
func (d *draft) insert(p netip.Prefix) {
	if isRange(p) {
		d.fresh.Insert(p, struct{}{})
	} else if isPlace(p) {
		d.places = true
	}
	d.see(p)
}

// see sets the bits of p.
func (s *state) see(p netip.Prefix) {
	if p.Addr().Is4() {
		a := number4(p.Addr())
		if !isRange(p) {
			s.v4.any.set(s.seed.mix(a))
			return
		}
		s.v4.wide.note(a, p.Bits(), p.Bits())
		s.v4.ranges++
		return
	}
	hi, _ := halves(p.Addr())
	if isRange(p) {
		s.seeRange6(hi, p.Bits())
		s.v6.ranges++
		return
	}
	s.v6.any.setPair(s.seed.network(hi), p.Bits() == networkBits6)
}

// seeRange6 sets the bits of all /32 that a range of IPv6 has a part in.
func (s *state) seeRange6(hi uint64, length int) {
	more := max(0, filedBits6-length)
	if more > fillBits6 {
		s.v6.wide.note(0, 0, length)
		return
	}
	for i := range uint64(1) << more {
		s.v6.wide.note(s.seed.network(hi>>filedBits6+i), 32, length)
	}
}

// merge brings the fresh ranges into the trie. The figures behind the choice:
// UnionPersist costs 2 µs for each fresh range and leaves the old trie to its
// readers; cloning costs 0.1 µs for each old one, and inserting 0.2 µs for each.
func (d *draft) merge() {
	switch old, added := d.state.ranges.Size(), d.fresh.Size(); {
	case added == 0:
		return
	case added > old:
		// The fresh trie is still ours alone, so the smaller part goes into it.
		d.fresh.Union(d.state.ranges)
		d.state.ranges = d.fresh
	case added > old/16:
		d.state.ranges = d.state.ranges.Clone()
		d.state.ranges.Union(d.fresh)
	default:
		d.state.ranges = d.unionPersist(d.state.ranges, d.fresh)
	}
	d.fresh = new(trie)
}

// unionPart is how many ranges go into the trie at once. More are cheaper for
// each, and keep the processor for longer.
const unionPart = 16

// unionPersist returns the union of tree and fresh, and leaves tree as it is.
// It goes along the order of the trie, so that little is copied twice.
func (d *draft) unionPersist(tree, fresh *trie) *trie {
	part := new(trie)
	for p := range fresh.All() {
		if part.Size() == unionPart {
			tree, part = tree.UnionPersist(part), new(trie)
		}
		part.Insert(p, struct{}{})
		d.pace.step()
	}
	return tree.UnionPersist(part)
}
