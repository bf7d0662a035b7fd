package waf

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode"
	"unicode/utf8"
)

// lowered are ASCII letters in lower case, and all other bytes as they are.
var lowered = func() (table [256]byte) {
	for c := range table {
		table[c] = byte(c)
		if 'A' <= c && c <= 'Z' {
			table[c] += 'a' - 'A'
		}
	}
	return table
}()

// A number with each of these in all of its bytes.
const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// upperOf returns a number with the high bit of each byte of x set that is an ASCII letter
// in upper case.
func upperOf(x uint64) uint64 {
	low := x &^ highs // so that no byte carries into the next
	return ((low + (0x80-'A')*ones) ^ (low + (0x7f-'Z')*ones)) & highs &^ x
}

// toLower is [strings.ToLower]: a byte that is no UTF-8 becomes U+FFFD once there is one
// that is not ASCII. It takes eight bytes at a time, for whole bodies come here.
func toLower(r *room, s []byte) []byte {
	var high, upper uint64
	i := 0
	for ; i+8 <= len(s); i += 8 {
		x := binary.LittleEndian.Uint64(s[i:])
		high |= x
		upper |= upperOf(x)
	}
	for _, c := range s[i:] {
		high |= uint64(c)
		if lowered[c] != c {
			upper = 1
		}
	}
	switch {
	case high&highs != 0:
		return runesToCase(r, s, unicode.ToLower)
	case upper == 0:
		return s
	}
	return toLowerASCII(r, s)
}

// toLowerASCII makes ASCII letters small, and leaves all other bytes alone.
func toLowerASCII(r *room, s []byte) []byte {
	start := len(r.bytes)
	r.bytes = append(r.bytes, s...)
	out := r.since(start)
	i := 0
	for ; i+8 <= len(out); i += 8 {
		x := binary.LittleEndian.Uint64(out[i:])
		binary.LittleEndian.PutUint64(out[i:], x|upperOf(x)>>2)
	}
	for ; i < len(out); i++ {
		out[i] = lowered[out[i]]
	}
	return out
}

// dotted and kelvin are the only characters beyond ASCII that have a lower case in ASCII.
const (
	dotted = "\u0130"
	kelvin = "\u212a"
)

// lowerToFind makes of a text one in which any ASCII literal is that is in what toLower makes
// of it. That is much faster where not all is ASCII.
func lowerToFind(r *room, s []byte) []byte {
	if !hasRune(s, dotted) && !hasRune(s, kelvin) {
		return toLowerASCII(r, s)
	}
	start := len(r.bytes)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == dotted[0] && hasPrefix(s[i:], dotted):
			c = 'i'
			i += len(dotted) - 1
		case c == kelvin[0] && hasPrefix(s[i:], kelvin):
			c = 'k'
			i += len(kelvin) - 1
		}
		r.bytes = append(r.bytes, lowered[c])
	}
	return r.since(start)
}

// countHigh returns how many bytes are not ASCII.
func countHigh(s []byte) (n int) {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(s[i:]) & highs)
	}
	for _, c := range s[i:] {
		n += int(c >> 7)
	}
	return n
}

// hasRune reports whether the character c is in s. To look for its first byte is faster, and
// most texts do not have that.
func hasRune(s []byte, c string) bool {
	at := bytes.IndexByte(s, c[0])
	return at >= 0 && bytes.Contains(s[at:], []byte(c))
}

// toUpper is [strings.ToUpper].
func toUpper(r *room, s []byte) []byte { return runesToCase(r, s, unicode.ToUpper) }

func runesToCase(r *room, s []byte, of func(rune) rune) []byte {
	start := len(r.bytes)
	for i := 0; i < len(s); {
		c, size := rune(s[i]), 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRune(s[i:])
		}
		if c != utf8.RuneError {
			c = of(c)
		}
		r.bytes = utf8.AppendRune(r.bytes, c)
		i += size
	}
	return r.since(start)
}
