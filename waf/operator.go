package waf

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/tocsin-project/tocsin/internal/search"
)

// An operator is what a test asks of a value.
type operator struct {
	kind   operatorKind
	text   []byte // to look for
	number int
	re     *expression
	words  *search.Automaton // of a file, in lower case
	macro  []macroPart       // what text is made of for each request; nil: it is the same for all
	key    string            // two operators with the same key are the same
}

type operatorKind uint8

const (
	opContains operatorKind = iota
	opEquals
	opStartsWith
	opEndsWith
	opRegex
	opEq
	opGt
	opGte
	opLt
	opLte
	opSQL
	opXSS
	opWords
)

var operatorKinds = map[string]operatorKind{
	"contains": opContains, "equals": opEquals, "startsWith": opStartsWith, "endsWith": opEndsWith, "regex": opRegex,
	"eq": opEq, "gt": opGt, "gte": opGte, "lt": opLt, "lte": opLte,
	"libinjectionSQL": opSQL, "libinjectionXSS": opXSS, "fromFile": opWords,
}

func (k operatorKind) isLiteral() bool   { return k <= opEndsWith }
func (k operatorKind) isInjection() bool { return k == opSQL || k == opXSS }

// operator compiles what a condition asks.
func (c *compiler) operator(m *matchDoc, top bool) (*operator, error) {
	if m.Type.text == "" {
		return nil, errorAt(m.Value.line, "match: no type")
	}
	kind, known := operatorKinds[m.Type.text]
	if !known {
		return nil, newerAt(m.Type.line, "its match has the type %s", m.Type.text)
	}
	value, err := literalOf(m.Value.text)
	if err != nil {
		return nil, errorAt(m.Value.line, "match: %w", err)
	}
	if value == "" && (top || !kind.isInjection()) {
		return nil, errorAt(m.Type.line, "match: no value")
	}
	op := &operator{kind: kind, text: []byte(value), key: m.Type.text + " " + value}
	switch {
	case kind == opRegex:
		op.re, err = compileRegex(value)
	case kind == opWords:
		op.words, err = c.wordsOf(value)
	case !kind.isInjection():
		op.macro, err = macroOf(value)
		op.number = atoi(value)
	}
	if err != nil {
		return nil, &lineError{m.Value.line, fmt.Errorf("match: %w", err)}
	}
	return op, nil
}

// literalOf returns a value without blanks around it, and quotes without the backslashes
// that they have to have.
func literalOf(value string) (string, error) {
	value = strings.TrimSpace(value)
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		switch {
		case value[i] == '\n':
			return "", errors.New("a value with several lines")
		case value[i] == '"':
			return "", errors.New(`a quote: want \"`)
		case value[i] == '\\' && i+1 < len(value) && value[i+1] == '"':
			i++
		}
		b.WriteByte(value[i])
	}
	return b.String(), nil
}

// atoi reads a number as CrowdSec's engine does: what is none is 0, and what is too large
// the largest.
func atoi[T string | []byte](s T) int {
	digits := s
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		digits = s[1:]
	}
	n := uint64(0)
	for i := range len(digits) {
		c := digits[i]
		if c < '0' || c > '9' {
			return 0
		}
		high, low := bits.Mul64(n, 10)
		if n = low + uint64(c-'0'); high > 0 || n < low {
			n = math.MaxUint64
			break
		}
	}
	if len(s) > len(digits) && s[0] == '-' {
		return int(-min(n, math.MaxInt+1))
	}
	return int(min(n, math.MaxInt))
}

// asks reports whether a value is what the operator looks for. text is its own, or what
// its macro is for the request.
func (o *operator) asks(value, text []byte) bool {
	switch o.kind {
	case opContains:
		return bytes.Contains(value, text)
	case opEquals:
		return bytes.Equal(value, text)
	case opStartsWith:
		return bytes.HasPrefix(value, text)
	case opEndsWith:
		return bytes.HasSuffix(value, text)
	case opRegex:
		return o.re.match(value)
	case opWords:
		return o.words.In(string(toLowerASCII(&room{}, value)))
	}
	number := o.number
	if o.macro != nil {
		number = atoi(text)
	}
	return o.compares(cmp.Compare(atoi(value), number))
}

// compares reports whether the order of two numbers is the right one.
func (o *operator) compares(order int) bool {
	switch o.kind {
	case opEq:
		return order == 0
	case opGt:
		return order > 0
	case opGte:
		return order >= 0
	case opLt:
		return order < 0
	}
	return order <= 0
}

// An expression is a regular expression. One of bytes that are no UTF-8 takes each byte
// of a text for a character.
type expression struct {
	re       *search.Regexp
	literals []string // of which a match holds one; none: that is not known
	latin    bool
}

func compileExpression(pattern string) (*expression, error) {
	re, err := search.Compile(pattern)
	if err != nil {
		return nil, err
	}
	e := &expression{re: re}
	if tree, err := syntax.Parse(pattern, syntax.Perl); err == nil {
		e.literals = search.Required(tree, search.ExactCase)
	}
	return e, nil
}

// compileRegex compiles the value of a match: in it a point is a line feed, too, and lines
// begin and end anywhere.
func compileRegex(value string) (*expression, error) {
	if !utf8.ValidString(withBytes(value)) {
		e, err := compileExpression(latin(value))
		if err == nil {
			e.latin, e.literals = true, nil
		}
		return e, err
	}
	return compileExpression("(?sm)" + value)
}

func (e *expression) match(s []byte) bool {
	if e.latin {
		return e.re.Match(latin(string(s)))
	}
	return e.re.MatchBytes(s)
}

// withBytes returns a pattern with the bytes that are written as \xHH.
func withBytes(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		if strings.HasPrefix(pattern[i:], `\x`) {
			if c, ok := hexByte([]byte(pattern[i+2:])); ok {
				b.WriteByte(c)
				i += 3
				continue
			}
		}
		b.WriteByte(pattern[i])
	}
	return b.String()
}

// latin returns a text in which each byte of s is a character.
func latin(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}
