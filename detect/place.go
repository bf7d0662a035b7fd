package detect

import (
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/tocsin-project/tocsin/event"
)

// What of a path a place is made of at most.
const (
	maxElements = 12
	maxElement  = 48  // bytes; a longer one is an identifier
	maxPlace    = 256 // bytes
)

// PlaceOf names the place that e asks for, as [event.Alert].Place does: the method, the
// site and the path, in which a word stands for each number, hash and date. What
// a script reads behind its name, the query and the letters' case make no other
// place of it, so that nobody gets around a guard by writing an address otherwise.
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

// here returns a number for the place, and takes no memory for that.
func (v *view) here() uint64 {
	v.scratch = v.appendSpot(v.scratch[:0])
	return v.habits.hashBytes(v.scratch)
}

// asked names what a request asks for. Who only reads the same once more, or sends the
// same body again, asks for the same. Of who sends a body that is not known yet nothing
// tells that, so that each time counts.
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

// climbs reports whether the path as it was sent leads above the root. Programs that
// leave dots in a path as they find it in a link mostly stay below.
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

// plainPath returns the clean path in lower case, as servers see it that cut off
// parameters first: to them /x/..;a=b/login and /;a=b/login are /login.
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

// lastWord returns the last element of the path in lower case and without its extension,
// of a folder as of a file: servers lead from /app/backup to /app/backup/, and who searches
// asks for either.
func (v *view) lastWord() (string, bool) {
	p, _ := v.cleanPath()
	name := p[strings.LastIndexByte(p, '/')+1:]
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		name = name[:dot]
	}
	return nonEmpty(strings.ToLower(name))
}

// template returns the path with a sign for each element that is an identifier, so
// that a thousand objects of one kind are one text. Only elements first ones count.
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

// appendElement appends * for an identifier, and else the element with * for each part that
// is a serial number, as in sensor-04c11d, and # for each number. Parameters that some
// servers cut off (;jsessionid=…) are cut off.
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

// appendPart appends what stands between two signs of an element.
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

// isIdentifier reports whether an element is no word: a hash, a UUID, a token, or
// very long. What follows the last dot, an extension, is not looked at.
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
		return n.digits > 0 && n.digits < len(element) // numbers alone have their own sign
	case len(element) >= 16:
		return n.digits >= 3 && (n.upper >= 2 && n.lower >= 2 || n.digits*4 >= len(element))
	}
	return false
}

// A lettering is how many characters of each kind there are in a text.
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

// pathTemplate returns the path with a sign for each number, hash and date in it.
func (v *view) pathTemplate() (string, bool) {
	p, ok := v.cleanPath()
	return template(strings.ToLower(p), maxElements), ok
}

// scriptExts are those of files that servers run.
var scriptExts = []string{".php", ".phtml", ".asp", ".aspx", ".ashx", ".asmx", ".jsp", ".jspx", ".cgi", ".cfm", ".pl", ".do", ".action"}

// scriptEnd returns where the name of a script ends in p, which is in lower case; 0
// if it names none.
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

// Bits of the network that a provider gives to one customer, or to a few neighbours:
// who has addresses without number has them there.
func (v *view) sourceNet() (string, bool) { return event.NetworkOf(v.evt.Client).String(), true }

// first returns the first of some values, if there is one.
func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}
