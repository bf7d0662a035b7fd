package replay

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A cursor reads a text of JSON from its beginning to its end. It allocates
// nothing but texts with escapes in them, goes as deep as the text does without
// recursion, and agrees with encoding/json about what is JSON. What is none makes
// it bad, or is taken with a comma or a bracket too many: a log line does no harm
// by that.
type cursor struct {
	text  string
	at    int
	slash int  // where the next backslash is, if it is behind at
	bad   bool // then all methods return nothing
}

// peek returns the byte that comes next, spaces aside; 0 at the end. Logs have no
// spaces between their values.
func (c *cursor) peek() byte {
	if c.at < len(c.text) && c.text[c.at] > ' ' {
		return c.text[c.at]
	}
	return c.peekBehindSpaces()
}

func (c *cursor) peekBehindSpaces() byte {
	for ; c.at < len(c.text); c.at++ {
		switch b := c.text[c.at]; b {
		case ' ', '\t', '\n', '\r':
		default:
			return b
		}
	}
	return 0
}

// done reports whether all of the text was read, and was JSON.
func (c *cursor) done() bool { return !c.bad && c.peek() == 0 && c.at == len(c.text) }

// enter goes into an object or a list, by the bracket that opens it. It skips
// any other value, and reports false.
func (c *cursor) enter(open byte) bool {
	if c.peek() != open {
		c.skip()
		return false
	}
	c.at++
	return true
}

// more reports whether there is one more element before the bracket that closes
// what was entered, and goes past that otherwise.
func (c *cursor) more(closing byte) bool {
	b := c.peek()
	if b == ',' {
		c.at++
		b = c.peek()
	}
	switch {
	case c.bad:
		return false
	case b == closing:
		c.at++
		return false
	case b == 0:
		c.bad = true
	}
	return !c.bad
}

// key reads the name of a member of an object.
func (c *cursor) key() string {
	name := c.str()
	if c.peek() != ':' {
		c.bad = true
		return ""
	}
	c.at++
	return name
}

// textValue reads a value that is text. Any other is skipped, and empty.
func (c *cursor) textValue() string {
	if c.peek() == '"' {
		return c.str()
	}
	c.skip()
	return ""
}

// firstText reads a text, or a list of texts, of which it returns the first.
func (c *cursor) firstText() string {
	if c.peek() != '[' {
		return c.textValue()
	}
	c.at++
	text := ""
	for n := 0; c.more(']'); n++ {
		if v := c.textValue(); n == 0 {
			text = v
		}
	}
	return text
}

// A scalar is a value that is text or a number.
type scalar struct {
	text   string
	number bool
}

// scalar reads one. An object or a list is skipped, and empty.
func (c *cursor) scalar() scalar {
	switch b := c.peek(); {
	case b == '"':
		return scalar{c.str(), false}
	case b == '-' || '0' <= b && b <= '9':
		return scalar{c.word(), true}
	}
	c.skip()
	return scalar{}
}

// firstScalar reads a text or a number, or a list of texts, of which it returns the first.
func (c *cursor) firstScalar() string {
	if c.peek() == '[' {
		return c.firstText()
	}
	return c.scalar().text
}

// endsWord holds the bytes that end a number or a name.
var endsWord = [256]bool{
	' ': true, '\t': true, '\r': true, '\n': true, '"': true, ',': true, ':': true, '[': true, ']': true, '{': true, '}': true,
}

// word reads a number, true, false or null, and whatever else is no bracket, no
// text, no comma and no colon.
func (c *cursor) word() string {
	begin := c.at
	for c.at < len(c.text) && !endsWord[c.text[c.at]] {
		c.at++
	}
	if begin == c.at {
		c.bad = true
	}
	return c.text[begin:c.at]
}

// skip reads any value, and forgets it.
func (c *cursor) skip() {
	for depth := 0; !c.bad; {
		switch c.peek() {
		case '"':
			c.skipText()
		case '{', '[':
			depth++
			c.at++
		case '}', ']':
			depth--
			c.at++
			c.bad = c.bad || depth < 0
		case ',', ':':
			c.at++
			c.bad = c.bad || depth == 0
		default:
			c.word()
		}
		if depth <= 0 {
			return
		}
	}
}

// skipText reads a text, and forgets it.
func (c *cursor) skipText() {
	c.at++
	for {
		end := strings.IndexByte(c.text[c.at:], '"')
		if end < 0 {
			c.bad, c.at = true, len(c.text)
			return
		}
		end += c.at
		slashes := 0
		for slashes < end-c.at && c.text[end-1-slashes] == '\\' {
			slashes++
		}
		c.at = end + 1
		if slashes%2 == 0 {
			return
		}
	}
}

// str reads a text.
func (c *cursor) str() string {
	if c.peek() != '"' {
		c.bad = true
		return ""
	}
	begin := c.at + 1
	if n := strings.IndexByte(c.text[begin:], '"'); n >= 0 && !c.slashed(begin+n) {
		c.at = begin + n + 1
		return c.text[begin : begin+n]
	}
	c.skipText()
	if c.bad {
		return ""
	}
	return c.unescape(c.text[begin : c.at-1])
}

// slashed reports whether there is a backslash before end.
func (c *cursor) slashed(end int) bool {
	if c.slash <= c.at {
		n := strings.IndexByte(c.text[c.at:], '\\')
		if n < 0 {
			n = len(c.text)
		}
		c.slash = c.at + n
	}
	return c.slash < end
}

// unescape returns what a text stands for.
func (c *cursor) unescape(s string) string {
	b := make([]byte, 0, len(s))
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			return string(append(b, s...))
		}
		b = append(b, s[:i]...)
		s = s[i+1:]
		if s == "" {
			c.bad = true
			return ""
		}
		switch e := s[0]; e {
		case '"', '\\', '/':
			b = append(b, e)
		case 'b', 'f', 'n', 'r', 't':
			b = append(b, "\b\f\n\r\t"[strings.IndexByte("bfnrt", e)])
		case 'u':
			var r rune
			if r, s = c.unicode(s); c.bad {
				return ""
			}
			b = utf8.AppendRune(b, r)
		default:
			c.bad = true
			return ""
		}
		s = s[1:]
	}
}

// unicode reads an escape that begins with u, and the second half of a pair. It
// returns the last byte of them with what follows.
func (c *cursor) unicode(s string) (rune, string) {
	first, ok := hex4(s)
	if !ok {
		c.bad = true
		return 0, s
	}
	s = s[4:]
	if !utf16.IsSurrogate(first) {
		return first, s
	}
	if len(s) >= 7 && s[1] == '\\' {
		if second, ok := hex4(s[2:]); ok {
			if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
				return r, s[6:]
			}
		}
	}
	return utf8.RuneError, s
}

// hex4 reads u and four hexadecimal digits.
func hex4(s string) (rune, bool) {
	if len(s) < 5 || s[0] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[1:5], 16, 16)
	return rune(n), err == nil
}
