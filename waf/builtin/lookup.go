package builtin

import "bytes"

// maxLookups bounds how many lookups in a request are resolved, and maxLookup how long one
// is.
const (
	maxLookups = 128
	maxLookup  = 256
)

// hasLookup reports whether a text asks log4j for a name in a directory, however it writes
// that: ${jndi:…}, or ${${lower:j}ndi:…}, or ${${env:NONE:-j}ndi:…}.
func (w *watch) hasLookup(s []byte) bool {
	if !bytes.Contains(s, []byte("${")) || bytes.IndexByte(s, ':') < 0 {
		return false
	}
	var room [512]byte
	for ; w.lookups < maxLookups && !w.isSpent(); w.lookups++ {
		at := bytes.Index(s, []byte("${"))
		if at < 0 {
			return false
		}
		s = s[at:]
		w.work += maxLookup * workOfByte
		flat := appendResolved(room[:0], s[:min(len(s), maxLookup)])
		if bytes.Contains(flat, []byte("${jndi:")) {
			return true
		}
		s = s[2:]
	}
	w.over = true
	return false
}

// appendResolved appends a text with what is in its inner lookups in their place.
func appendResolved(to, s []byte) []byte {
	var most [16]int
	opened := most[:0] // where lookups begin that have not ended
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '$' && i+1 < len(s) && s[i+1] == '{' && len(opened) < cap(opened):
			opened = append(opened, len(to))
			to = append(to, "${"...)
			i++
		case s[i] == '}' && len(opened) > 1:
			at := opened[len(opened)-1]
			opened = opened[:len(opened)-1]
			to = append(to[:at], resultOf(to[at+2:])...)
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
