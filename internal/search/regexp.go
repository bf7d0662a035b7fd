package search

import (
	"regexp"
	"slices"
	"unicode/utf8"
)

// maxStates bounds the table of one regular expression. All of the hub's scenarios and of
// ours have fewer states.
const maxStates = 1 << 10

// A Regexp reports whether a text has a match, as [regexp.Regexp.MatchString]
// does. That takes some 50 ns a byte where a text of 16 KiB keeps many threads of an
// expression alive, and one request is held against dozens of expressions. So all that
// an expression can be in the midst of is worked out when it is loaded: a byte costs a
// table lookup, whatever the text is made of.
//
// The whole text is looked at, and the answer is the same one: nobody hides anything
// behind padding.
type Regexp struct {
	table *dfa           // nil: it would be too large
	slow  *regexp.Regexp // for what has no table
}

// Compile returns the regular expression that pattern is.
func Compile(pattern string) (*Regexp, error) {
	slow, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	return &Regexp{newDFA(pattern), slow}, nil
}

// Match reports whether s has a match.
func (r *Regexp) Match(s string) bool {
	if r.table == nil {
		return r.slow.MatchString(s)
	}
	return match(r.table, s)
}

// MatchBytes reports whether s has a match.
func (r *Regexp) MatchBytes(s []byte) bool {
	if r.table == nil {
		return r.slow.Match(s)
	}
	return match(r.table, s)
}

// String returns the pattern.
func (r *Regexp) String() string { return r.slow.String() }

// States returns how many states the table has; 0 if there is none, because it would be
// too large.
func (r *Regexp) States() int {
	if r.table == nil {
		return 0
	}
	return len(r.table.atEnd)
}

// A dfa is a regular expression made deterministic.
type dfa struct {
	ascii  [utf8.RuneSelf]uint8 // the class of each
	bounds []rune               // where runes of another class begin, in order
	of     []uint8              // by bound: the class
	width  int                  // classes there are
	next   []uint16             // by state*width+class
	atEnd  []bool               // by state: there is a match if the text ends here
}

// The first states; the one to begin in is the third.
const (
	stateMatch uint16 = iota // there is a match, whatever follows
	stateNever               // there is none, whatever follows
	stateBegin
)

func match[T string | []byte](d *dfa, s T) bool {
	state := stateBegin
	for i := 0; i < len(s); i++ {
		var class int
		if c := s[i]; c < utf8.RuneSelf {
			class = int(d.ascii[c])
		} else {
			r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			class = d.class(r)
			i += size - 1
		}
		if state = d.next[int(state)*d.width+class]; state < stateBegin {
			return state == stateMatch
		}
	}
	return d.atEnd[state]
}

func (d *dfa) class(r rune) int {
	i, exact := slices.BinarySearch(d.bounds, r)
	if !exact {
		i--
	}
	return int(d.of[i])
}
