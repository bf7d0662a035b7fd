package detect

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// document reads a document of GraphQL.
func (s *sent) document(text string) {
	s.graph = s.graph || logsInByGraph(text)
	eachArgument(text, s.member)
}

// maxVariables is how many variables of documents are told apart in one body.
const maxVariables = 16

// readVariables takes note of the arguments that stand for variables in the documents of
// a body: in login(user: $x, password: $y), x is a user. Whoever sends a document chooses
// their names, and their values may come before it.
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

// eachArgument calls f for the arguments of a GraphQL document whose values are
// texts, such as login(user: "a", password: "b"), however many times there are.
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

// blockQuote stands before and behind a text that may hold quotes.
const blockQuote = `"""`

// argumentName returns the name that ends before, with its colon; nothing if there
// is none. To GraphQL commas are blanks.
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

// quoted returns what stands before the next quote that no backslash precedes, and
// the rest behind that.
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

// logsInByGraph reports whether a document names what people log in by. One that makes
// users brings passwords too.
func logsInByGraph(document string) bool {
	document = strings.ToLower(document)
	return slices.ContainsFunc([]string{"login", "log_in", "logon", "signin", "sign_in", "auth", "token", "session"},
		func(word string) bool { return strings.Contains(document, word) })
}
