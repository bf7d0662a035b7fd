package lookup

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
)

// DefaultCoverage is the share of all addresses that a source may cover unless its
// operator says otherwise. Spamhaus's DROP covers 0.4 % of IPv4, and the lists of most
// countries less; that of the whole of China, 8 %, and of the United States, 37 %,
// want his word, and so does a mistake such as 0.0.0.0/1.
const DefaultCoverage = 0.05

// growths is how many steps it takes to grow from nothing to the bound of a source
// that had something to say already.
const growths = 5

// What is narrower is counted without a look at what else covers it: two million
// of them are a sixteenth of all addresses at most.
const (
	wideBits4 = 24
	wideBits6 = 48
)

// Share returns how much of all addresses of its family p, which is normalized,
// covers. For IPv6 that is a share of what registries have handed out, about as much
// as a /13: of all addresses, the whole of today's Internet is next to nothing.
func Share(p netip.Prefix) float64 {
	if p.Addr().Is4() {
		return math.Ldexp(1, -p.Bits())
	}
	return min(1, math.Ldexp(1, 13-p.Bits()))
}

// A covered is how much of IPv4 and of IPv6 is covered.
type covered struct{ v4, v6 float64 }

func (s *covered) add(p netip.Prefix) {
	if p.Addr().Is4() {
		s.v4 += Share(p)
	} else {
		s.v6 += Share(p)
	}
}

func isWide(p netip.Prefix) bool {
	if p.Addr().Is4() {
		return p.Bits() <= wideBits4
	}
	return p.Bits() <= wideBits6
}

// union returns what all cover together, and sorts them.
func union(all []netip.Prefix) (s covered) {
	slices.SortFunc(all, func(a, b netip.Prefix) int { return cmp.Or(a.Addr().Compare(b.Addr()), a.Bits()-b.Bits()) })
	var last netip.Prefix
	for _, p := range all {
		if !last.IsValid() || !last.Overlaps(p) { // or it lies within the one before
			s.add(p)
			last = p
		}
	}
	return s
}

// Bound keeps the source of b from covering more than limit of all addresses, IPv4 and
// IPv6 apart, and one that had something to say already from covering more than a
// fifth of limit more than before. The widest ranges that the batch announces are held
// back until it fits; a Change says how many. It returns b. A limit of 1 or more is
// none.
func (b *Batch) Bound(limit float64) *Batch {
	b.limit = limit
	return b
}

// tooMuch returns the ranges that b announces and is not to: see Bound. Whole says
// that what the source said before is gone.
func (b *Batch) tooMuch(d *draft, whole bool) map[netip.Prefix]bool {
	var wide []netip.Prefix
	var narrow covered
	b.adds.each(func(p netip.Prefix) {
		switch {
		case isPlace(p):
		case isWide(p):
			wide = append(wide, p)
		default:
			narrow.add(p)
		}
	})
	if len(wide) == 0 {
		return nil
	}
	held := d.wide(b.source)
	before := union(held)
	base := before
	if whole {
		base, held = covered{}, nil
	}
	room := func(before float64) float64 {
		if d.has(b.source) {
			return min(b.limit, before+b.limit/growths)
		}
		return b.limit
	}
	most := covered{room(before.v4), room(before.v6)}
	total := union(slices.Concat(held, wide))
	if total.v4+narrow.v4 <= most.v4 && total.v6+narrow.v6 <= most.v6 {
		return nil
	}
	sum := covered{base.v4 + narrow.v4, base.v6 + narrow.v6}
	return widest(wide, sum, most)
}

// widest returns those of all that are not to be there for the rest and sum to stay
// below most.
func widest(all []netip.Prefix, sum, most covered) map[netip.Prefix]bool {
	gone := map[netip.Prefix]bool{}
	slices.SortStableFunc(all, func(a, b netip.Prefix) int { return b.Bits() - a.Bits() })
	for _, p := range slices.Compact(all) {
		next := sum
		if next.add(p); p.Addr().Is4() && next.v4 > most.v4 || p.Addr().Is6() && next.v6 > most.v6 {
			gone[p] = true
			continue
		}
		sum = next
	}
	return gone
}

// wide returns the wide ranges about which source says something in d.
func (d *draft) wide(source string) (all []netip.Prefix) {
	for p := range d.ranges.All() {
		if !isWide(p) {
			continue
		}
		if d.says(p, source) {
			all = append(all, p)
		}
	}
	return all
}

func (d *draft) says(p netip.Prefix, source string) bool {
	for r := range d.records(p) {
		if r.until > d.now && d.kinds[r.kind].source == source {
			return true
		}
	}
	return false
}

// has reports whether source says anything in d.
func (d *draft) has(source string) bool {
	return slices.ContainsFunc(d.groups, func(g Group) bool { return g.Source == source && g.Decisions > 0 })
}

// each calls f for each row.
func (r *rows) each(f func(p netip.Prefix)) {
	r.v4.each(func(w row4) { f(w.prefix()) })
	r.v6.each(func(w row6) { f(w.prefix()) })
}

func (b *blocks[T]) each(f func(T)) {
	for _, block := range append(slices.Clip(b.full), b.cur) {
		for _, v := range block {
			f(v)
		}
	}
}
