package builtin

const (
	scriptScheme  = "javascript"
	longestScheme = 64 // bytes, with what is in between
)

// hasBrokenScheme reports whether there is a javascript: with control characters in it,
// which browsers drop.
func hasBrokenScheme(s []byte) bool {
	for i, c := range s {
		if c == ':' && endsBroken(s[:i]) {
			return true
		}
	}
	return false
}

func endsBroken(s []byte) bool {
	broken := false
	left := len(scriptScheme)
	for i := len(s) - 1; i >= max(0, len(s)-longestScheme) && left > 0; i-- {
		switch {
		case s[i] == scriptScheme[left-1]:
			left--
		case s[i] < ' ':
			broken = true
		default:
			return false
		}
	}
	return broken && left == 0
}
