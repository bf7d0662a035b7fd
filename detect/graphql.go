package detect

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// document reads a GraphQL document.
func (s *sent) document(text string) {
	s.graph = s.graph || logsInByGraph(text)
	eachArgument(text, s.member)
}

// maxVariables is how many variables of one body are read.
const maxVariables = 16

// readVariables records which argument each variable of a document stands for: in
// login(user: $x, password: $y), x is a user. The client chooses the names of the variables,
// and may put their values before the document.
func (s *sent) readVariables(body []byte) {
	if !bytes.Contains(body, []byte(`"query"`)) || !bytes.Contains(body, []byte("$")) {
		return
	}
	eachValue(body, func(key, document string) {
		if key != "query" {
			return
		}
		for len(s.variables) < maxVariables {
			before, rest, found := strings.Cut(document, "$")
			if !found {
				return
			}
			end := strings.IndexFunc(rest, func(r rune) bool { return r >= utf8.RuneSelf || !wordByte(byte(r)) })
			if end < 0 {
				end = len(rest)
			}
			if name := argumentName(before); name != "" {
				if s.variables == nil {
					s.variables = make(map[string]string)
				}
				s.variables[rest[:end]] = name
			}
			document = rest[end:]
		}
	}, nil)
}

// eachArgument calls f for each argument of a GraphQL document whose value is a text, such
// as login(user: "a", password: "b"), also if an argument repeats.
func eachArgument(document string, f func(name, value string)) {
	for {
		open := strings.IndexByte(document, '"')
		if open < 0 {
			return
		}
		name := argumentName(document[:open])
		quote := document[open : open+1]
		if strings.HasPrefix(document[open:], blockQuote) {
			quote = blockQuote
		}
		value, rest, ok := quoted(document[open+len(quote):], quote)
		if !ok {
			return
		}
		if document = rest; name != "" {
			f(name, value)
		}
	}
}

// blockQuote begins and ends a text that may contain quotes.
const blockQuote = `"""`

// argumentName returns the name before the colon at the end of the text, or nothing if there
// is none. Commas count as spaces in GraphQL.
func argumentName(before string) string {
	const blanks = " \t\r\n,"
	before, ok := strings.CutSuffix(strings.TrimRight(before, blanks), ":")
	if !ok {
		return ""
	}
	before = strings.TrimRight(before, blanks)
	at := len(before)
	for at > 0 && wordByte(before[at-1]) {
		at--
	}
	return before[at:]
}

// quoted returns the text before the next quote without a backslash, and the rest after it.
func quoted(s, quote string) (value, rest string, ok bool) {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case strings.HasPrefix(s[i:], quote):
			return s[:i], s[i+len(quote):], true
		}
	}
	return "", "", false
}

// logsInByGraph reports whether a document names credentials for a login. A document that
// creates users has passwords too.
func logsInByGraph(document string) bool {
	document = strings.ToLower(document)
	return slices.ContainsFunc([]string{"login", "log_in", "logon", "signin", "sign_in", "auth", "token", "session"},
		func(word string) bool { return strings.Contains(document, word) })
}
