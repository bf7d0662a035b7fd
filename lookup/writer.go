package lookup

import (
	"math"
	"slices"
)

// A writer changes the index of a draft. It copies each page once, before it first writes to
// it.
type writer[A address] struct {
	*index[A]
	marks   []*mark // its changes to each segment; nil if there are none
	room    int     // how many entries fit in a new page
	longest int     // the largest number of entries in a page that it has written
	pace    *pacer
}

// A mark has a writer's changes to a segment, which the writer has copied.
type mark struct {
	owned   uint64               // the pages that belong to this draft and may be changed
	touched [segmentPages][]bool // the entries that the batch has announced
}

// newWriter returns a writer for x. Nobody else may write to x, but its segments are shared.
func newWriter[A address](x *index[A], pace *pacer) writer[A] {
	x.dir = slices.Clone(x.dir)
	return writer[A]{index: x, marks: make([]*mark, len(x.dir)), pace: pace}
}

// reserve makes a directory for n entries. Later entries make it grow as needed.
func (w *writer[A]) reserve(n int) {
	for n > pageEntries*int(w.pages()) && w.depth < maxDepth {
		w.double()
	}
	mean := n / int(w.pages())
	w.room = mean + mean/8 + 4
}

// mark returns the mark of the segment of page p, for writing.
func (w *writer[A]) mark(p uint32) *mark {
	s := p / segmentPages
	if w.marks[s] == nil {
		own := *w.dir[s]
		w.dir[s], w.marks[s] = &own, new(mark)
	}
	return w.marks[s]
}

// own returns page p for writing, and copies it first if necessary.
func (w *writer[A]) own(p uint32) *page[A] {
	m, page := w.mark(p), w.pageAt(p)
	if bit := uint64(1) << (p % segmentPages); m.owned&bit == 0 {
		m.owned |= bit
		page.entries = append([]entry[A](nil), page.entries...)
	}
	return page
}

// touch records that the batch has announced entry i of page p. So Replace can find the
// other entries, and the longest of several equal announcements is kept.
func (w *writer[A]) touch(p uint32, i int) {
	touched := &w.mark(p).touched[p%segmentPages]
	if *touched == nil {
		all := w.pageAt(p).entries
		*touched = make([]bool, len(all), cap(all))
	}
	(*touched)[i] = true
}

func (w *writer[A]) isTouched(p uint32, i int) bool { return isTouched(w.marks, p, i) }

func isTouched(marks []*mark, p uint32, i int) bool {
	m := marks[p/segmentPages]
	return m != nil && m.touched[p%segmentPages] != nil && m.touched[p%segmentPages][i]
}

// run returns the page for k, and the range of k's entries in it.
func (w *writer[A]) run(k *key[A]) (n uint32, first, end int) {
	if w.n >= pageEntries*int(w.pages()) && w.depth < maxDepth {
		w.double()
	}
	all, first := w.find(k)
	for end = first; end < len(all) && all[end].is(k); end++ {
	}
	return w.pageOf(k.number), first, end
}

// insert inserts e before entry i of page p.
func (w *writer[A]) insert(p uint32, i int, e entry[A], touched bool) {
	page := w.own(p)
	if len(page.entries) == cap(page.entries) {
		page.entries = grown(page.entries, w.room)
	}
	page.entries = slices.Insert(page.entries, i, e)
	page.shift(e.number, w.depth, 1)
	w.longest = max(w.longest, len(page.entries))
	w.n++
	switch t := &w.marks[p/segmentPages].touched[p%segmentPages]; {
	case *t != nil:
		*t = slices.Insert(*t, i, touched)
	case touched:
		w.touch(p, i)
	}
}

// grown returns a copy of all with room for some more entries, and at least for the given
// number. It also uses the memory that the allocator would leave unused.
func grown[A address](all []entry[A], room int) []entry[A] {
	room = max(room, len(all)+len(all)/8+2)
	return append(append([]entry[A](nil), make([]entry[A], room)...)[:0], all...)
}

// shift moves the beginnings of the parts behind an entry by one place, after it was
// inserted or removed.
func (p *page[A]) shift(number uint32, depth uint8, by int) {
	if len(p.entries) >= math.MaxUint8 {
		p.begin(depth)
		return
	}
	for part := number<<(depth&31)>>(32-partBits) + 1; part <= pageParts; part++ {
		p.starts[part] += uint8(by)
	}
}

// begin finds the beginnings of all parts. In a page with so many entries that they do not
// fit, the last ones are too small: seek then searches the page.
func (p *page[A]) begin(depth uint8) {
	part := uint32(0)
	p.starts = [pageParts + 1]uint8{}
	for i := range p.entries {
		for ; part < p.entries[i].number<<(depth&31)>>(32-partBits); part++ {
			p.starts[part+1] = uint8(min(i, math.MaxUint8))
		}
	}
	for ; part < pageParts; part++ {
		p.starts[part+1] = uint8(min(len(p.entries), math.MaxUint8))
	}
}

// remove removes entry i of page p.
func (w *writer[A]) remove(p uint32, i int) {
	page := w.own(p)
	number := page.entries[i].number
	page.entries = slices.Delete(page.entries, i, i+1)
	page.shift(number, w.depth, -1)
	if t := &w.marks[p/segmentPages].touched[p%segmentPages]; *t != nil {
		*t = slices.Delete(*t, i, i+1)
	}
	w.n--
	w.gone++
}

// double splits each page in two.
func (w *writer[A]) double() {
	dir, marks := w.dir, w.marks
	w.depth++
	w.dir, w.marks = make([]*segment[A], 2*len(dir)), make([]*mark, 2*len(dir))
	for s := range w.dir {
		w.dir[s], w.marks[s] = new(segment[A]), &mark{owned: ^uint64(0)}
	}
	for s := range dir {
		for i := range dir[s] {
			w.pace.step()
			var touched []bool
			if marks[s] != nil {
				touched = marks[s].touched[i]
			}
			w.split(uint32(s*segmentPages+i)*2, dir[s][i].entries, touched)
		}
	}
}

// split splits the entries of one page into pages p and p+1.
func (w *writer[A]) split(p uint32, all []entry[A], touched []bool) {
	half := search(all, &key[A]{number: (p + 1) << (32 - w.depth)})
	s, i := p/segmentPages, p%segmentPages
	w.dir[s][i].entries = append([]entry[A](nil), all[:half]...)
	w.dir[s][i+1].entries = append([]entry[A](nil), all[half:]...)
	w.dir[s][i].begin(w.depth)
	w.dir[s][i+1].begin(w.depth)
	if touched != nil {
		w.marks[s].touched[i] = append([]bool(nil), touched[:half]...)
		w.marks[s].touched[i+1] = append([]bool(nil), touched[half:]...)
	}
}
