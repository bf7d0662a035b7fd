package detect

import (
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/tocsin-project/tocsin/event"
)

// Limits for the parts of a path that make a place.
const (
	maxElements = 12
	maxElement  = 48  // bytes; a longer one is an identifier
	maxPlace    = 256 // bytes
)

// PlaceOf returns the place that e requests, in the form of [event.Alert].Place: the method,
// the site and the path, with a sign for each number, hash and date. The query, a path after
// the name of a script, and the case of letters make no difference, so a client cannot avoid
// a guard by another spelling of the address.
func PlaceOf(e *event.Event) string {
	v := view{evt: e}
	v.split()
	return v.spot()
}

// spot is PlaceOf for the event of v.
func (v *view) spot() string { return string(v.appendSpot(nil)) }

func (v *view) appendSpot(b []byte) []byte {
	site, _ := v.site()
	p := v.plainPath()
	if end := scriptEnd(p); end > 0 {
		p = p[:end]
	}
	b = append(b, strings.ToUpper(v.evt.Method[:min(len(v.evt.Method), maxMethod)])...)
	b = append(b, ' ')
	b = append(b, strings.ToLower(site[:min(len(site), maxPlace)])...)
	return appendTemplate(b, p, maxElements)
}

// here returns a hash of the place, without an allocation.
func (v *view) here() uint64 {
	v.scratch = v.appendSpot(v.scratch[:0])
	return v.sites.hashBytes(v.scratch)
}

// asked returns a text for the request. It is the same if a client only reads the same
// again, or sends the same body again. If the body is not known yet, each request counts as
// different.
func (v *view) asked() (string, bool) {
	method := strings.ToUpper(v.evt.Method[:min(len(v.evt.Method), maxMethod)])
	switch {
	case method == http.MethodGet || method == http.MethodHead:
		return v.target, true
	case len(v.evt.Body) > 0:
		return method + " " + v.target + " " + alias("body", string(v.evt.Body[:min(len(v.evt.Body), maxField)])), true
	}
	return method + " " + v.target + " " + strconv.FormatUint(v.evt.Memo.Number, 10), true
}

// climbs reports whether the path, as it was sent, leads above the root. Programs that keep
// dot segments from links usually stay below the root.
func (v *view) climbs() (string, bool) {
	depth := 0
	for element := range strings.SplitSeq(strings.TrimPrefix(v.request, "/"), "/") {
		switch element {
		case "..":
			if depth--; depth < 0 {
				return "true", true
			}
		case "", ".":
		default:
			depth++
		}
	}
	return "false", true
}

// plainPath returns the clean path in lower case, as servers that remove parameters first
// see it: for them /x/..;a=b/login and /;a=b/login are /login.
func (v *view) plainPath() string {
	p, _ := v.unescapedPath()
	p = strings.ToLower(p)
	if strings.IndexByte(p, ';') >= 0 {
		elements := strings.Split(p, "/")
		for i, element := range elements {
			elements[i], _, _ = strings.Cut(element, ";")
		}
		p = strings.Join(elements, "/")
	}
	if p == "" {
		return ""
	}
	return path.Clean(p)
}

// lastWord returns the last element of the path in lower case and without its extension.
// Folders and files give the same word, because servers redirect from /app/backup to
// /app/backup/, and a client that searches requests both.
func (v *view) lastWord() (string, bool) {
	p, _ := v.cleanPath()
	name := p[strings.LastIndexByte(p, '/')+1:]
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		name = name[:dot]
	}
	return nonEmpty(strings.ToLower(name))
}

// template returns the path with a sign for each element that is an identifier, so that a
// thousand objects of one kind have the same text. It uses only the first elements.
func template(p string, elements int) string { return string(appendTemplate(nil, p, elements)) }

func appendTemplate(b []byte, p string, elements int) []byte {
	began := len(b)
	for element := range strings.SplitSeq(strings.TrimPrefix(p, "/"), "/") {
		if elements--; elements < 0 || len(b)-began > maxPlace {
			break
		}
		b = appendElement(append(b, '/'), element)
	}
	return b
}

