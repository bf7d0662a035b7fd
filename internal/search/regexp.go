package search

import (
	"regexp"
	"slices"
	"unicode/utf8"
)

// maxStates limits the table of one regular expression. All expressions in the hub's
// scenarios and in ours have fewer states.
const maxStates = 1 << 10

// A Regexp reports whether a text has a match, like [regexp.Regexp.MatchString]. That
// function takes about 50 ns a byte if a text of 16 KiB keeps many threads of an expression
// alive, and each request is checked against dozens of expressions. So all states of an
// expression are computed when it is loaded: each byte costs one table lookup, whatever the
// text is.
//
// The whole text is searched, and the answer is the same as regexp's: a client cannot hide
// an attack behind padding.
type Regexp struct {
	table *dfa           // nil if it would be too large
	slow  *regexp.Regexp // used if there is no table
}

// Compile compiles a pattern.
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

// States returns the number of states in the table, or 0 if there is no table because it
// would be too large.
func (r *Regexp) States() int {
	if r.table == nil {
		return 0
	}
	return len(r.table.atEnd)
}

// A dfa is a regular expression as a deterministic automaton.
type dfa struct {
	ascii  [utf8.RuneSelf]uint8 // the class of each ASCII character
	bounds []rune               // the first rune of each further range, in order
	of     []uint8              // the class after each bound
	width  int                  // the number of classes
	next   []uint16             // by state*width+class
	atEnd  []bool               // by state: whether there is a match if the text ends here
}

// The first states. The third is the start state.
const (
	stateMatch uint16 = iota // a match is certain, whatever follows
	stateNever               // no match is possible, whatever follows
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
