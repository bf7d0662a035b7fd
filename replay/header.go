package replay

import (
	"net/http"
	"net/textproto"
)

// The fields of headers that detection looks at.

func ofRequest(name string) bool {
	switch name {
	case "Accept", "Authorization", "Content-Type", "Cookie", "Origin", "Referer",
		"Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Fetch-User":
		return true
	}
	return false
}

func ofResponse(name string) bool {
	switch name {
	case "Content-Type", "Location", "Set-Cookie", "Www-Authenticate":
		return true
	}
	return false
}

// lift reads a field of a request's header that an event has a place of its own
// for, and reports whether name is one.
func (l *jsonLine) lift(c *cursor, name string) bool {
	switch name {
	case "User-Agent":
		l.e.UserAgent = first(values(c))
	case "Host":
		l.hostField = first(values(c))
	default:
		return false
	}
	return true
}

// requestHeader reads the header of a request.
func (s *source) requestHeader(c *cursor, l *jsonLine, caddy bool) {
	h := s.header(c, caddy, ofRequest, func(name string) bool { return l.lift(c, name) })
	l.e.Request, l.e.Referer = h, first(h["Referer"])
}

// responseHeader reads the header of a response.
func (s *source) responseHeader(c *cursor, e *Entry, caddy bool) {
	e.Header = s.header(c, caddy, ofResponse, func(string) bool { return false })
}

// header reads a header: an object of texts, or of lists of them. It keeps the
// fields that lift has not read, and of which keep says so, or all. Caddy writes
// names as Go does, and what it does not tell becomes empty.
func (s *source) header(c *cursor, caddy bool, keep, lift func(name string) bool) http.Header {
	if !c.enter('{') {
		return nil
	}
	var h http.Header
	for c.more('}') {
		name := c.key()
		if !caddy {
			name = textproto.CanonicalMIMEHeaderKey(name)
		}
		switch {
		case lift(name):
		case !s.allHeaders && !keep(name):
			c.skip()
		default:
			if h == nil {
				h = make(http.Header)
			}
			all := values(c)
			if caddy {
				s.redact(name, all)
			}
			h[name] = all
		}
	}
	return h
}

// first returns the first of some values, if there is one.
func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// values reads a text or a list of texts.
func values(c *cursor) []string {
	if c.peek() != '[' {
		return []string{c.textValue()}
	}
	c.at++
	all := make([]string, 0, 1)
	for c.more(']') {
		all = append(all, c.textValue())
	}
	return all
}

// redact empties what Caddy did not write, and counts it.
func (s *source) redact(name string, values []string) {
	for i, v := range values {
		if v == redacted {
			values[i] = ""
			s.redacted[name]++
		}
	}
}
