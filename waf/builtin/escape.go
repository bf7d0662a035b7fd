package builtin

import "bytes"

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
