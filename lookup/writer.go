package lookup

import "slices"

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
	w.room = mean + mean/4
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
func (w *writer[A]) own(p uint32) *[]entry[A] {
	m, page := w.mark(p), &w.dir[p/segmentPages][p%segmentPages]
	if bit := uint64(1) << (p % segmentPages); m.owned&bit == 0 {
		m.owned |= bit
		*page = append([]entry[A](nil), *page...)
	}
	return page
}

// touch records that the batch has announced entry i of page p. So Replace can find the
// other entries, and the longest of several equal announcements is kept.
func (w *writer[A]) touch(p uint32, i int) {
	touched := &w.mark(p).touched[p%segmentPages]
	if *touched == nil {
		page := w.dir[p/segmentPages][p%segmentPages]
		*touched = make([]bool, len(page), cap(page))
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
	page, first := w.find(k)
	for end = first; end < len(page) && page[end].is(k); end++ {
	}
	return w.pageOf(k.number), first, end
}

// insert inserts e before entry i of page p.
func (w *writer[A]) insert(p uint32, i int, e entry[A], touched bool) {
	page := w.own(p)
	if len(*page) == cap(*page) {
		*page = grown(*page, w.room)
	}
	*page = slices.Insert(*page, i, e)
	w.longest = max(w.longest, len(*page))
	w.n++
	switch t := &w.marks[p/segmentPages].touched[p%segmentPages]; {
	case *t != nil:
		*t = slices.Insert(*t, i, touched)
	case touched:
		w.touch(p, i)
	}
}

// grown returns a copy of page with room for some more entries, and at least for the given
// number. It also uses the memory that the allocator would leave unused.
func grown[A address](page []entry[A], room int) []entry[A] {
	room = max(room, len(page)+len(page)/4+2)
	return append(append([]entry[A](nil), make([]entry[A], room)...)[:0], page...)
}

// remove removes entry i of page p.
func (w *writer[A]) remove(p uint32, i int) {
	page := w.own(p)
	*page = slices.Delete(*page, i, i+1)
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
		for i, page := range dir[s] {
			w.pace.step()
			var touched []bool
			if marks[s] != nil {
				touched = marks[s].touched[i]
			}
			w.split(uint32(s*segmentPages+i)*2, page, touched)
		}
	}
}

// split splits one page into pages p and p+1.
func (w *writer[A]) split(p uint32, page []entry[A], touched []bool) {
	half := search(page, &key[A]{number: (p + 1) << (32 - w.depth)})
	s, i := p/segmentPages, p%segmentPages
	w.dir[s][i] = append([]entry[A](nil), page[:half]...)
	w.dir[s][i+1] = append([]entry[A](nil), page[half:]...)
	if touched != nil {
		w.marks[s].touched[i] = append([]bool(nil), touched[:half]...)
		w.marks[s].touched[i+1] = append([]bool(nil), touched[half:]...)
	}
}
