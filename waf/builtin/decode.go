package builtin

import (
	"bytes"
	"slices"
)

// maxLayers bounds how often escapes in a value are resolved.
const maxLayers = 3

// A text is a value without its escapes, in the forms that signs are looked for in.
type text struct {
	room    []byte // for decoded
	decoded []byte // in lower case, without white space before it
	spaced  []byte // decoded, with one blank for any white space and for comments of SQL
	bare    []byte // spaced, without the quotes and backslashes that shells drop
	layers  int    // of escapes that there were
}

// interesting tells bytes that signs need from those of plain words and numbers, and bytes
// that begin an escape.
const (
	isPlain   = 0
	isSpecial = 1 << iota
	isEscape
	isQuote
)

var kinds = func() (table [256]byte) {
	for c := range table {
		switch {
		case c == '%' || c == '\\' || c == '&' || c >= 0x80 || c < ' ':
			table[c] = isSpecial | isEscape
		case c == '\'' || c == '"' || c == '^':
			table[c] = isSpecial | isQuote
		case !isWordByte(byte(c)) && c != ' ' && c != '.' && c != '-' && c != ',':
			table[c] = isSpecial
		}
	}
	table['\\'] |= isQuote
	return table
}()

func isWordByte(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' }
func isLetter(c byte) bool   { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool    { return '0' <= c && c <= '9' }

// kindsOf returns what kinds of bytes there are in s.
func kindsOf(s []byte) (all byte) {
	for _, c := range s {
		all |= kinds[c]
	}
	return all
}

// unescape appends s to buf without its escapes, in lower case. It resolves escapes of
// URLs, HTML and JavaScript, layer by layer, and what is no shortest UTF-8 or of full width.
func unescape(buf, s []byte) (decoded []byte, layers int) {
	decoded = appendUnescaped(buf[:0], s)
	for layers < maxLayers && len(decoded) < len(s) {
		layers++
		n := len(decoded)
		again := appendUnescaped(decoded[:0], decoded)
		if len(again) == n {
			break
		}
		decoded, s = again, s[:n]
	}
	return decoded, layers
}

// lowered are all bytes in lower case.
var lowered = func() (table [256]byte) {
	for c := range table {
		table[c] = byte(c)
		if 'A' <= c && c <= 'Z' {
			table[c] |= 0x20
		}
	}
	return table
}()

// appendUnescaped resolves one layer of escapes. What it writes is never longer than what
// it has read, so that s may be where it writes to.
func appendUnescaped(to, s []byte) []byte {
	n := len(to)
	to = slices.Grow(to, len(s))[:n+len(s)]
	for i := 0; i < len(s); n++ {
		c := s[i]
		size := 1
		if kinds[c]&isEscape != 0 {
			c, size = escape(s[i:])
		}
		to[n] = lowered[c]
		i += size
	}
	return to[:n]
}

// joins are bytes that appendSpaced may leave out.
var joins = func() (table [256]bool) {
	for c := range table {
		table[c] = c <= ' ' || c == 0x7f || c == '/' || c == '*'
	}
	return table
}()

// appendSpaced appends s with one blank for any white space, and without comments of SQL,
// but with what is in those that only some databases skip.
func appendSpaced(to, s []byte) []byte {
	n := len(to)
	to = slices.Grow(to, len(s))[:n+len(s)]
	for i := 0; i < len(s); i++ {
		c := s[i]
		if joins[c] {
			switch {
			case c == '/' && i+1 < len(s) && s[i+1] == '*':
				i += skipComment(s[i:]) - 1
				c = ' '
			case c == '*' && i+1 < len(s) && s[i+1] == '/':
				i++
				c = ' '
			case c <= ' ' || c == 0x7f:
				c = ' '
			}
			if c == ' ' && (n == 0 || to[n-1] == ' ') {
				continue
			}
		}
		to[n] = c
		n++
	}
	return to[:n]
}

// skipComment returns how much of a comment goes: all of it, or its beginning if it is one
// that is executed, or that does not end.
func skipComment(s []byte) int {
	if len(s) > 2 && (s[2] == '!' || s[2] == '+') {
		n := 3
		for n < len(s) && isDigit(s[n]) {
			n++
		}
		return n
	}
	if end := bytes.Index(s[2:], []byte("*/")); end >= 0 {
		return end + 4
	}
	return 2
}

// appendBare appends s as a shell reads it: without quotes, backslashes, carets and empty
// variables, and with a semicolon for the end of a line.
func appendBare(to, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'' || c == '"' || c == '\\' || c == '^':
		case c == '$' && i+1 < len(s) && (s[i+1] == '@' || s[i+1] == '*'):
			i++
		case c == '\n':
			to = append(to, ';')
		case c <= ' ':
			if len(to) > 0 && to[len(to)-1] != ' ' {
				to = append(to, ' ')
			}
		default:
			to = append(to, c)
		}
	}
	return to
}
