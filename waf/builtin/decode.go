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

// escape returns what s begins with, and how long it is.
func escape(s []byte) (byte, int) {
	switch c := s[0]; {
	case c == '%':
		return percent(s)
	case c == '\\':
		return backslash(s)
	case c == '&':
		return entity(s)
	case c >= 0xc0:
		return utf8Of(s)
	default:
		return c, 1
	}
}

func percent(s []byte) (byte, int) {
	if b, ok := hexOf(s, 1, 2); ok {
		return byte(b), 3
	}
	if len(s) > 1 && s[1]|0x20 == 'u' {
		if u, ok := hexOf(s, 2, 4); ok {
			return narrow(u), 6
		}
	}
	return '%', 1
}

func backslash(s []byte) (byte, int) {
	if len(s) > 1 && s[1] == 'u' {
		if u, ok := hexOf(s, 2, 4); ok {
			return narrow(u), 6
		}
		if c, size := braced(s); size > 0 {
			return c, size
		}
	}
	if len(s) > 1 && s[1] == 'x' {
		if b, ok := hexOf(s, 2, 2); ok {
			return byte(b), 4
		}
	}
	if c, size := octal(s); size > 0 {
		return c, size
	}
	return '\\', 1
}

// braced reads an escape of JavaScript such as \u{27}, with zeros before the number perhaps.
func braced(s []byte) (c byte, size int) {
	const most = 16
	if len(s) < 5 || s[2] != '{' {
		return 0, 0
	}
	n := uint32(0)
	for i := 3; i < min(len(s), most); i++ {
		d, ok := unhex(s[i])
		switch {
		case s[i] == '}' && i > 3:
			return narrow(n), i + 1
		case !ok || n > 0xffff:
			return 0, 0
		}
		n = n<<4 | d
	}
	return 0, 0
}

// octal reads an escape such as \47 or \047, which stands for a printable character. Those of
// one digit stand for parts of a match.
func octal(s []byte) (c byte, size int) {
	n := 0
	for size = 1; size < min(len(s), 4) && '0' <= s[size] && s[size] <= '7'; size++ {
		if n<<3|int(s[size]-'0') > '~' {
			break
		}
		n = n<<3 | int(s[size]-'0')
	}
	if size < 3 || n <= ' ' {
		return 0, 0
	}
	return byte(n), size
}

// entities are those that stand for a character that signs need.
var entities = map[string]byte{
	"lt": '<', "gt": '>', "amp": '&', "quot": '"', "apos": '\'', "colon": ':', "sol": '/', "bsol": '\\', "lpar": '(', "rpar": ')', "tab": '\t', "newline": '\n',
	"nbsp": ' ', "grave": '`', "dollar": '$', "lcub": '{', "rcub": '}', "semi": ';', "equals": '=', "num": '#', "period": '.', "excl": '!', "vert": '|', "comma": ',',
}

const longestEntity = 12

func entity(s []byte) (byte, int) {
	end := bytes.IndexByte(s[:min(len(s), longestEntity)], ';')
	if len(s) > 2 && s[1] == '#' {
		return numericEntity(s)
	}
	if end < 0 {
		return '&', 1
	}
	var name [longestEntity]byte
	for i, c := range s[1:end] {
		name[i] = c | 0x20
	}
	if c, ok := entities[string(name[:end-1])]; ok {
		return c, end + 1
	}
	return '&', 1
}

// numericEntity reads a number with any zeros before it, and with or without a semicolon.
func numericEntity(s []byte) (byte, int) {
	base, i := uint32(10), 2
	if s[2]|0x20 == 'x' {
		base, i = 16, 3
	}
	n, digits := uint32(0), 0
	for ; i < min(len(s), longestEntity); i++ {
		d, ok := unhex(s[i])
		if !ok || d >= base {
			break
		}
		n, digits = n*base+d, digits+1
	}
	if digits == 0 || n > 0xffff {
		return '&', 1
	}
	if i < len(s) && s[i] == ';' {
		i++
	}
	return narrow(n), i
}

func hexOf(s []byte, from, digits int) (n uint32, ok bool) {
	if len(s) < from+digits {
		return 0, false
	}
	for _, c := range s[from : from+digits] {
		d, ok := unhex(c)
		if !ok {
			return 0, false
		}
		n = n<<4 | d
	}
	return n, true
}

func unhex(c byte) (uint32, bool) {
	switch {
	case isDigit(c):
		return uint32(c - '0'), true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return uint32(c|0x20) - 'a' + 10, true
	}
	return 0, false
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
