package builtin

import "regexp/syntax"

// Marks are special bytes, a bit for each. A sign needs some of them, so that few signs are
// held against a text with few.
type marks uint32

const markBytes = "'\"`<>{}()[]$;|&\\/:=%#@*?!~+^\n\x00-"

var markOf = func() (table [256]marks) {
	for i := range len(markBytes) {
		table[markBytes[i]] = 1 << i
	}
	return table
}()

func marksIn(s []byte) (all marks) {
	for _, c := range s {
		all |= markOf[c]
	}
	return all
}

// haveAll reports whether there is one of each group of marks.
func (m marks) haveAll(groups []marks) bool {
	for _, g := range groups {
		if m&g == 0 {
			return false
		}
	}
	return true
}

// neededBy returns groups of marks, one of each of which is in every text that re matches.
func neededBy(re *syntax.Regexp) (groups []marks) {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if m := markOfRune(r); m != 0 {
				groups = append(groups, m)
			}
		}
	case syntax.OpCharClass:
		if m := marksOfClass(re.Rune); m != 0 {
			groups = append(groups, m)
		}
	case syntax.OpCapture, syntax.OpPlus:
		return neededBy(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return neededBy(re.Sub[0])
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			groups = append(groups, neededBy(sub)...)
		}
	case syntax.OpAlternate:
		return neededByAny(re.Sub)
	}
	return groups
}

// neededByAny returns a group of marks that each of several has one of.
func neededByAny(subs []*syntax.Regexp) []marks {
	var all marks
	for _, sub := range subs {
		groups := neededBy(sub)
		if len(groups) == 0 {
			return nil
		}
		all |= groups[0]
	}
	return []marks{all}
}

func markOfRune(r rune) marks {
	if r >= 0x80 {
		return 0
	}
	return markOf[r]
}

// marksOfClass returns the marks that a class is made of, or none if there are others in it.
func marksOfClass(ranges []rune) (all marks) {
	for i := 0; i < len(ranges); i += 2 {
		if ranges[i+1] >= 0x80 {
			return 0
		}
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			if markOf[r] == 0 {
				return 0
			}
			all |= markOf[r]
		}
	}
	return all
}
