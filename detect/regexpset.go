package detect

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tocsin-project/tocsin/internal/search"
)

// A regexpSet is a list of regular expressions, of which one must match. CrowdSec's lists
// have hundreds of them, almost all of the form: a word between word boundaries. Clients can
// send any text to be matched. So one pass over the text finds the expressions that can
// match, and a short check around each position decides.
type regexpSet struct {
	anchors  *search.Automaton // the longest literal of each pattern
	patterns []pattern
	loose    []*search.Regexp // expressions without a required literal
	literals []string         // the literals of patterns, with the same numbers as in anchors
	wholes   int              // how many patterns have a whole expression
}

// A pattern is a regular expression with a literal that every match contains.
type pattern struct {
	before, after []part         // the parts before and after the literal
	whole         *search.Regexp // the whole expression, if it is not a sequence of parts
	number        int            // the number of the whole expression
	also          [][]string     // for a whole expression: a match contains at least one word of each group
}

// A part of a pattern is a literal, any character except a newline, or a word boundary.
type part struct {
	literal  string
	any      bool
	boundary bool
}

func newRegexpSet(lines []listLine) (*regexpSet, error) {
	s := &regexpSet{}
	for _, line := range lines {
		// Every pattern that can be split into parts also compiles with regexp.
		re, err := syntax.Parse(line.text, syntax.Perl)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line.number, err)
		}
		if err := s.add(re, line); err != nil {
			return nil, err
		}
	}
	s.anchors = search.New(s.literals, false)
	return s, nil
}

func (s *regexpSet) add(re *syntax.Regexp, line listLine) error {
	if parts, ok := sequence(re); ok {
		if longest := longestLiteral(parts); longest >= 0 {
			s.literals = append(s.literals, parts[longest].literal)
			s.patterns = append(s.patterns, pattern{before: parts[:longest], after: parts[longest+1:]})
			return nil
		}
	}
	whole, err := search.Compile(line.text)
	if err != nil {
		return fmt.Errorf("line %d: %w", line.number, err)
	}
	literals := search.Required(re, search.ExactCase)
	if len(literals) == 0 {
		s.loose = append(s.loose, whole)
		return nil
	}
	also := requiredBeside(re, literals)
	for _, l := range literals {
		s.literals = append(s.literals, l)
		s.patterns = append(s.patterns, pattern{whole: whole, number: s.wholes, also: also})
	}
	s.wholes++
	return nil
}

// requiredBeside returns other words that every match of re contains, if they are cheap to
// search: a regular expression takes many times as long as a few words.
func requiredBeside(re *syntax.Regexp, literals []string) (also [][]string) {
	const most = 8
	if re.Op != syntax.OpConcat {
		return nil
	}
	for _, sub := range re.Sub {
		one := search.Required(sub, search.ExactCase)
		if len(one) > 0 && len(one) <= most && search.Shortest(one) >= minLiteral && !slices.Equal(one, literals) {
			also = append(also, one)
		}
	}
	return also
}

// matches reports whether the whole pattern matches text. It is false at once if text lacks
// a required word.
func (p *pattern) matches(text string) bool {
	for _, any := range p.also {
		if !slices.ContainsFunc(any, func(l string) bool { return strings.Contains(text, l) }) {
			return false
		}
	}
	return p.whole.Match(text)
}

// match reports whether at least one of the expressions matches text.
func (s *regexpSet) match(text string) bool { return s.find(text, (*pattern).matches) }

// find is match with a given function for whole patterns.
func (s *regexpSet) find(text string, matches func(*pattern, string) bool) bool {
	for _, r := range s.loose {
		if r.Match(text) {
			return true
		}
	}
	matched := false
	var room [8]uint64
	asked := room[:] // each pattern is tried once, however often its literals occur
	if words := (s.wholes + 63) / 64; words > len(room) {
		asked = newSet(words)
	}
	s.anchors.Scan(text, func(literal int32, end int) bool {
		p := &s.patterns[literal]
		switch {
		case p.whole == nil:
			matched = endsWith(text[:end-len(s.literals[literal])], text, p.before) && beginsWith(text[end:], text, p.after)
		case asked[p.number/64]&(1<<(p.number%64)) == 0:
			put(asked, p.number)
			matched = matches(p, text)
		}
		return !matched
	})
	return matched
}

// beginsWith reports whether s, which is the end of text, begins with the parts.
func beginsWith(s, text string, parts []part) bool {
	for _, p := range parts {
		switch {
		case p.boundary:
			if !boundary(text, len(text)-len(s)) {
				return false
			}
		case p.any:
			r, size := utf8.DecodeRuneInString(s)
			if size == 0 || r == '\n' {
				return false
			}
			s = s[size:]
		default:
			var ok bool
			if s, ok = strings.CutPrefix(s, p.literal); !ok {
				return false
			}
		}
	}
	return true
}

// endsWith reports whether s, which is the beginning of text, ends with the parts.
func endsWith(s, text string, parts []part) bool {
	for _, p := range slices.Backward(parts) {
		switch {
		case p.boundary:
			if !boundary(text, len(s)) {
				return false
			}
		case p.any:
			r, size := utf8.DecodeLastRuneInString(s)
			if size == 0 || r == '\n' {
				return false
			}
			s = s[:len(s)-size]
		default:
			var ok bool
			if s, ok = strings.CutSuffix(s, p.literal); !ok {
				return false
			}
		}
	}
	return true
}

func boundary(s string, at int) bool {
	return (at > 0 && wordByte(s[at-1])) != (at < len(s) && wordByte(s[at]))
}

func wordByte(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || c == '_'
}

// sequence returns the parts of re in their order, and whether re is such a sequence.
func sequence(re *syntax.Regexp) ([]part, bool) {
	switch re.Op {
	case syntax.OpConcat:
		var parts []part
		for _, sub := range re.Sub {
			p, ok := sequence(sub)
			if !ok {
				return nil, false
			}
			parts = append(parts, p...)
		}
		return parts, true
	case syntax.OpLiteral:
		literal := string(re.Rune)
		if re.Flags&syntax.FoldCase != 0 || strings.ContainsRune(literal, utf8.RuneError) {
			return nil, false // the latter also matches bytes that are not UTF-8
		}
		return []part{{literal: literal}}, true
	case syntax.OpAnyCharNotNL:
		return []part{{any: true}}, true
	case syntax.OpWordBoundary:
		return []part{{boundary: true}}, true
	}
	return nil, false
}

func longestLiteral(parts []part) int {
	longest := -1
	for i, p := range parts {
		if p.literal != "" && (longest < 0 || len(p.literal) > len(parts[longest].literal)) {
			longest = i
		}
	}
	return longest
}
