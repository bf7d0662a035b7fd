package lookup

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
)

// DefaultCoverage is the share of all addresses that a source may cover by default.
// Spamhaus's DROP covers 0.4 % of IPv4, and the lists of most countries less. Those of
// all of China (8 %) and the United States (37 %) need a setting of the operator, and
// so does a mistake such as 0.0.0.0/1.
const DefaultCoverage = 0.05

// growths is in how many steps a source with earlier decisions can grow to its limit.
const growths = 5

// Narrower ranges are added up without a check for overlaps: two million of them cover
// at most a sixteenth of all addresses.
const (
	wideBits4 = 24
	wideBits6 = 48
)

// Share returns the share of all addresses of its family that the normalized p covers.
// For IPv6 it is the share of the assigned addresses, about a /13, because almost all
// others are unused.
func Share(p netip.Prefix) float64 {
	if p.Addr().Is4() {
		return share4(p.Bits())
	}
	return share6(p.Bits())
}

func share4(bits int) float64 { return math.Ldexp(1, -bits) }

func share6(bits int) float64 { return min(1, math.Ldexp(1, 13-bits)) }

// A covered is how much of IPv4 and of IPv6 is covered.
type covered struct{ v4, v6 float64 }

func (s *covered) add(p netip.Prefix) {
	if p.Addr().Is4() {
		s.v4 += Share(p)
	} else {
		s.v6 += Share(p)
	}
}

func (s covered) plus(o covered) covered { return covered{s.v4 + o.v4, s.v6 + o.v6} }

// sum returns the coverage of all, with overlaps counted each time.
func sum(all []netip.Prefix) (s covered) {
	for _, p := range all {
		s.add(p)
	}
	return s
}

func isWide(p netip.Prefix) bool {
	if p.Addr().Is4() {
		return p.Bits() <= wideBits4
	}
	return p.Bits() <= wideBits6
}

// union returns the coverage of all together, and sorts them.
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

// Bound limits the share of all addresses that the source of b may cover, separately
// for IPv4 and IPv6. A source with earlier decisions may also cover at most a fifth of
// limit more than before. The widest announced ranges are left out until the batch
// fits. Change has their number. It returns b. A limit of 1 or more means no limit.
func (b *Batch) Bound(limit float64) *Batch {
	b.limit = limit
	return b
}

// tooMuch returns the announced ranges of b to leave out: see Bound. Whole says that
// the earlier decisions of the source go.
func (b *Batch) tooMuch(d *draft, whole bool) map[netip.Prefix]bool {
	wide, narrow := b.announced(d)
	if len(wide) == 0 {
		return nil
	}
	if b.fits(d, d.wideSum(b.source), sum(wide).plus(narrow), whole) {
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
	total := union(slices.Concat(held, wide)).plus(narrow)
	if total.v4 <= most.v4 && total.v6 <= most.v6 {
		return nil
	}
	return widest(wide, base.plus(narrow), most)
}

// announced returns the announced ranges that are wide, and the coverage of the others. It
// counts by length, because that takes a tenth of the time of adding up shares.
func (b *Batch) announced(d *draft) (wide []netip.Prefix, narrow covered) {
	var lengths4 [hostBits4 + 1]int
	var lengths6 [hostBits6 + 1]int
	b.adds.v4.each(func(w *row4) {
		d.pace.step()
		if n := w.bits(); n <= wideBits4 {
			wide = append(wide, w.prefix())
		} else {
			lengths4[n]++
		}
	})
	b.adds.v6.each(func(w *row6) {
		d.pace.step()
		if n := w.bits(); n <= wideBits6 {
			wide = append(wide, w.prefix())
		} else if n < hostBits6 || !isPlace(w.prefix()) {
			lengths6[n]++
		}
	})
	for n, rows := range lengths4 {
		narrow.v4 += float64(rows) * share4(n)
	}
	for n, rows := range lengths6 {
		narrow.v6 += float64(rows) * share6(n)
	}
	return wide, narrow
}

// fits reports whether the source certainly stays within its limit, because even the sum
// of all ranges does. Most batches need neither a walk over all ranges nor a search for
// overlaps, which cannot pause and would delay requests.
func (b *Batch) fits(d *draft, held, added covered, whole bool) bool {
	most := b.limit
	if d.has(b.source) {
		most /= growths
	}
	if added.v4 > most || added.v6 > most {
		return false
	}
	all := held.plus(added)
	return whole || all.v4 <= b.limit && all.v6 <= b.limit
}

// widest returns the ranges of all to leave out, so that the rest together with base
// stays below most.
func widest(all []netip.Prefix, base, most covered) map[netip.Prefix]bool {
	gone := map[netip.Prefix]bool{}
	slices.SortStableFunc(all, func(a, b netip.Prefix) int { return b.Bits() - a.Bits() })
	for _, p := range slices.Compact(all) {
		next := base
		if next.add(p); p.Addr().Is4() && next.v4 > most.v4 || p.Addr().Is6() && next.v6 > most.v6 {
			gone[p] = true
			continue
		}
		base = next
	}
	return gone
}

// wideSum returns the coverage of all wide ranges of source in d, with overlaps counted each
// time, and with those that have ended. Shares are powers of two, so the sum is exact.
func (d *draft) wideSum(source string) (all covered) {
	for i, g := range d.groups {
		if g.Source == source {
			all = all.plus(d.wideOf[i])
		}
	}
	return all
}

// wide returns what the decision covers if it is about a wide range.
func (e *entry[A]) wide() (c covered) {
	switch bits := int(e.length()); {
	case len(e.addr) == 0 && bits <= wideBits4:
		c.v4 = share4(bits)
	case len(e.addr) > 0 && bits <= wideBits6:
		c.v6 = share6(bits)
	}
	return c
}

// wide returns the wide ranges of source in d that are in force.
func (d *draft) wide(source string) (all []netip.Prefix) {
	for p, r := range d.all() {
		d.pace.step()
		if isWide(p) && r.until > d.now && d.kinds[r.kind].source == source {
			all = append(all, p)
		}
	}
	return all
}

// has reports whether source has decisions in d.
func (d *draft) has(source string) bool {
	return slices.ContainsFunc(d.groups, func(g Group) bool { return g.Source == source && g.Decisions > 0 })
}
