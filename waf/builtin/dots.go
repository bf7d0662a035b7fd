package builtin

import "bytes"

// dotPoints returns what the segments of two dots in a path say. Browsers resolve them
// before they ask, and nobody writes a dot or a slash beside them as an escape.
func dotPoints(path, decoded []byte) int {
	plain, _, below := countDots(path, "/")
	all, _, _ := countDots(decoded, `/\;`)
	switch {
	case all > plain:
		return certainPoints
	case below, plain > 0 && hidesEnd(path):
		return certainPoints
	case plain > 0:
		return likelyPoints
	}
	return 0
}

// hidesEnd reports whether an escaped ? or # stands before two dots: what comes next is no
// part of the path to whoever resolves the escape first.
func hidesEnd(path []byte) bool {
	lower := bytes.ToLower(path)
	at := max(bytes.Index(lower, []byte("%3f/../")), bytes.Index(lower, []byte("%23/../")))
	return at >= 0
}

// countDots counts the segments of two dots, or of two dots and a parameter, and reports
// whether they lead out of the root.
func countDots(path []byte, separators string) (n, depth int, below bool) {
	for len(path) > 0 {
		end := bytes.IndexAny(path, separators)
		if end < 0 {
			end = len(path)
		}
		switch segment := bytes.TrimRight(path[:end], "\x00"); {
		case string(segment) == "..":
			n++
			depth--
			below = below || depth < 0
		case len(segment) > 0 && string(segment) != ".":
			depth++
		}
		path = path[min(end+1, len(path)):]
	}
	return n, depth, below
}
