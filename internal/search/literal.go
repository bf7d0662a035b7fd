package search

import (
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// How Required treats literals that match in any case.
const (
	ExactCase = false // they do not count as literals
	AnyCase   = true  // they count as literals
)

// Required returns literals of which every matching text contains at least one, or none if
// this is unknown.
func Required(re *syntax.Regexp, folded bool) []string {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 && !folded || slices.Contains(re.Rune, utf8.RuneError) {
			return nil
		}
		return []string{string(re.Rune)}
	case syntax.OpCapture, syntax.OpPlus:
		return Required(re.Sub[0], folded)
	case syntax.OpRepeat:
		if re.Min > 0 {
			return Required(re.Sub[0], folded)
		}
	case syntax.OpAlternate:
		return requiredOfAny(re.Sub, folded)
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if one := Required(sub, folded); len(one) > 0 && (best == nil || Shortest(one) > Shortest(best)) {
				best = one
			}
		}
		return best
	}
	return nil
}

func requiredOfAny(subs []*syntax.Regexp, folded bool) []string {
	var all []string
	for _, sub := range subs {
		one := Required(sub, folded)
		if len(one) == 0 {
			return nil
		}
		all = append(all, one...)
	}
	return all
}

// Shortest returns the length of the shortest text. There must be at least one.
func Shortest(texts []string) int {
	n := len(texts[0])
	for _, t := range texts {
		n = min(n, len(t))
	}
	return n
}
