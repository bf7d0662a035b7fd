package lookup

import "net/netip"

const (
	// fewEntries is the average number of entries in a page below which there are too many
	// pages.
	fewEntries = 32
	// someKinds is how many unused kinds are always allowed, and someGone how many removed
	// decisions whose bits are still set.
	someKinds = 1024
	someGone  = 1024
	// mostEntries is how many entries a page may have before the table gets a new seed.
	mostEntries = 1024
)

// forgetKinds removes the kinds that kindIndex added to an abandoned draft.
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

// finish prepares the draft for readers.
func (d *draft) finish() {
	switch {
	case d.v4.isSparse() || d.v6.isSparse() || d.hasUnusedKinds():
		d.compact()
	case d.v4.isStale() || d.v6.isStale():
		d.refilter()
	}
}

// isSparse reports whether there are many more pages than the entries need.
func (x *index[A]) isSparse() bool { return x.depth > minDepth && x.n < fewEntries*int(x.pages()) }

// isStale reports whether the filters have too many set bits.
func (x *index[A]) isStale() bool {
	return x.n > x.any.most || x.ranges > x.wide.most || x.gone > x.n/2+someGone
}

func (d *draft) hasUnusedKinds() bool {
	unused := 0
	for _, n := range d.table.refs {
		if n == 0 {
			unused++
		}
	}
	return unused > len(d.table.refs)/2+someKinds
}

// refilter creates new filters.
func (d *draft) refilter() {
	d.v4.renewFilters(d.v4.n, countRanges(&d.v4, &d.pace))
	d.v6.renewFilters(d.v6.n, countRanges(&d.v6, &d.pace))
	for p := range d.all() {
		d.pace.step()
		d.see(p)
	}
}

// renewFilters gives x empty filters for this many decisions and ranges.
func (x *index[A]) renewFilters(n, ranges int) {
	x.any, x.wide, x.gone, x.ranges = newFilter(n), newSpans(ranges), 0, 0
}

// countRanges returns the number of decisions about ranges in x.
func countRanges[A address](x *index[A], pace *pacer) (n int) {
	for p := range x.pages() {
		pace.step()
		for i := range x.pageAt(p).entries {
			if x.at(p, i).isRange() {
				n++
			}
		}
	}
	return n
}

// compact rebuilds the state with only the kinds in use. This takes a tenth of a second for
// a million decisions, but happens only after as many removals.
func (d *draft) compact() {
	old := d.kinds
	d.table.index, d.table.refs = nil, nil
	d.kinds, d.groups, d.wideOf, d.groupOf = nil, nil, nil, nil
	number := make([]uint32, len(old)) // for each old kind, its new number plus 1; 0 if it has none yet
	d.rebuild(func(k uint32, wide covered) uint32 {
		if number[k] == 0 {
			number[k] = 1 + d.kindIndex(old[k])
		}
		d.count(number[k]-1, 1, wide)
		return number[k] - 1
	})
}

// reseed rebuilds the state with another seed, because a page is too long. If the cause was
// not the seed, but very many decisions about one prefix, the limit is doubled.
func (d *draft) reseed() {
	d.rebuild(func(k uint32, _ covered) uint32 { return k })
	d.most = max(d.most, 2*d.w4.longest, 2*d.w6.longest)
}

// rebuild stores all entries again, with another seed and other kinds.
func (d *draft) rebuild(kindOf func(uint32, covered) uint32) {
	old, marks4, marks6 := d.state, d.w4.marks, d.w6.marks
	d.seed, d.places = newSeed(), false
	d.v4, d.v6 = emptyIndex[addr4](), emptyIndex[addr6]()
	d.v4.renewFilters(old.v4.n, countRanges(&old.v4, &d.pace))
	d.v6.renewFilters(old.v6.n, countRanges(&old.v6, &d.pace))
	d.w4, d.w6 = newWriter(&d.v4, &d.pace), newWriter(&d.v6, &d.pace)
	d.reserve(old.v4.n, old.v6.n)
	refile(d, &d.w4, &old.v4, marks4, func(e *entry[addr4]) (netip.Prefix, key[addr4]) {
		p := old.prefix4(&e.fact)
		return p, d.keyOf4(p)
	}, kindOf)
	refile(d, &d.w6, &old.v6, marks6, func(e *entry[addr6]) (netip.Prefix, key[addr6]) {
		p := prefix6(e)
		return p, d.keyOf6(p)
	}, kindOf)
}

// refile stores the entries of old in w. Entries that the batch has announced stay marked.
func refile[A address](d *draft, w *writer[A], old *index[A], marks []*mark, keyOf func(*entry[A]) (netip.Prefix, key[A]), kindOf func(uint32, covered) uint32) {
	for n := range old.pages() {
		d.pace.step()
		for i := range old.pageAt(n).entries {
			e := old.at(n, i)
			p, k := keyOf(e)
			r := e.record()
			r.kind = kindOf(r.kind, e.wide())
			at, first, end := w.run(&k)
			if first == end {
				d.see(p)
			}
			w.insert(at, end, k.entry(r), isTouched(marks, n, i))
		}
	}
}
