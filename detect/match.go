package detect

import (
	"slices"
	"strings"

	"github.com/tocsin-project/tocsin/internal/search"
)

// A match is a condition that looks for words in a text. Many of them are evaluated
// together: see gather.
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

// find returns the condition that t equals, contains, begins with or ends with one of words.
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

// few is the number of words up to which each is compared by itself.
const few = 3

// test returns the function that evaluates the match.
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

// testAffix returns a function that decides whether t begins or ends with one of words. part
// returns the beginning or end of a text with that length.
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

// sizesOf returns the lengths of words, shortest first, and the words as a set.
func sizesOf(words []string) ([]int, stringSet) {
	var sizes []int
	for _, w := range words {
		sizes = append(sizes, len(w))
	}
	slices.Sort(sizes)
	return slices.Compact(sizes), newStringSet(words...)
}

// gather combines the conditions that look for words in the same text in the same way, if
// the order of evaluation does not matter.
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
