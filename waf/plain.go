package waf

import (
	"bytes"
	"slices"
)

// plain returns a body as detectors read it: without a byte order mark, and of UTF-16 only
// the characters of ASCII, since nothing else is needed to find an attack.
func (in *Inspection) plain(body []byte) []byte {
	if rest, ok := bytes.CutPrefix(body, []byte("\xef\xbb\xbf")); ok {
		return rest
	}
	if !isWide(body) {
		return body
	}
	in.spend(len(body) * costOfReading)
	start := len(in.room.bytes)
	for _, c := range body {
		if c != 0 && c < 0x80 {
			in.room.bytes = append(in.room.bytes, c)
		}
	}
	return in.room.since(start)
}

// isWide reports whether a text is in UTF-16, of either order, with a mark or without.
func isWide(s []byte) bool {
	return len(s) > 4 && (s[0] == 0 || s[1] == 0 || s[0] >= 0xfe) && (s[2] == 0 || s[3] == 0)
}

// firstBoundary returns the boundary of a multipart body by its first line. Applications
// find it there if the Content-Type has none, or two.
func firstBoundary(body []byte) string {
	line := body[:indexByte(body, '\n')]
	return string(bytes.TrimRight(line[len("--"):], "\r \t"))
}

// readUntypedParts adds the parts of a body that no Content-Type says to be a form: those that
// have the name of a field, and no requests of a batch.
func (in *Inspection) readUntypedParts(boundary string, body []byte) {
	in.readParts(boundary, body)
	z := &in.zones[zoneBodyArgs]
	z.values = slices.DeleteFunc(z.values, func(p pair) bool { return len(p.name) == 0 })
}
