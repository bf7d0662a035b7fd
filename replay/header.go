package replay

import (
	"net/textproto"
	"slices"

	"github.com/tocsin-project/tocsin/event"
)

// The header fields that detection uses while a server runs, and those that distinguish
// browsers from programs.
var (
	requestFields  = append(append(event.RequestFields(), event.AttributionFields()...), "Cookie", "Sec-Fetch-Mode", "Sec-Fetch-User")
	responseFields = append(event.ResponseFields(), "Content-Type")
)

// lift reads a header field that has its own field in an event, and reports whether name is
// one.
func (l *jsonLine) lift(c *cursor, name string) bool {
	switch name {
	case "User-Agent":
		l.e.UserAgent = c.firstText()
	case "Host":
		l.hostField = c.firstText()
	default:
		return false
	}
	return true
}

// requestHeader reads a request's header.
func (s *source) requestHeader(c *cursor, l *jsonLine, caddy bool) {
	if !c.enter('{') {
		return
	}
	for c.more('}') {
		name := s.fieldName(c, caddy)
		switch {
		case l.lift(c, name):
		case s.allHeaders || slices.Contains(requestFields, name):
			if l.e.Request == nil {
				l.e.Request = l.e.newHeader(0)
			}
			l.e.Request[name] = s.values(c, name, caddy)
		default:
			c.skip()
		}
	}
	l.e.Referer = first(l.e.Request["Referer"])
}

// responseHeader reads a response's header.
func (s *source) responseHeader(c *cursor, e *Entry, caddy bool) {
	if !c.enter('{') {
		return
	}
	for c.more('}') {
		name := s.fieldName(c, caddy)
		switch {
		case name == "Content-Length":
			e.announced = parseSize(c.firstScalar())
			continue
		case !s.allHeaders && !slices.Contains(responseFields, name):
			c.skip()
			continue
		}
		if e.Header == nil {
			e.Header = e.newHeader(1)
		}
		e.Header[name] = s.values(c, name, caddy)
	}
}

// fieldName reads the name of a field. Caddy writes names as Go does.
func (s *source) fieldName(c *cursor, caddy bool) string {
	if caddy {
		return c.key()
	}
	return textproto.CanonicalMIMEHeaderKey(c.key())
}

// first returns the first of some values, if there is one.
func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// values reads a string or a list of strings. Values that Caddy has redacted become empty,
// and are counted.
func (s *source) values(c *cursor, name string, caddy bool) []string {
	var all []string
	if c.peek() != '[' {
		all = s.keep(nil, c.textValue())
	} else {
		c.at++
		for c.more(']') {
			all = s.keep(all, c.textValue())
		}
	}
	for i, v := range all {
		if caddy && v == redacted {
			all[i] = ""
			s.redacted[name]++
		}
	}
	return all
}

// keep is append(all, text), usually without an allocation: most fields have one value, and
// these share one slice.
func (s *source) keep(all []string, text string) []string {
	if all != nil {
		return append(all, text)
	}
	if len(s.slab) == 0 {
		s.slab = make([]string, 64)
	}
	all, s.slab = s.slab[:1:1], s.slab[1:]
	all[0] = text
	return all
}
