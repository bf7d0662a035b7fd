package detect

import (
	"slices"
	"strings"

	"github.com/tocsin-project/tocsin/internal/search"
)

// A match is a condition that looks for words in a text. Many of them are asked
// at once: see gather.
type match struct {
	in    *text
	how   matchHow
	words []string
}

type matchHow uint8

const (
	equals matchHow = iota
	contains
	startsWith
	endsIn
)

var matchNames = [...]string{equals: "==", contains: "contains", startsWith: "startsWith", endsIn: "endsWith"}

// find returns the condition that t is, holds, begins or ends with any of words.
func find(t *text, how matchHow, words ...string) *cond {
	words = slices.Compact(slices.Sorted(slices.Values(words)))
	if how == equals && t.only != nil {
		words = slices.DeleteFunc(words, func(w string) bool { return w != "" && !slices.Contains(t.only, w) })
	}
	if len(words) == 0 {
		return never
	}
	m := &match{t, how, words}
	if t.fixed {
		return fixedCond(m.test()(nil))
	}
	if slices.Contains(words, "") && how != equals {
		return always
	}
	key := t.key + " " + matchNames[how] + " " + quote(strings.Join(words, "\x00"))
	cost := costField
	if how == contains {
		cost = costSearch
	}
	if len(words) > few {
		cost += costSearch
	}
	c := leaf(key, cost, m.test(), t)
	c.match = m
	c.need = needs(t.hay, words)
	return c
}

// few is how many words are asked for one by one.
const few = 3

// test returns what decides.
func (m *match) test() func(*view) bool {
	t, words := m.in, m.words
	if len(words) == 1 {
		return m.testOne()
	}
	switch m.how {
	case equals:
		if len(words) <= few {
			return func(v *view) bool { return slices.Contains(words, t.of(v)) }
		}
		set := newStringSet(words...)
		return func(v *view) bool { return set.has(t.of(v)) }
	case contains:
		a := search.New(words, false)
		return func(v *view) bool { return a.In(t.of(v)) }
	case startsWith:
		return testAffix(t, words, func(s string, n int) string { return s[:n] })
	default:
		return testAffix(t, words, func(s string, n int) string { return s[len(s)-n:] })
	}
}

// testAffix returns what decides whether t begins or ends with any of words: part returns
// that of a text which is so long.
func testAffix(t *text, words []string, part func(s string, n int) string) func(*view) bool {
	sizes, set := sizesOf(words)
	return func(v *view) bool {
		s := t.of(v)
		for _, n := range sizes {
			if n <= len(s) && set.has(part(s, n)) {
				return true
			}
		}
		return false
	}
}

func (m *match) testOne() func(*view) bool {
	t, word := m.in, m.words[0]
	switch m.how {
	case equals:
		return func(v *view) bool { return t.of(v) == word }
	case contains:
		return func(v *view) bool { return strings.Contains(t.of(v), word) }
	case startsWith:
		return func(v *view) bool { return strings.HasPrefix(t.of(v), word) }
	default:
		return func(v *view) bool { return strings.HasSuffix(t.of(v), word) }
	}
}

// sizesOf returns the lengths of words, the shortest first, and the set of them.
func sizesOf(words []string) ([]int, stringSet) {
	var sizes []int
	for _, w := range words {
		sizes = append(sizes, len(w))
	}
	slices.Sort(sizes)
	return slices.Compact(sizes), newStringSet(words...)
}

// gather makes one condition of those that look for words in the same text in
// the same way. It does so only if it makes no difference in what order they are
// asked.
func gather(conds []*cond) []*cond {
	type subject struct {
		in  string
		how matchHow
	}
	words := make(map[subject][]string)
	for _, c := range conds {
		if !c.plain() {
			return conds
		}
		if c.match != nil {
			s := subject{c.match.in.key, c.match.how}
			words[s] = append(words[s], c.match.words...)
		}
	}
	var gathered []*cond
	for _, c := range conds {
		if c.match == nil {
			gathered = append(gathered, c)
			continue
		}
		s := subject{c.match.in.key, c.match.how}
		if all := words[s]; all != nil {
			delete(words, s)
			gathered = append(gathered, find(c.match.in, c.match.how, all...))
		}
	}
	return gathered
}
