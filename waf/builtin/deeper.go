package builtin

import (
	"bytes"
	"encoding/base64"
	"slices"
	"unicode/utf8"

	"github.com/tocsin-project/tocsin/waf"
)

// lookDeeper looks at what is in a value, if it is in another encoding or part of a whole.
func (w *watch) lookDeeper(p waf.Part, name, value []byte) {
	if (p == waf.PartHeader || p == waf.PartCookie) && isUnsigned(value) {
		w.add(&context{part: p, name: name}, int(unsignedToken), 0, likelyPoints)
	}
	if p == waf.PartRawBody && isWide(value) {
		w.lookWide(context{part: p, name: name}, value)
	}
	w.lookJoined(p, name, value)
	if p != waf.PartPath && p != waf.PartFile {
		w.lookWithin(p, name, value)
	}
	if p == waf.PartArg || p == waf.PartBodyArg {
		w.lookSeparated(p, value)
		w.lookEncoded(name, value)
		w.lookInside(context{name: name}, value)
		w.lookCommand(p, name, value)
	}
}

// lookJoined looks at arguments of one name as some servers join them, which hides an attack
// in pieces.
func (w *watch) lookJoined(p waf.Part, name, value []byte) {
	if p != waf.PartArg {
		return
	}
	isSame := len(w.lastName) > 0 && bytes.Equal(name, w.lastName)
	w.lastName = append(w.lastName[:0], name...)
	value = value[:min(len(value), maxJoined)]
	if !isSame {
		w.joined = append(w.joined[:0], value...)
		return
	}
	if len(w.joined) < maxJoined {
		w.joined = append(append(w.joined, ','), value...)
		w.look(context{part: p, name: name}, w.joined)
	}
}

// maxSeparated bounds the arguments in one.
const maxSeparated = 32

// lookSeparated looks at arguments behind a semicolon, which some servers take for another &.
func (w *watch) lookSeparated(p waf.Part, value []byte) {
	_, rest, found := bytes.Cut(value, []byte(";"))
	for n := 0; found && n < maxSeparated && !w.over; n++ {
		var piece []byte
		piece, rest, found = bytes.Cut(rest, []byte(";"))
		if name, text, ok := bytes.Cut(piece, []byte("=")); ok && isName(name) && len(text) > 0 {
			w.look(context{part: p, name: name}, text[:min(len(text), maxText)])
		}
	}
}

// isName reports whether a text is as names of arguments are.
func isName(s []byte) bool {
	for _, c := range s {
		if !isWordByte(c) && c != '-' && c != '.' && c != '[' && c != ']' {
			return false
		}
	}
	return len(s) > 0
}

// lookEncoded looks at a text in base64, if that is all that a value is. People send documents
// so, as in a body.
func (w *watch) lookEncoded(name, value []byte) {
	const least = 12
	if len(value) < least || len(value) > maxText || !isBase64(value) || w.isSpent() {
		return
	}
	w.work += len(value) * workOfLayer
	w.encoded = appendText(w.encoded[:0], value)
	if len(w.encoded) > 0 {
		w.look(context{part: waf.PartBodyArg, name: name, isEncoded: true}, w.encoded)
	}
}

// appendText appends what base64 in either alphabet stands for, if that is a text.
func appendText(to, s []byte) []byte {
	encoding := base64.RawStdEncoding
	if bytes.ContainsAny(s, "-_") {
		encoding = base64.RawURLEncoding
	}
	s = bytes.TrimRight(s, "=\r\n")
	to = slices.Grow(to, len(s))[:len(s)]
	n, err := encoding.Decode(to, s)
	isOdd := func(c byte) bool { return isControl(c) && c != '\r' } // lines of documents may end with it
	if err != nil || !utf8.Valid(to[:n]) || slices.ContainsFunc(to[:n], isOdd) {
		return to[:0]
	}
	return to[:n]
}

// lookWide looks at a body in UTF-16 as if it were ASCII.
func (w *watch) lookWide(c context, value []byte) {
	w.inside = w.inside[:0]
	for _, b := range value[:min(len(value), maxTail)] {
		if b != 0 && b < 0x80 {
			w.inside = append(w.inside, b)
		}
	}
	w.look(c, w.inside)
}

// lookInside looks at XML in base64, as SAML has it.
func (w *watch) lookInside(c context, value []byte) {
	if len(value) == 0 || value[0] != 'P' || !hasAnyPrefix(value, "PD94", "PCFE", "PCFF", "PD9w") {
		return
	}
	value = value[:min(len(value), maxTail)&^3]
	w.inside = append(w.inside[:0], make([]byte, maxTail)...)
	n, _ := base64.StdEncoding.Decode(w.inside, value)
	c.part = waf.PartRawBody
	w.look(c, w.inside[:n])
}

// isWide reports whether a text is in UTF-16, of either order, with a mark or without.
func isWide(s []byte) bool {
	return len(s) > 4 && (s[0] == 0 || s[1] == 0 || s[0] >= 0xfe) && (s[2] == 0 || s[3] == 0)
}

// withoutPadding returns a long value without what no attack can be in: plain words, but for
// the last two before the first special byte.
func withoutPadding(value []byte) []byte {
	var words [3]int // where the last ones begin
	for i, c := range value {
		switch {
		case c == ' ':
			copy(words[:], words[1:])
			words[2] = i + 1
		case kinds[c] != isPlain:
			return value[max(words[0], i-maxText/2):]
		}
	}
	return nil
}

// isSuspectName reports whether a name has what names of fields do not have.
func isSuspectName(name []byte) bool {
	return kindsOf(name)&isSpecial != 0 && !isNameOfLevels(name) || reachesFor(name)
}

// isNameOfLevels reports whether a name has nothing special but the brackets of arrays.
func isNameOfLevels(name []byte) bool {
	for _, c := range name {
		if kinds[c] != isPlain && c != '[' && c != ']' && c != ':' && c != '@' && c != '/' {
			return false
		}
	}
	return true
}

// trimLeft drops white space and control characters before a value, as applications do.
func trimLeft(s []byte) []byte {
	for len(s) > 0 && s[0] <= ' ' {
		s = s[1:]
	}
	return s
}

// hasControl reports whether there is what no text has.
func hasControl(s []byte) bool { return slices.ContainsFunc(s, isControl) }

func isControl(c byte) bool { return c < ' ' && c != '\n' && c != '\t' }

// plusToBlank makes blanks of plus signs, as in cookies that are written like arguments.
func plusToBlank(s []byte) {
	for i, c := range s {
		if c == '+' {
			s[i] = ' '
		}
	}
}
