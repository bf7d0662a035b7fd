package waf

import (
	"bytes"
	"encoding/base64"
	"html"
	"path"
	"strconv"
	"strings"
)

// A transform returns what becomes of a text. That is the text itself if nothing changes;
// what is new is in the room.
type transform func(r *room, s []byte) []byte

// transforms are those of the language, some of which have several names. They do what
// CrowdSec's engine does, to the byte.
var transforms = map[string]transform{
	"lowercase":            toLower,
	"uppercase":            toUpper,
	"urldecode":            urlDecode,
	"length":               length,
	"trim":                 trim,
	"trim_left":            trimLeft,
	"trim_right":           trimRight,
	"b64decode":            b64Decode,
	"b64decode_lenient":    b64DecodeLenient,
	"b64encode":            b64Encode,
	"hexdecode":            hexDecode,
	"normalizepath":        normalizePath,
	"normalize_path":       normalizePath,
	"normalizepathwin":     normalizePathWin,
	"normalize_path_win":   normalizePathWin,
	"htmlentitydecode":     htmlDecode,
	"html_entity_decode":   htmlDecode,
	"js_decode":            jsDecode,
	"css_decode":           cssDecode,
	"cmdline":              cmdLine,
	"remove_whitespaces":   removeSpace,
	"compress_whitespaces": compressSpace,
	"remove_nulls":         removeNulls,
	"replace_nulls":        replaceNulls,
	"remove_comments":      removeComments,
	"replace_comments":     replaceComments,
}

// unhex returns the value of a hexadecimal digit, and whether it is one.
func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// hexByte returns the byte that s begins with in two hexadecimal digits.
func hexByte(s []byte) (byte, bool) {
	if len(s) < 2 {
		return 0, false
	}
	high, ok := unhex(s[0])
	low, ok2 := unhex(s[1])
	return high<<4 | low, ok && ok2
}

// urlDecode makes a blank of a plus sign and a byte of an escape. What is none stays.
func urlDecode(r *room, s []byte) []byte {
	if bytes.IndexByte(s, '%') < 0 && bytes.IndexByte(s, '+') < 0 {
		return s
	}
	start := len(r.bytes)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if b, ok := hexByte(s[i+1:]); ok {
				c = b
				i += 2
			}
		}
		r.bytes = append(r.bytes, c)
	}
	return r.since(start)
}

func length(r *room, s []byte) []byte {
	start := len(r.bytes)
	r.bytes = strconv.AppendInt(r.bytes, int64(len(s)), 10)
	return r.since(start)
}

const blanks = " \t\n\r\f\v"

func trim(_ *room, s []byte) []byte      { return bytes.Trim(s, blanks) }
func trimLeft(_ *room, s []byte) []byte  { return bytes.TrimLeft(s, blanks) }
func trimRight(_ *room, s []byte) []byte { return bytes.TrimRight(s, blanks) }

// b64Decode reads base64 up to what is none, such as a blank, and returns what it has.
func b64Decode(r *room, s []byte) []byte { return b64DecodeBut(r, s, "\r\n") }

func b64DecodeLenient(r *room, s []byte) []byte { return b64DecodeBut(r, s, ".\r\n\t\f\v \x85\xa0") }

// b64DecodeBut reads base64 without what there may be in between.
func b64DecodeBut(r *room, s []byte, between string) []byte {
	start := len(r.bytes)
	var bits, n uint
	for _, c := range s {
		v, ok := b64Value(c)
		if !ok {
			if strings.IndexByte(between, c) >= 0 {
				continue
			}
			break
		}
		bits, n = bits<<6|uint(v), n+6
		if n >= 8 {
			n -= 8
			r.bytes = append(r.bytes, byte(bits>>n))
		}
	}
	return r.since(start)
}

func b64Value(c byte) (byte, bool) {
	switch {
	case 'A' <= c && c <= 'Z':
		return c - 'A', true
	case 'a' <= c && c <= 'z':
		return c - 'a' + 26, true
	case '0' <= c && c <= '9':
		return c - '0' + 52, true
	case c == '+':
		return 62, true
	case c == '/':
		return 63, true
	}
	return 0, false
}

func b64Encode(r *room, s []byte) []byte {
	start := len(r.bytes)
	r.bytes = base64.StdEncoding.AppendEncode(r.bytes, s)
	return r.since(start)
}

// hexDecode leaves alone what is not hexadecimal from end to end.
func hexDecode(r *room, s []byte) []byte {
	if len(s)%2 != 0 {
		return s
	}
	start := len(r.bytes)
	for i := 0; i < len(s); i += 2 {
		b, ok := hexByte(s[i:])
		if !ok {
			r.bytes = r.bytes[:start]
			return s
		}
		r.bytes = append(r.bytes, b)
	}
	return r.since(start)
}

func htmlDecode(r *room, s []byte) []byte {
	if bytes.IndexByte(s, '&') < 0 {
		return s
	}
	return r.keep(html.UnescapeString(string(s)))
}

func normalizePath(r *room, s []byte) []byte {
	if len(s) == 0 || isCleanPath(s) {
		return s
	}
	clean := path.Clean(string(s))
	switch {
	case clean == ".":
		clean = ""
	case s[len(s)-1] == '/':
		clean += "/" // which makes two of the only one of /, as CrowdSec's engine has it
	}
	return r.keep(clean)
}

// isCleanPath reports whether a path can have nothing to clean.
func isCleanPath(s []byte) bool {
	if s[0] != '/' || len(s) == 1 {
		return false
	}
	for i := 1; i < len(s); i++ {
		if s[i-1] == '/' && (s[i] == '/' || s[i] == '.') {
			return false
		}
	}
	return true
}

func normalizePathWin(r *room, s []byte) []byte {
	return normalizePath(r, bytes.ReplaceAll(s, []byte(`\`), []byte("/")))
}
