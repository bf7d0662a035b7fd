package detect

import (
	"fmt"
	"strings"
)

// maxGlob limits the length of patterns, because text near a ? is compared byte by byte.
const maxGlob = 1 << 10

// A glob is a pattern of CrowdSec's Match. A star stands for any number of bytes, also none.
// A question mark stands for one byte. All other bytes stand for themselves, and case
// matters. A star cannot be escaped. Two or more stars at the end need at least one byte, as
// in CrowdSec's code.
type glob struct {
	parts []string // the texts between the stars
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

// match reports whether text matches the pattern. Each text between two stars is taken where
// it first occurs, so nothing is compared twice except near a question mark.
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

// fits reports whether text begins with part. A question mark in part stands for any byte.
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

// indexOf returns the first position of part in text, or -1.
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

// longest returns the longest literal that every matching text contains.
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

// globMatch is the helper Match.
func globMatch(pattern, text string) (bool, error) {
	g, err := newGlob(pattern)
	return err == nil && g.match(text), err
}
