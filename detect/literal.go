package detect

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// A need is a necessary condition for another one: at least one of the literals is in its
// text, in upper or lower case. The empty need requires nothing.
type need []needed

type needed struct {
	hay     haystack
	literal string
}

// minLiteral is the shortest literal that is worth a search.
const minLiteral = 2

// better returns the need that probably fewer events meet: the one whose shortest literal is
// longer.
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

// either returns the need of a condition that is true if one of two conditions is.
func either(a, b need) need {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	return slices.Concat(a, b)
}

// needs returns the need for one of the literals in a text of hay.
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

// plainest returns the longest part of l that no change of case and no decoding changes:
// only ASCII, without characters that mean a space in a query or that cleaning a path
// removes.
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
