package waf

import (
	"hash/maphash"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string, and returns it without its escapes.
func (j *jsonReader) text() ([]byte, bool) {
	j.at++
	start := j.at
	for ; j.at < len(j.s); j.at++ {
		switch c := j.s[j.at]; {
		case c == '"':
			j.at++
			return j.s[start : j.at-1 : j.at-1], true
		case c == '\\':
			return j.escaped(start)
		case c < ' ':
			return nil, false
		}
	}
	return nil, false
}

// escaped reads the rest of a string that began at start, from its first escape on.
func (j *jsonReader) escaped(start int) ([]byte, bool) {
	r := &j.in.room
	from := len(r.bytes)
	r.bytes = append(r.bytes, j.s[start:j.at]...)
	for j.at < len(j.s) {
		c := j.s[j.at]
		j.at++
		switch {
		case c == '"':
			return r.since(from), true
		case c < ' ':
			return nil, false
		case c != '\\':
			r.bytes = append(r.bytes, c)
		case !j.escape(r):
			return nil, false
		}
	}
	return nil, false
}

// plainEscapes are those of one character.
var plainEscapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads an escape behind its backslash.
func (j *jsonReader) escape(r *room) bool {
	if j.at == len(j.s) {
		return false
	}
	c := j.s[j.at]
	j.at++
	if plain := plainEscapes[c]; plain != 0 {
		r.bytes = append(r.bytes, plain)
		return true
	}
	if c != 'u' {
		return false
	}
	first, ok := j.hex()
	if !ok {
		return false
	}
	if utf16.IsSurrogate(first) && hasPrefix(j.s[j.at:], `\u`) {
		j.at += 2
		second, ok := j.hex()
		if !ok {
			return false
		}
		first = utf16.DecodeRune(first, second)
	}
	r.bytes = utf8.AppendRune(r.bytes, first)
	return true
}

// hex reads four hexadecimal digits.
func (j *jsonReader) hex() (rune, bool) {
	if len(j.s)-j.at < 4 {
		return 0, false
	}
	high, ok := hexByte(j.s[j.at:])
	low, ok2 := hexByte(j.s[j.at+2:])
	j.at += 4
	return rune(high)<<8 | rune(low), ok && ok2
}

// set sets the value that has the name that was read last.
//
// Each value has all names above it in its own. Those that would take too much room have
// none: rules that ask for no name look at them. When there are too many values, those are
// still kept whose name rules ask for: of each name there is one.
func (j *jsonReader) set(value []byte) {
	values := &j.in.zones[zoneBodyArgs].values
	if j.in.isFull(zoneBodyArgs) && !j.in.isAsked(j.name) {
		return
	}
	if len(j.name) > shortName {
		j.named -= len(j.name)
	}
	if j.named < 0 && len(j.name) > shortName {
		j.in.over = true
		j.in.add(zoneBodyArgs, nil, orEmpty(value))
		return
	}
	j.in.spend(costOfNaming)
	n := len(*values) - j.first
	if n*4 >= len(j.slots)*3 {
		j.grow(*values)
	}
	hash := maphash.Bytes(j.seed, j.name)
	at := j.slotOf(hash, j.name)
	if s := j.slots[at]; s != 0 {
		p := &(*values)[j.first+s.number()]
		j.in.hide(p.name, p.value)
		p.value = orEmpty(value)
		return
	}
	j.slots[at] = slotFor(hash, n)
	j.in.add(zoneBodyArgs, j.keepName(), orEmpty(value))
}

// A slot has the number of a value, from 1 on, and a part of the hash of its name: most
// names differ in that, so that few have to be compared. 0 is an empty slot.
type slot uint32

const (
	slotNumbers = 1<<20 - 1
	slotHash    = ^slot(slotNumbers)
)

func slotFor(hash uint64, number int) slot { return slot(hash>>32)&slotHash | slot(number+1) }
func (s slot) number() int                 { return int(s&slotNumbers) - 1 }

// slotOf returns which slot a name has: that of its value, or an empty one.
func (j *jsonReader) slotOf(hash uint64, name []byte) int {
	values := j.in.zones[zoneBodyArgs].values[j.first:]
	mask := len(j.slots) - 1
	for at := int(hash) & mask; ; at = (at + 1) & mask {
		s := j.slots[at]
		if s == 0 || (s^slot(hash>>32))&slotHash == 0 && string(values[s.number()].name) == string(name) {
			return at
		}
	}
}

// clear makes empty slots for a body of this length: most values take no less than eight
// bytes of it.
func (j *jsonReader) clear(length int) {
	const least, most = 64, 2 * maxValues
	n := min(max(least, 1<<bits.Len(uint(length/8))), most)
	if n > cap(j.slots) {
		j.slots = make([]slot, n)
	}
	j.slots = j.slots[:n]
	clear(j.slots)
}

// grow doubles the slots.
func (j *jsonReader) grow(values []pair) {
	j.slots = make([]slot, 2*len(j.slots))
	for i, p := range values[j.first:] {
		hash := maphash.Bytes(j.seed, p.name)
		j.slots[j.slotOf(hash, p.name)] = slotFor(hash, i)
	}
}

// keepName returns a copy of the name that was read last. Names have a room of their own:
// what is in them is in the body, too.
func (j *jsonReader) keepName() []byte {
	start := len(j.names.bytes)
	j.names.bytes = append(j.names.bytes, j.name...)
	return j.names.since(start)
}
