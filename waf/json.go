package waf

import (
	"hash/maphash"
	"strconv"
)

// maxDepth bounds how deep JSON may be. Of what is deeper nothing is looked at, as in
// CrowdSec's engine.
const maxDepth = 1024

// A jsonReader makes arguments of JSON: json.a.0 for what is first in the array a. A
// number is as it is written, null is empty, and an array with something in it has its
// length under its own name. Of two values with one name the last counts;
// detectors see the first, too.
//
// It takes what gjson takes, which CrowdSec's engine uses: bytes that are no UTF-8, too.
type jsonReader struct {
	in    *Inspection
	s     []byte
	at    int
	name  []byte
	depth int
	first int    // of the values of this body
	slots []slot // by hash of names
	seed  maphash.Seed
	used  bool
	names room
	named int // bytes of names that there may still be
}

// read adds the arguments in JSON, and reports whether it is valid and not too deep. If it
// is not, it adds none.
func (j *jsonReader) read(in *Inspection, body []byte) bool {
	values := &in.zones[zoneBodyArgs].values
	if !j.used {
		j.seed, j.used = maphash.MakeSeed(), true
	}
	j.in, j.s, j.at, j.depth, j.first = in, body, 0, 0, len(*values)
	hidden := len(in.hidden)
	j.name, j.named = append(j.name[:0], "json"...), maxNames
	j.clear(len(body))
	ok := j.document()
	j.in, j.s = nil, nil
	if !ok {
		*values, in.hidden = (*values)[:j.first], in.hidden[:hidden]
	}
	return ok
}

// reset gives back what a large body took.
func (j *jsonReader) reset() {
	if cap(j.slots) > 2*keptValues {
		j.slots = nil
	}
	j.names.reset(keptBytes)
	if cap(j.name) > keptValues {
		j.name = nil
	}
}

func (j *jsonReader) document() bool {
	j.space()
	if j.at == len(j.s) {
		return false
	}
	if c := j.s[j.at]; c != '{' && c != '[' {
		// A value alone is the first of an array.
		end := j.push("0")
		if !j.value() {
			return false
		}
		j.name = j.name[:end]
		j.set([]byte("1"))
	} else if !j.value() {
		return false
	}
	j.space()
	return j.at == len(j.s)
}

func (j *jsonReader) space() {
	for j.at < len(j.s) {
		switch j.s[j.at] {
		case ' ', '\t', '\n', '\r':
			j.at++
		default:
			return
		}
	}
}

// push adds a level to the name, and returns how long it was.
func (j *jsonReader) push(level string) int {
	end := len(j.name)
	j.name = append(append(j.name, '.'), level...)
	return end
}

// value reads any value, and reports whether it is one.
func (j *jsonReader) value() bool {
	if j.at == len(j.s) {
		return false
	}
	switch c := j.s[j.at]; {
	case c == '{':
		return j.container('}')
	case c == '[':
		return j.container(']')
	case c == '"':
		text, ok := j.text()
		if ok {
			j.set(text)
		}
		return ok
	case c == '-' || '0' <= c && c <= '9':
		return j.number()
	}
	return j.word("true", "true") || j.word("false", "false") || j.word("null", "")
}

func (j *jsonReader) word(word, value string) bool {
	if !hasPrefix(j.s[j.at:], word) {
		return false
	}
	start := j.at
	j.at += len(word)
	j.set(j.s[start : start+len(value) : start+len(value)])
	return true
}

// container reads an object or an array.
func (j *jsonReader) container(closing byte) bool {
	if j.depth++; j.depth > maxDepth {
		return false
	}
	j.at++
	n, ok := j.elements(closing)
	j.depth--
	if ok && closing == ']' && n > 0 {
		j.set(j.digits(n))
	}
	return ok
}

// elements reads what is in a container, and its end.
func (j *jsonReader) elements(closing byte) (n int, ok bool) {
	end := len(j.name)
	j.space()
	if j.take(closing) {
		return 0, true
	}
	for {
		if !j.element(closing, n) {
			return n, false
		}
		n++
		j.name = j.name[:end]
		j.space()
		if j.take(closing) {
			return n, true
		}
		if !j.take(',') {
			return n, false
		}
		j.space()
	}
}

// take reads c, if it is next.
func (j *jsonReader) take(c byte) bool {
	if j.at == len(j.s) || j.s[j.at] != c {
		return false
	}
	j.at++
	return true
}

// element reads one value of a container, and what names it.
func (j *jsonReader) element(closing byte, n int) bool {
	if closing == ']' {
		j.name = strconv.AppendInt(append(j.name, '.'), int64(n), 10)
		return j.value()
	}
	if j.at == len(j.s) || j.s[j.at] != '"' {
		return false
	}
	key, ok := j.text()
	if !ok {
		return false
	}
	j.name = append(append(j.name, '.'), key...)
	j.space()
	if !j.take(':') {
		return false
	}
	j.space()
	return j.value()
}

func (j *jsonReader) digits(n int) []byte {
	start := len(j.in.room.bytes)
	j.in.room.bytes = strconv.AppendInt(j.in.room.bytes, int64(n), 10)
	return j.in.room.since(start)
}

func (j *jsonReader) number() bool {
	start := j.at
	if j.s[j.at] == '-' {
		j.at++
	}
	whole := j.at
	if n := j.skipDigits(); n == 0 || n > 1 && j.s[whole] == '0' {
		return false
	}
	if j.at < len(j.s) && j.s[j.at] == '.' {
		j.at++
		if j.skipDigits() == 0 {
			return false
		}
	}
	if j.at < len(j.s) && j.s[j.at]|0x20 == 'e' {
		j.at++
		if j.at < len(j.s) && (j.s[j.at] == '+' || j.s[j.at] == '-') {
			j.at++
		}
		if j.skipDigits() == 0 {
			return false
		}
	}
	j.set(j.s[start:j.at:j.at])
	return true
}

func (j *jsonReader) skipDigits() int {
	start := j.at
	for j.at < len(j.s) && '0' <= j.s[j.at] && j.s[j.at] <= '9' {
		j.at++
	}
	return j.at - start
}
