package waf

import "bytes"

// removeComments takes /* */ and <!-- --> out, and cuts at -- and #. It does so as
// CrowdSec's engine does: either end closes either comment, the byte after one stays
// whatever it is, or becomes NUL at the end, and a blank stands for one that is open.
func removeComments(r *room, s []byte) []byte {
	start := len(r.bytes)
	for i := 0; i < len(s); {
		switch {
		case hasPrefix(s[i:], "/*"), hasPrefix(s[i:], "<!--"):
			size := commentEnd(s[i:])
			if size < 0 {
				r.bytes = append(r.bytes, ' ')
				return r.since(start)
			}
			i += size
			r.bytes = append(r.bytes, byteAt(s, i))
		case hasPrefix(s[i:], "--"), s[i] == '#':
			return r.since(start)
		default:
			r.bytes = append(r.bytes, s[i])
		}
		i++
	}
	return r.since(start)
}

// commentEnd returns how long the comment is that s begins with, or -1 if it does not end.
func commentEnd(s []byte) int {
	open := 2
	if s[0] == '<' {
		open = 4
	}
	for i := open; i < len(s); i++ {
		switch {
		case hasPrefix(s[i:], "*/"):
			return i + 2
		case hasPrefix(s[i:], "-->"):
			return i + 3
		}
	}
	return -1
}

func hasPrefix(s []byte, prefix string) bool {
	return len(s) >= len(prefix) && string(s[:len(prefix)]) == prefix
}

func byteAt(s []byte, i int) byte {
	if i < len(s) {
		return s[i]
	}
	return 0
}

// replaceComments makes a blank of each /* */, and of one without an end, too.
func replaceComments(r *room, s []byte) []byte {
	if !bytes.Contains(s, []byte("/*")) {
		return s
	}
	start := len(r.bytes)
	for {
		before, rest, found := bytes.Cut(s, []byte("/*"))
		r.bytes = append(r.bytes, before...)
		if !found {
			return r.since(start)
		}
		r.bytes = append(r.bytes, ' ')
		_, rest, found = bytes.Cut(rest, []byte("*/"))
		if !found {
			return r.since(start)
		}
		s = rest
	}
}
