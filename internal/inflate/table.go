package inflate

import "math/bits"

const (
	maxSymbols   = 288
	maxDistances = 32
	maxLength    = 15 // of a code in bits
	quick        = 9  // bits of a code that are looked up at once
)

// A table tells symbols by their Huffman codes: those of up to quick bits at once, others bit
// by bit.
type table struct {
	short  [1 << quick]uint16 // the symbol, and in the low four bits its length; 0: the code is longer
	count  [maxLength + 1]uint16
	sorted [maxSymbols]uint16 // symbols by their codes
}

// make reads the lengths of the codes of all symbols, and reports whether they make sense.
// Compressors write a code alone with a length of one, so that is allowed.
func (t *table) make(lengths []uint8) bool {
	t.count = [maxLength + 1]uint16{}
	for _, n := range lengths {
		t.count[n]++
	}
	t.count[0] = 0
	left, used := 1, 0
	var code, offset [maxLength + 2]int
	for n := 1; n <= maxLength; n++ {
		left = left<<1 - int(t.count[n])
		if left < 0 {
			return false
		}
		used += int(t.count[n])
		code[n+1] = (code[n] + int(t.count[n])) << 1
		offset[n+1] = offset[n] + int(t.count[n])
	}
	if left > 0 && (used != 1 || t.count[1] != 1) {
		return used == 0 && t.clear()
	}
	if left > 0 {
		t.clear() // half of the codes mean nothing
	}
	for symbol, n := range lengths {
		if n == 0 {
			continue
		}
		t.sorted[offset[n]] = uint16(symbol)
		offset[n]++
		t.add(symbol, int(n), code[n])
		code[n]++
	}
	return true
}

// clear forgets all codes. A table without any is allowed as long as nothing asks it.
func (t *table) clear() bool {
	t.short = [1 << quick]uint16{}
	return true
}

// add puts a symbol where its code leads.
func (t *table) add(symbol, n, code int) {
	reversed := int(bits.Reverse16(uint16(code)) >> (16 - n))
	if n > quick {
		t.short[reversed&(1<<quick-1)] = 0
		return
	}
	for at := reversed; at < len(t.short); at += 1 << n {
		t.short[at] = uint16(symbol<<4 | n)
	}
}

// long returns the symbol whose code of more than quick bits is next, and its length, or -1.
func (t *table) long(held uint64) (symbol, n int) {
	code, first, index := 0, 0, 0
	for n = 1; n <= maxLength; n++ {
		code |= int(held & 1)
		held >>= 1
		count := int(t.count[n])
		if code-first < count {
			return int(t.sorted[index+code-first]), n
		}
		index += count
		first = (first + count) << 1
		code <<= 1
	}
	return -1, 0
}
