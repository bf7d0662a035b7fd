package search

import "slices"

// An Automaton finds any of many literals in one pass over a text, by the algorithm of Aho
// and Corasick. All transitions are computed in advance, so each byte costs one table
// lookup, whatever the text is.
type Automaton struct {
	class [256]uint16 // the class of each byte; 0 if it is in no literal
	width uint32      // the number of classes
	next  []uint32    // by state+class; a state is the index of its row
	match uint32      // the states from here on end a literal
	found [][]int32   // by (state-match)/width: the literals that end there
	most  int         // bytes of the longest literal
	fold  bool        // ASCII letters are searched in any case: see foldedRune
}

// New returns an automaton that finds literals. No literal may be empty. With fold, ASCII
// letters match in upper and lower case, and so do the few other letters whose upper or
// lower case is an ASCII letter.
func New(literals []string, fold bool) *Automaton {
	a := &Automaton{fold: fold}
	for _, l := range literals {
		a.most = max(a.most, len(l))
	}
	a.classify(literals)
	t := a.trie(literals)
	t.link()
	a.number(t)
	return a
}

func (a *Automaton) classify(literals []string) {
	a.width = 1
	for _, l := range literals {
		for _, c := range []byte(l) {
			if a.fold {
				c = lowerASCII(c)
			}
			if a.class[c] == 0 {
				a.class[c] = uint16(a.width)
				a.width++
			}
		}
	}
	for c := 'A'; a.fold && c <= 'Z'; c++ {
		a.class[c] = a.class[lowerASCII(byte(c))]
	}
}

func lowerASCII(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// A trie is an unfinished automaton.
type trie struct {
	width int
	next  []int32 // by node*width+class; 0 means the root, or no child yet
	found [][]int32
}

func (a *Automaton) trie(literals []string) *trie {
	t := &trie{width: int(a.width), next: make([]int32, a.width), found: make([][]int32, 1)}
	for id, l := range literals {
		at := 0
		for _, c := range []byte(l) {
			i := at*t.width + int(a.class[c])
			if t.next[i] == 0 {
				t.next[i] = int32(len(t.found))
				t.next = append(t.next, make([]int32, t.width)...)
				t.found = append(t.found, nil)
			}
			at = int(t.next[i])
		}
		t.found[at] = append(t.found[at], int32(id))
	}
	return t
}

// link gives every node all its transitions. A missing child is replaced by the transition
// of the longest proper suffix that is also a node. That node is nearer to the root and so
// already complete.
func (t *trie) link() {
	suffix := make([]int32, len(t.found))
	queue := []int32{0}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		row := t.next[int(at)*t.width : (int(at)+1)*t.width]
		back := t.next[int(suffix[at])*t.width : (int(suffix[at])+1)*t.width]
		for c, child := range row {
			switch {
			case child == 0:
				row[c] = back[c]
				continue
			case at != 0:
				suffix[child] = back[c]
			}
			t.found[child] = append(t.found[child], t.found[suffix[child]]...)
			queue = append(queue, child)
		}
	}
}

// number orders the states so that those which end a literal come last. One comparison then
// recognizes them.
func (a *Automaton) number(t *trie) {
	states := uint32(len(t.found))
	rank := make([]uint32, states)
	var quiet, loud uint32
	for _, f := range t.found {
		if f == nil {
			quiet++
		}
	}
	a.match = quiet * a.width
	quiet, loud = 0, quiet
	for at, f := range t.found {
		if f == nil {
			rank[at], quiet = quiet*a.width, quiet+1
			continue
		}
		rank[at], loud = loud*a.width, loud+1
		a.found = append(a.found, slices.Compact(slices.Sorted(slices.Values(f))))
	}
	a.next = make([]uint32, len(t.next))
	for i, to := range t.next {
		at, c := i/t.width, i%t.width
		a.next[rank[at]+uint32(c)] = rank[to]
	}
}

// Groups returns the literals for each state that ends any.
func (a *Automaton) Groups() [][]int32 { return a.found }

// Scan calls f for each literal in s, with its number and the position of its end, until f
// returns false.
func (a *Automaton) Scan(s string, f func(literal int32, end int) bool) {
	var state uint32
	for i := 0; i < len(s); i++ {
		state = a.next[state+uint32(a.class[s[i]])]
		if state < a.match {
			continue
		}
		for _, l := range a.found[(state-a.match)/a.width] {
			if !f(l, i+1) {
				return
			}
		}
	}
}

// In reports whether s contains any of the literals.
func (a *Automaton) In(s string) bool {
	var state uint32
	for i := 0; i < len(s); i++ {
		state = a.next[state+uint32(a.class[s[i]])]
		if state >= a.match {
			return true
		}
	}
	return false
}

// foldedRune returns the ASCII letter that is the upper or lower case of the rune at s[i],
// and the rune's size, or else the byte at s[i]. There are only these four such runes: see
// TestFoldedRunesAreAllThereAre.
func foldedRune[T string | []byte](s T, i int) (byte, int) {
	at := func(n int) byte {
		if i+n < len(s) {
			return s[i+n]
		}
		return 0
	}
	switch {
	case at(0) == 0xc4 && at(1) == 0xb0, at(0) == 0xc4 && at(1) == 0xb1: // İ, ı
		return 'i', 2
	case at(0) == 0xc5 && at(1) == 0xbf: // ſ
		return 's', 2
	case at(0) == 0xe2 && at(1) == 0x84 && at(2) == 0xaa: // the sign of the Kelvin
		return 'k', 3
	}
	return s[i], 1
}
