package detect

import (
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// A need is a condition that has to be met for another one to be: one of the
// literals is in its text, in any case. The empty need says nothing.
type need []needed

type needed struct {
	hay     haystack
	literal string
}

// minLiteral is how long a literal has to be to be worth a search.
const minLiteral = 2

// better returns the need that fewer events will meet, as far as one can tell:
// that whose shortest literal is longer.
func better(a, b need) need {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	switch la, lb := a.shortest(), b.shortest(); {
	case la > lb, la == lb && len(a) <= len(b):
		return a
	}
	return b
}

func (n need) shortest() int {
	return len(slices.MinFunc(n, func(a, b needed) int { return len(a.literal) - len(b.literal) }).literal)
}

// either returns the need of a condition that is met if either of two is.
func either(a, b need) need {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	return slices.Concat(a, b)
}

// needs returns the need to find one of the literals in a text of hay.
func needs(hay haystack, literals []string) need {
	if hay == noHay || len(literals) == 0 {
		return nil
	}
	n := make(need, len(literals))
	in := hay
	if hay == hayPath {
		in = hayDecoded
	}
	for i, l := range literals {
		l = plainest(l, hay)
		if len(l) < minLiteral {
			return nil
		}
		n[i] = needed{in, l}
	}
	return n
}

// plainest returns the longest part of l that stays what it is whatever is done
// to letters and escapes: of ASCII, and without what stands for a space in a
// query, or goes where a path is cleaned.
func plainest(l string, hay haystack) string {
	longest := ""
	for part := range strings.FieldsFuncSeq(l, func(r rune) bool {
		return r >= utf8.RuneSelf || hay == hayDecoded && r == ' ' || hay == hayPath && r == '/'
	}) {
		if len(part) > len(longest) {
			longest = part
		}
	}
	return longest
}

// What required is to do about literals that match in any case.
const (
	exactCase = false // they are not literals
	anyCase   = true  // they are
)

// required returns literals one of which is in every text that re matches, or
// none if it cannot tell.
func required(re *syntax.Regexp, folded bool) []string {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 && !folded || slices.Contains(re.Rune, utf8.RuneError) {
			return nil
		}
		return []string{string(re.Rune)}
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0], folded)
	case syntax.OpRepeat:
		if re.Min > 0 {
			return required(re.Sub[0], folded)
		}
	case syntax.OpAlternate:
		return requiredOfAny(re.Sub, folded)
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if one := required(sub, folded); len(one) > 0 && (best == nil || shortestOf(one) > shortestOf(best)) {
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
		one := required(sub, folded)
		if len(one) == 0 {
			return nil
		}
		all = append(all, one...)
	}
	return all
}

func shortestOf(texts []string) int {
	n := len(texts[0])
	for _, t := range texts {
		n = min(n, len(t))
	}
	return n
}
