package detect

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"
)

// An unsupported error says why a document that is probably valid cannot run here: it is for
// another log, or it is newer than this version.
type unsupported string

func (u unsupported) Error() string { return string(u) }

// unknownThing returns the error for something that this version does not know.
func unknownThing(format string, a ...any) unsupported {
	return unsupported(fmt.Sprintf(format, a...) + ", which this version does not know")
}

// maxExpression is the longest text of an expression: parsers use recursion for each
// bracket.
const maxExpression = 128 << 10

// symbols are the characters of operators that are not words.
const symbols = "!$%&*+-/:;<=>?@\\^|~"

// unknownWord finds out whether an expression that does not parse is in a newer version of
// the language: whether it uses a function or an operator that is unknown here. Otherwise
// the expression counts as a mistake.
func (l *lists) unknownWord(source string, err error) (unsupported, bool) {
	tokens := tokensOf(source)
	for i, t := range tokens {
		called := i+1 < len(tokens) && tokens[i+1].Is(lexer.Bracket, "(")
		member := i > 0 && tokens[i-1].Is(lexer.Operator, ".", "?.")
		if t.Is(lexer.Identifier) && called && !member && !l.callable(t.Value) {
			return unknownThing("it calls %s", t.Value), true
		}
	}
	f, ok := errors.AsType[*file.Error](err)
	if !ok {
		return "", false
	}
	word := ""
	switch {
	case strings.HasPrefix(f.Message, "unrecognized character"), strings.HasPrefix(f.Message, "unexpected token Operator"):
		word = symbolsAt([]rune(source), f.From, f.To)
	case strings.HasPrefix(f.Message, "unexpected token Identifier"):
		word = l.wordBetween(tokens, f.From)
	}
	return unknownThing("it has the operator %s", word), word != ""
}

// callable reports whether an expression may call a function with this name, either a helper
// or one of the language.
func (l *lists) callable(name string) bool {
	_, ok := builtin.Index[name]
	return ok || l.known(name)
}

// tokensOf returns the tokens of an expression, as far as it can be split.
func tokensOf(source string) (tokens []lexer.Token) {
	in := lexer.New()
	in.Reset(file.NewSource(source))
	for {
		t, err := in.Next()
		if err != nil {
			return tokens
		}
		tokens = append(tokens, t)
	}
}

// symbolsAt returns the sequence of symbols at a position if it is longer than the token
// that the lexer found there: == is a mistake for =, but =~ may be an operator.
func symbolsAt(source []rune, from, to int) string {
	isSymbol := func(i int) bool { return i >= 0 && i < len(source) && strings.ContainsRune(symbols, source[i]) }
	if !isSymbol(from) {
		return ""
	}
	begin, end := from, from
	for isSymbol(begin - 1) {
		begin--
	}
	for isSymbol(end) {
		end++
	}
	if end-begin == to-from && !strings.ContainsRune("$@\\~", source[from]) {
		return ""
	}
	return string(source[begin:end])
}

// wordBetween returns the word at a position if it stands between two operands, like an
// operator.
func (l *lists) wordBetween(tokens []lexer.Token, from int) string {
	for i := 1; i+1 < len(tokens); i++ {
		word, before, after := tokens[i], tokens[i-1], tokens[i+1]
		if word.From != from || word.Value == "evt" || l.callable(word.Value) {
			continue
		}
		if (isOperand(before) || before.Is(lexer.Bracket, ")", "]", "}")) &&
			(isOperand(after) || after.Is(lexer.Bracket, "(", "[", "{")) {
			return word.Value
		}
	}
	return ""
}

func isOperand(t lexer.Token) bool {
	return t.Is(lexer.Identifier) || t.Is(lexer.Number) || t.Is(lexer.String) || t.Is(lexer.Bytes)
}

// mostArguments returns the largest number of arguments of a helper, or -1 if there is no
// limit.
func (l *lists) mostArguments(name string) int {
	h, ok := pure[name]
	if !ok {
		h = l.helpers()[name]
	}
	if h.sign == nil {
		return -1
	}
	if t := reflect.TypeOf(h.sign).Elem(); !t.IsVariadic() {
		return t.NumIn()
	}
	return -1
}
