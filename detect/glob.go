package detect

import (
	"fmt"
	"strings"
)

// maxGlob bounds patterns: what a ? is near to is looked for byte by byte.
const maxGlob = 1 << 10

// A glob is a pattern of CrowdSec's Match: a star stands for any bytes, of which
// there may be none, a question mark for one byte, and all else for itself, in
// this case of letters. Nothing takes the meaning from a star. Two stars or more
// at the end want one byte at least: that is how CrowdSec's works out.
type glob struct {
	parts []string // what is between the stars
}

func newGlob(pattern string) (glob, error) {
	if len(pattern) > maxGlob {
		return glob{}, fmt.Errorf("a pattern of %d bytes: want at most %d", len(pattern), maxGlob)
	}
	if strings.HasSuffix(pattern, "**") {
		pattern = strings.TrimRight(pattern, "*") + "?*"
	}
	return glob{strings.Split(pattern, "*")}, nil
}

// match reports whether text is as the pattern says. What is between two stars is
// taken where it comes first, so that nothing is looked at twice but near a
// question mark.
func (g glob) match(text string) bool {
	first, last := g.parts[0], g.parts[len(g.parts)-1]
	if len(g.parts) == 1 {
		return len(text) == len(first) && fits(text, first)
	}
	if len(text) < len(first)+len(last) || !fits(text, first) || !fits(text[len(text)-len(last):], last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range g.parts[1 : len(g.parts)-1] {
		i := indexOf(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return true
}

// fits reports whether text begins with part, in which a question mark stands
// for any byte.
func fits(text, part string) bool {
	if len(text) < len(part) {
		return false
	}
	for i := range len(part) {
		if part[i] != '?' && part[i] != text[i] {
			return false
		}
	}
	return true
}

// indexOf returns where part is in text first, or -1.
func indexOf(text, part string) int {
	if strings.IndexByte(part, '?') < 0 {
		return strings.Index(text, part)
	}
	for i := 0; i+len(part) <= len(text); i++ {
		if fits(text[i:], part) {
			return i
		}
	}
	return -1
}

// longest returns the longest literal that every match holds.
func (g glob) longest() string {
	longest := ""
	for _, part := range g.parts {
		for literal := range strings.SplitSeq(part, "?") {
			if len(literal) > len(longest) {
				longest = literal
			}
		}
	}
	return longest
}

// globMatch is Match of expressions.
func globMatch(pattern, text string) (bool, error) {
	g, err := newGlob(pattern)
	return err == nil && g.match(text), err
}
