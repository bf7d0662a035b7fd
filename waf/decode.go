package waf

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// jsDecode resolves the escapes of JavaScript: \uHHHH (of which the low byte counts),
// \xHH, octal ones and those of one character.
func jsDecode(r *room, s []byte) []byte {
	if bytes.IndexByte(s, '\\') < 0 {
		return s
	}
	start := len(r.bytes)
	for i := 0; i < len(s); {
		if s[i] != '\\' || i+1 == len(s) {
			r.bytes = append(r.bytes, s[i])
			i++
			continue
		}
		c, size := jsEscape(s[i+1:])
		r.bytes = append(r.bytes, c)
		i += 1 + size
	}
	return r.since(start)
}

// jsEscape returns what the escape is that s begins with, without the backslash, and how
// long it is.
func jsEscape(s []byte) (c byte, size int) {
	if s[0] == 'u' && len(s) >= 5 {
		high, ok := hexByte(s[1:])
		low, ok2 := hexByte(s[3:])
		if ok && ok2 {
			return fromFullWidth(high, low), 5
		}
	}
	if s[0] == 'x' {
		if b, ok := hexByte(s[1:]); ok {
			return b, 3
		}
	}
	if '0' <= s[0] && s[0] <= '7' {
		return 0, octalDigits(s) // CrowdSec's engine makes nothing of the digits
	}
	return plainEscape(s[0]), 1
}

// octalDigits returns how many digits an octal escape has.
func octalDigits(s []byte) int {
	n := 0
	for n < min(3, len(s)) && '0' <= s[n] && s[n] <= '7' {
		n++
	}
	if n == 3 && s[0] > '3' {
		n = 2
	}
	return n
}

func plainEscape(c byte) byte {
	switch c {
	case 'a':
		return '\a'
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'v':
		return '\v'
	}
	return c
}

// fromFullWidth returns the low byte of a character, and of one of full width the ASCII
// one that it looks like.
func fromFullWidth(high, low byte) byte {
	if high == 0xff && 0x01 <= low && low <= 0x5e {
		low += 0x20
	}
	return low
}

// cssDecode resolves the escapes of CSS: one to six hexadecimal digits, of which the low
// byte counts, and a white space after them, which goes.
func cssDecode(r *room, s []byte) []byte {
	if bytes.IndexByte(s, '\\') < 0 {
		return s
	}
	start := len(r.bytes)
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			r.bytes = append(r.bytes, s[i])
			i++
			continue
		}
		i++
		digits := cssDigits(s[i:])
		switch {
		case digits > 0:
			r.bytes = append(r.bytes, cssByte(s[i:i+digits]))
			i += digits
			if i < len(s) && isSpace(s[i]) {
				i++
			}
		case i < len(s) && s[i] == '\n':
			i++ // goes on in the next line
		case i < len(s):
			r.bytes = append(r.bytes, s[i])
			i++
		}
	}
	return r.since(start)
}

func cssDigits(s []byte) int {
	n := 0
	for n < min(6, len(s)) {
		if _, ok := unhex(s[n]); !ok {
			break
		}
		n++
	}
	return n
}

func cssByte(digits []byte) byte {
	n := len(digits)
	if n == 1 {
		c, _ := unhex(digits[0])
		return c
	}
	low, _ := hexByte(digits[n-2:])
	if n < 4 {
		return low
	}
	high, _ := hexByte(digits[n-4:])
	for _, c := range digits[:n-4] {
		if c != '0' {
			return low // beyond the characters of full width
		}
	}
	return fromFullWidth(high, low)
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// cmdLine makes one of the many ways to write a command: without quotes, carets and
// backslashes, with one blank for any row of separators, and none before / and (.
func cmdLine(r *room, s []byte) []byte {
	start := len(r.bytes)
	space := false
	for _, c := range s {
		switch c {
		case '"', '\'', '\\', '^':
		case ' ', ',', ';', '\t', '\r', '\n':
			if !space {
				r.bytes = append(r.bytes, ' ')
				space = true
			}
		case '/', '(':
			if space {
				r.bytes = r.bytes[:len(r.bytes)-1]
			}
			space = false
			r.bytes = append(r.bytes, c)
		default:
			space = false
			r.bytes = append(r.bytes, lowered[c])
		}
	}
	return r.since(start)
}

func removeSpace(r *room, s []byte) []byte {
	start := len(r.bytes)
	for i := 0; i < len(s); {
		c, size := utf8.DecodeRune(s[i:])
		if !unicode.IsSpace(c) {
			r.bytes = utf8.AppendRune(r.bytes, c)
		}
		i += size
	}
	return r.since(start)
}

// isLatinSpace takes each byte for a character, so that it finds two in the middle of
// UTF-8.
func isLatinSpace(c byte) bool { return isSpace(c) || c == 0x85 || c == 0xa0 }

func compressSpace(r *room, s []byte) []byte {
	start := len(r.bytes)
	for i, c := range s {
		if !isLatinSpace(c) {
			r.bytes = append(r.bytes, c)
			continue
		}
		if i == 0 || !isLatinSpace(s[i-1]) {
			r.bytes = append(r.bytes, ' ')
		}
	}
	return r.since(start)
}

func removeNulls(r *room, s []byte) []byte {
	if bytes.IndexByte(s, 0) < 0 {
		return s
	}
	start := len(r.bytes)
	for _, c := range s {
		if c != 0 {
			r.bytes = append(r.bytes, c)
		}
	}
	return r.since(start)
}

func replaceNulls(r *room, s []byte) []byte {
	if bytes.IndexByte(s, 0) < 0 {
		return s
	}
	start := len(r.bytes)
	r.bytes = append(r.bytes, bytes.ReplaceAll(s, []byte{0}, []byte{' '})...)
	return r.since(start)
}