// appendElement appends an element: * for an identifier, otherwise the element with # for
// each number, and * for each part that is a serial number, as in sensor-04c11d. It removes
// parameters that some servers remove (;jsessionid=…).
func appendElement(b []byte, element string) []byte {
	element, _, _ = strings.Cut(element, ";")
	if isIdentifier(element) {
		return append(b, '*')
	}
	for element != "" {
		part, sign := element, ""
		if end := strings.IndexAny(element, "-_"); end >= 0 {
			part, sign = element[:end], element[end:end+1]
		}
		b = append(appendPart(b, part), sign...)
		element = element[len(part)+len(sign):]
	}
	return b
}

// appendPart appends the text between two separators in an element.
func appendPart(b []byte, part string) []byte {
	const shortest = 6
	if n := lettersOf(part); len(part) >= shortest && n.hex == len(part) && n.digits > 0 && n.digits < len(part) {
		return append(b, '*')
	}
	number := false
	for i := range len(part) {
		c := part[i]
		digit := '0' <= c && c <= '9'
		if !digit {
			b = append(b, c)
		} else if !number {
			b = append(b, '#')
		}
		number = digit
	}
	return b
}

// isIdentifier reports whether an element is not a word: a hash, a UUID, a token, or very
// long. The extension after the last dot is ignored.
func isIdentifier(element string) bool {
	if len(element) > maxElement {
		return true
	}
	if dot := strings.LastIndexByte(element, '.'); dot > 0 && len(element)-dot <= 8 {
		element = element[:dot]
	}
	const shortest = 8
	if len(element) < shortest {
		return false
	}
	switch n := lettersOf(element); {
	case n.hex == len(element):
		return n.digits > 0 && n.digits < len(element) // plain numbers have a separate sign
	case len(element) >= 16:
		return n.digits >= 3 && (n.upper >= 2 && n.lower >= 2 || n.digits*4 >= len(element))
	}
	return false
}

// A lettering counts the characters of each kind in a text.
type lettering struct{ digits, hex, upper, lower int }

func lettersOf(text string) (n lettering) {
	for i := range len(text) {
		switch c := text[i]; {
		case '0' <= c && c <= '9':
			n.digits++
			n.hex++
		case 'a' <= c && c <= 'f', c == '-':
			n.hex++
			n.lower++
		case 'A' <= c && c <= 'F':
			n.hex++
			n.upper++
		case 'a' <= c && c <= 'z':
			n.lower++
		case 'A' <= c && c <= 'Z':
			n.upper++
		}
	}
	return n
}

// pathTemplate returns the path with a sign for each number, hash and date.
func (v *view) pathTemplate() (string, bool) {
	p, ok := v.cleanPath()
	return template(strings.ToLower(p), maxElements), ok
}

// scriptExts are the extensions of files that servers run.
var scriptExts = []string{".php", ".phtml", ".asp", ".aspx", ".ashx", ".asmx", ".jsp", ".jspx", ".cgi", ".cfm", ".pl", ".do", ".action"}

// scriptEnd returns where the name of a script ends in p, which is in lower case, or 0 if p
// has none.
func scriptEnd(p string) int {
	for from := 0; ; {
		dot := strings.IndexByte(p[from:], '.')
		if dot < 0 {
			return 0
		}
		from += dot
		end := len(p)
		if slash := strings.IndexByte(p[from:], '/'); slash >= 0 {
			end = from + slash
		}
		last := from + strings.LastIndexByte(p[from:end], '.')
		if slices.Contains(scriptExts, p[last:end]) {
			return end
		}
		from = end
	}
}

// The prefix lengths of the network that a provider gives to one customer, or to a few
// neighbours. A client with a huge number of addresses has them in one such network.
func (v *view) sourceNet() (string, bool) { return event.NetworkOf(v.evt.Client).String(), true }

// first returns the first value, if there is one.
func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}
