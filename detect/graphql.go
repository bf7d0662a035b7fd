package detect

import "strings"

// eachArgument calls f for the arguments of a GraphQL document whose values are
// texts, such as login(user: "a", password: "b"), however many times there are.
func eachArgument(document string, f func(name, value string)) {
	for {
		open := strings.IndexByte(document, '"')
		if open < 0 {
			return
		}
		name := argumentName(document[:open])
		value, rest, ok := quoted(document[open+1:])
		if !ok {
			return
		}
		if document = rest; name != "" {
			f(name, value)
		}
	}
}

// argumentName returns the name that ends before, with its colon; nothing if there
// is none.
func argumentName(before string) string {
	before, ok := strings.CutSuffix(strings.TrimRight(before, " \t\r\n"), ":")
	if !ok {
		return ""
	}
	before = strings.TrimRight(before, " \t\r\n")
	at := len(before)
	for at > 0 && wordByte(before[at-1]) {
		at--
	}
	return before[at:]
}

// quoted returns what stands before the next quote that no backslash precedes, and
// the rest behind that.
func quoted(s string) (value, rest string, ok bool) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[:i], s[i+1:], true
		}
	}
	return "", "", false
}
