package builtin

import (
	"bytes"
	"encoding/base64"

	"github.com/tocsin-project/tocsin/waf"
)

// lookWithin looks at the values in a value: the strings of JSON or GraphQL in an argument,
// and the texts and attributes of XML.
func (w *watch) lookWithin(p waf.Part, name, value []byte) {
	start := trimLeft(value)
	switch {
	case len(start) < 3:
	case start[0] == '<' && isXML(start) && (p == waf.PartArg || p == waf.PartBodyArg || p == waf.PartRawBody && len(name) == 0):
		w.lookMarkup(start)
	case p == waf.PartRawBody:
	case isJSON(start), isGraphQL(start):
		w.lookQuoted(p, start)
	}
}

// isJSON reports whether a text begins as JSON does, or as a query of GraphQL without a name.
func isJSON(s []byte) bool {
	if s[0] != '{' && s[0] != '[' {
		return false
	}
	next := trimLeft(s[1:])
	switch {
	case len(next) == 0:
		return false
	case s[0] == '{':
		return next[0] == '"' || isLetter(next[0])
	}
	return next[0] == '"' || next[0] == '{' || next[0] == '[' || isDigit(next[0])
}

// isGraphQL reports whether a text is a query of GraphQL that has a name.
func isGraphQL(s []byte) bool {
	if s[0] != 'q' && s[0] != 'm' || !hasAnyPrefix(s, "query ", "query(", "mutation ", "mutation(") {
		return false
	}
	at := bytes.IndexAny(s, `{"`)
	return at > 0 && s[at] == '{'
}

// isXML reports whether a text that begins with a tag is XML and no page: people post pages.
func isXML(s []byte) bool {
	head := s[:min(len(s), 256)]
	if bytes.HasPrefix(head, []byte("<svg")) || bytes.HasPrefix(head, []byte("<html")) {
		return false
	}
	return bytes.HasPrefix(head, []byte("<?xml")) || bytes.Contains(head, []byte("xmlns")) || bytes.HasPrefix(head, []byte("<methodCall"))
}

// lookMarkup looks at each text and each attribute of XML as if it were the value of a form.
func (w *watch) lookMarkup(s []byte) {
	if !w.scans(s) {
		return
	}
	var name []byte
	for len(s) > 0 && !w.over {
		open := bytes.IndexByte(s, '<')
		if open < 0 {
			return
		}
		w.lookPart(waf.PartBodyArg, name, s[:open])
		s = s[open:]
		if inner, ok := bytes.CutPrefix(s, []byte("<![CDATA[")); ok {
			text, rest, _ := bytes.Cut(inner, []byte("]]>"))
			w.lookPart(waf.PartBodyArg, name, text)
			s = rest
			continue
		}
		end := tagSize(s)
		if end == len(s) {
			return
		}
		name = w.lookTag(s[1:end])
		s = s[end+1:]
	}
}

// tagSize returns how far it is to the end of the tag that s begins with. A > in quotes does
// not end it.
func tagSize(s []byte) int {
	quote := byte(0)
	for i, c := range s {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i
		}
	}
	return len(s)
}

// lookTag looks at the attributes of a tag, and returns its name without the prefix.
func (w *watch) lookTag(tag []byte) (name []byte) {
	name, rest, _ := bytes.Cut(tag, []byte(" "))
	if i := bytes.IndexByte(name, ':'); i >= 0 {
		name = name[i+1:]
	}
	for {
		at := bytes.IndexAny(rest, `"'`)
		if at < 0 {
			return name
		}
		text, after, ok := bytes.Cut(rest[at+1:], rest[at:at+1])
		if !ok {
			return name
		}
		w.lookPart(waf.PartBodyArg, nil, text)
		rest = after
	}
}

// lookPart looks at a part of a value, as far as that is long enough for an attack.
func (w *watch) lookPart(p waf.Part, name, s []byte) {
	const least = 3
	if len(trimLeft(s)) >= least && kindsOf(s)&isSpecial != 0 || len(s) > 0 && isDigit(s[0]) {
		w.look(context{part: p, name: name}, s[:min(len(s), maxText)])
	}
}

// lookQuoted looks at each string in a text. A string before a colon is the name of the next.
func (w *watch) lookQuoted(p waf.Part, s []byte) {
	if !w.scans(s) {
		return
	}
	var name []byte
	for !w.over {
		at := bytes.IndexByte(s, '"')
		if at < 0 {
			return
		}
		size := stringSize(s[at:])
		text := s[at+1 : max(at+1, at+size-1)]
		s = s[at+size:]
		if next := trimLeft(s); len(next) > 0 && next[0] == ':' {
			name = text
			continue
		}
		w.inside = appendPlain(w.inside[:0], text[:min(len(text), maxText)])
		w.lookPart(p, name, w.inside)
	}
}

// stringSize returns how long the string is that s begins with, with its quotes.
func stringSize(s []byte) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

// appendPlain appends a string of JSON without its escapes of one letter. Others are
// resolved later.
func appendPlain(to, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) {
			switch next := s[i+1]; next {
			case 'n', 'r', 't':
				c = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t'}[next]
				i++
			case '"', '\\', '/':
				c = next
				i++
			}
		}
		to = append(to, c)
	}
	return to
}

// lookCommand looks at a command in base64, in an argument that is named after one.
func (w *watch) lookCommand(p waf.Part, name, value []byte) {
	const least, most = 4, 512
	if len(value) < least || len(value) > most || len(value)%4 != 0 || !isBase64(value) || !isOneOf(lastName(name), commandNames) {
		return
	}
	w.inside = append(w.inside[:0], make([]byte, len(value))...)
	n, err := base64.StdEncoding.Decode(w.inside, value)
	if err == nil {
		w.look(context{part: p, name: name}, w.inside[:n])
	}
}

// breaks are bytes one of which every attack has.
var breaks = func() (table [256]bool) {
	for _, c := range []byte("'\"<{;|&$`\\") {
		table[c] = true
	}
	return table
}()

// indexBreak returns where the first of breaks is, or the length of s.
func indexBreak(s []byte) int {
	for i, c := range s {
		if breaks[c] {
			return i
		}
	}
	return len(s)
}

// lookMiddle looks at a long value between its beginning and its end, unless what it begins
// with is what people write: an attack can stand behind padding of any bytes.
func (w *watch) lookMiddle(c context, value []byte) {
	const lead = 256 // of the padding before a byte that attacks need
	if isProse(&w.text) || !w.scans(value) {
		return
	}
	for rest := value[maxText-lead : len(value)-maxTail]; len(rest) > 0 && !w.over; {
		at := indexBreak(rest)
		if at == len(rest) {
			return
		}
		rest = rest[max(0, at-lead):]
		w.look(c, rest[:min(len(rest), maxTail)])
		rest = rest[min(len(rest), maxTail-lead):]
	}
}

// base64Bytes are those of base64, in both alphabets, and the ends of its lines.
var base64Bytes = func() (table [256]bool) {
	for c := range table {
		table[c] = isLetter(byte(c)) || isDigit(byte(c)) || bytes.IndexByte([]byte("+/-_=\r\n"), byte(c)) >= 0
	}
	return table
}()

// isBase64 reports whether there is nothing but base64Bytes.
func isBase64(s []byte) bool {
	for _, c := range s {
		if !base64Bytes[c] {
			return false
		}
	}
	return true
}
