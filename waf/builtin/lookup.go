package builtin

import "bytes"

// maxLookups bounds how many lookups in a value are resolved.
const maxLookups = 64

// hasLookup reports whether a text asks log4j for a name in a directory, however it writes
// that: ${jndi:…}, or ${${lower:j}ndi:…}, or ${${env:NONE:-j}ndi:…}.
func hasLookup(s []byte) bool {
	if !bytes.Contains(s, []byte("${")) || !bytes.Contains(s, []byte(":")) {
		return false
	}
	var room [512]byte
	for n := 0; n < maxLookups; n++ {
		at := bytes.Index(s, []byte("${"))
		if at < 0 {
			return false
		}
		s = s[at:]
		flat := appendResolved(room[:0], s[:min(len(s), 256)])
		if bytes.Contains(flat, []byte("${jndi:")) {
			return true
		}
		s = s[2:]
	}
	return false
}

// appendResolved appends a text with what is in its inner lookups in their place.
func appendResolved(to, s []byte) []byte {
	var opened [16]int
	depth := 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '$' && i+1 < len(s) && s[i+1] == '{' && depth < len(opened):
			opened[depth] = len(to)
			depth++
			to = append(to, "${"...)
			i++
		case s[i] == '}' && depth > 1:
			depth--
			inner := to[opened[depth]+2:]
			to = append(to[:opened[depth]], resultOf(inner)...)
		case s[i] > ' ':
			to = append(to, s[i])
		}
	}
	return to
}

// resultOf returns what becomes of an inner lookup: its default if it has one, or else
// what is behind its kind.
func resultOf(lookup []byte) []byte {
	if i := bytes.LastIndex(lookup, []byte(":-")); i >= 0 {
		return lookup[i+2:]
	}
	if i := bytes.LastIndexByte(lookup, ':'); i >= 0 {
		return bytes.Trim(lookup[i+1:], "'")
	}
	return lookup
}
