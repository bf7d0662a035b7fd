package builtin

import (
	"encoding/base64"

	"github.com/tocsin-project/tocsin/waf"
)

func (w *watch) lookDeeper(p waf.Part, name, value []byte) {
	if (p == waf.PartHeader || p == waf.PartCookie) && isUnsigned(value) {
		w.add(&context{part: p, name: name}, int(unsignedToken), 0, likelyPoints)
	}
	if p == waf.PartRawBody && isWide(value) {
		w.lookWide(context{part: p, name: name}, value)
	}
	if p == waf.PartArg || p == waf.PartBodyArg {
		w.lookInside(context{name: name}, value)
	}
}

func (w *watch) lookWide(c context, value []byte) {
	w.inside = w.inside[:0]
	for _, b := range value[:min(len(value), maxTail)] {
		if b != 0 && b < 0x80 {
			w.inside = append(w.inside, b)
		}
	}
	w.look(c, w.inside)
}

func (w *watch) lookInside(c context, value []byte) {
	if !hasAnyPrefix(value, "PD94", "PCFE", "PCFF", "PD9w") {
		return
	}
	value = value[:min(len(value), maxTail)&^3]
	w.inside = append(w.inside[:0], make([]byte, maxTail)...)
	n, _ := base64.StdEncoding.Decode(w.inside, value)
	c.part = waf.PartRawBody
	w.look(c, w.inside[:n])
}

func isWide(s []byte) bool {
	return len(s) > 4 && (s[0] == 0 || s[1] == 0 || s[0] >= 0xfe) && (s[2] == 0 || s[3] == 0)
}

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

func isSuspectName(name []byte) bool {
	return kindsOf(name)&isSpecial != 0 && !isNameOfLevels(name) || reachesFor(name)
}

func isNameOfLevels(name []byte) bool {
	for _, c := range name {
		if kinds[c] != isPlain && c != '[' && c != ']' && c != ':' && c != '@' && c != '/' {
			return false
		}
	}
	return true
}

func trimLeft(s []byte) []byte {
	for len(s) > 0 && s[0] <= ' ' {
		s = s[1:]
	}
	return s
}

func hasControl(s []byte) bool {
	for _, c := range s {
		if c < ' ' && c != '\n' && c != '\t' {
			return true
		}
	}
	return false
}

func plusToBlank(s []byte) {
	for i, c := range s {
		if c == '+' {
			s[i] = ' '
		}
	}
}
