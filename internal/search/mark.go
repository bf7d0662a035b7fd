package search

import "unicode/utf8"

// Mark adds to bits the set from sets for each group of literals in s, and returns how often
// there was one, because that takes longer than other bytes. An automaton with fold ignores
// case.
func Mark[T string | []byte](a *Automaton, s T, sets [][]uint64, bits []uint64) (hits int) {
	m := marker{a, sets, bits, 0}
	switch {
	case a.fold:
		markFolded(&m, s)
	case len(s) >= minLanes && len(s) >= 2*lanes*a.most:
		markLanes(&m, s)
	default:
		markFrom(&m, s, 0)
	}
	return m.hits
}

// A marker marks what an automaton finds.
type marker struct {
	*Automaton
	sets [][]uint64
	bits []uint64
	hits int
}

// mark marks what ends in a state.
func (m *marker) mark(state uint32) {
	m.hits++
	for w, set := range m.sets[(state-m.match)/m.width] {
		m.bits[w] |= set
	}
}

// markFrom searches a text from a state on.
func markFrom[T string | []byte](m *marker, s T, state uint32) {
	for i := range len(s) {
		if state = m.next[state+uint32(m.class[s[i]])]; state >= m.match {
			m.mark(state)
		}
	}
}

func markFolded[T string | []byte](m *marker, s T) {
	var state uint32
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= utf8.RuneSelf {
			var size int
			c, size = foldedRune(s, i)
			i += size - 1
		}
		if state = m.next[state+uint32(m.class[c])]; state >= m.match {
			m.mark(state)
		}
	}
}

// A processor waits for each transition before it can begin the next one. In a long text it
// takes those of several pieces meanwhile.
const (
	lanes    = 4
	minLanes = 128 // bytes that are worth it
)

// markLanes searches the pieces of a text side by side. A piece goes on into the next one as
// far as a literal may.
func markLanes[T string | []byte](m *marker, s T) {
	size := len(s) / lanes
	s0, s1, s2, s3 := s[:size], s[size:2*size], s[2*size:3*size], s[3*size:4*size]
	var a, b, c, d uint32
	next, match := m.next, m.match
	for i := range size {
		a, b = next[a+uint32(m.class[s0[i]])], next[b+uint32(m.class[s1[i]])]
		c, d = next[c+uint32(m.class[s2[i]])], next[d+uint32(m.class[s3[i]])]
		if a < match && b < match && c < match && d < match {
			continue
		}
		for _, state := range [lanes]uint32{a, b, c, d} {
			if state >= match {
				m.mark(state)
			}
		}
	}
	over := m.most - 1
	markFrom(m, s[size:size+over], a)
	markFrom(m, s[2*size:2*size+over], b)
	markFrom(m, s[3*size:3*size+over], c)
	markFrom(m, s[4*size:], d)
}
