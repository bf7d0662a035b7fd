package replay

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A jsonLine is a line of JSON, of any known kind: Caddy's access log, a trace or a flow.
// Each kind has members that no other kind has.
type jsonLine struct {
	e *Entry

	logger, message scalar
	ts, duration    scalar // of Caddy
	elapsed         scalar // t of traces and flows

	isCaddy, isTrace, isFlow bool
	isSecure                 bool // Caddy's log says that the request used TLS
	hasStatus                bool

	client, host, userAgent string
	hostField               string // of the request's header
	location, challenge     string // fields of the response's header that flows name
	fromClient              string // client_ip of Caddy, remote_ip where there is none
}

// redacted is the text that Caddy writes instead of credentials.
const redacted = "REDACTED"

// parseJSON reads a line of JSON.
func (s *source) parseJSON(line string, e *Entry) error {
	l := jsonLine{e: e}
	c := cursor{text: line}
	if c.enter('{') {
		s.readMembers(&c, &l, (*source).readOutermost)
	}
	switch {
	case !c.done():
		return errNoLog
	case l.isCaddy:
		return l.finishCaddy()
	case l.logger.text != "" && l.message.text != "":
		return errForeign // such as a log line of tocsin about a request
	case l.isTrace || l.isFlow:
		return s.finishRecorded(&l)
	case l.logger.text != "":
		return errForeign
	}
	return errNoLog
}

// readMembers reads the members of an object, after its opening bracket, and skips those
// that read does not know.
func (s *source) readMembers(c *cursor, l *jsonLine, read func(s *source, c *cursor, l *jsonLine, name string) bool) {
	for c.more('}') {
		if !read(s, c, l, c.key()) {
			c.skip()
		}
	}
}

// readOutermost reads a member of the outermost object, and reports whether it
// knows the name. A switch is faster than a map.
func (s *source) readOutermost(c *cursor, l *jsonLine, name string) bool {
	return s.readCaddy(c, l, name) || s.readRecorded(c, l, name)
}

// readCaddy reads a member that Caddy's access log has.
func (s *source) readCaddy(c *cursor, l *jsonLine, name string) bool {
	switch name {
	case "logger":
		l.logger = c.scalar()
	case "msg":
		l.message = c.scalar()
	case "ts":
		l.ts = c.scalar()
	case "request":
		s.caddyRequest(c, l)
	case "bytes_read":
		l.e.Truncated = parseSize(c.scalar().text) > 0
	case "duration":
		l.duration = c.scalar()
	case "size":
		l.e.Size = parseSize(c.scalar().text)
	case "status":
		l.setStatus(c.scalar())
	case "resp_headers":
		s.responseHeader(c, l.e, true)
	default:
		return false
	}
	return true
}

// readRecorded reads a member that traces or flows have.
func (s *source) readRecorded(c *cursor, l *jsonLine, name string) bool {
	switch name {
	case "t":
		l.elapsed = c.scalar()
	case "m", "method":
		l.e.Method = c.textValue()
	case "u":
		l.e.Target, l.isTrace = c.textValue(), true
	case "uri":
		l.e.Target, l.isFlow = c.textValue(), true
	case "s":
		l.setStatus(c.scalar())
	case "h", "headers":
		s.requestHeader(c, l, false)
	case "rh":
		s.responseHeader(c, l.e, false)
	case "b", "body":
		l.e.setBody(c.textValue())
	default:
		return l.readSide(c, name)
	}
	return true
}

// readSide reads a member about the sender of a request in a trace or a flow, or about its
// result.
func (l *jsonLine) readSide(c *cursor, name string) bool {
	switch name {
	case "ip", "client":
		l.client = c.textValue()
	case "host":
		l.host = c.textValue()
	case "ua":
		l.userAgent = c.textValue()
	case "location":
		l.location = c.textValue()
	case "auth":
		l.challenge = c.textValue()
	default:
		return false
	}
	return true
}

// readRequest reads a member of Caddy's request object.
func (s *source) readRequest(c *cursor, l *jsonLine, name string) bool {
	switch name {
	case "client_ip":
		l.fromClient = c.textValue()
	case "remote_ip", "remote_addr": // before Caddy 2.5
		if ip := c.textValue(); l.fromClient == "" {
			l.fromClient = ip
		}
	case "proto":
		l.e.Proto = c.textValue()
	case "method":
		l.e.Method = c.textValue()
	case "host":
		l.e.Host = c.textValue()
	case "uri":
		l.e.Target = c.textValue()
	case "headers":
		s.requestHeader(c, l, true)
	case "tls":
		l.isSecure = c.peek() == '{'
		c.skip()
	default:
		return false
	}
	return true
}

func (l *jsonLine) setStatus(v scalar) {
	n, err := strconv.Atoi(v.text)
	l.hasStatus = err == nil
	l.e.Status = 0
	if n >= 100 && n <= 999 { // Caddy writes 0 if the site wrote nothing
		l.e.Status = n
	}
}

// caddyRequest reads Caddy's request object.
func (s *source) caddyRequest(c *cursor, l *jsonLine) {
	if l.isCaddy = c.enter('{'); l.isCaddy {
		s.readMembers(c, l, (*source).readRequest)
	}
}

// finishCaddy makes an event from a line of Caddy's access log. Other loggers of Caddy, such
// as the one for errors, log the same requests again.
func (l *jsonLine) finishCaddy() error {
	const ofAccess = "http.log.access"
	e := l.e
	if rest, ok := strings.CutPrefix(l.logger.text, ofAccess); l.logger.text != "" && (!ok || rest != "" && rest[0] != '.') {
		return errForeign
	}
	if l.logger.text == "" && l.message.text != "" && l.message.text != "handled request" {
		return errForeign
	}
	at, ok := parseTime(l.ts)
	switch {
	case !ok:
		return errNoTime
	case !l.hasStatus:
		return errNoStatus
	}
	e.Ended, e.Time = at, at.Add(-parseDuration(l.duration))
	e.isPlain = !l.isSecure
	if e.Method == http.MethodHead && e.Size == 0 { // Caddy logs the bytes that it has sent
		e.Size = e.announced
	}
	if e.Client, ok = parseClient(l.fromClient); !ok {
		return errNoClient
	}
	return nil
}

// traceClient is the client of a trace that names none.
const traceClient = "203.0.113.5"

// untimed is the assumed time between lines without a time.
const untimed = 200 * time.Millisecond

// finishRecorded makes an event from a line of a trace or a flow.
func (s *source) finishRecorded(l *jsonLine) error {
	e := l.e
	if l.client == "" && l.isTrace {
		l.client = traceClient
	}
	var ok bool
	if e.Client, ok = parseClient(l.client); !ok {
		return errNoClient
	}
	if e.Time, ok = s.recordedTime(l.elapsed); !ok {
		return errNoTime
	}
	if !l.hasStatus {
		return errNoStatus
	}
	e.Host, e.Proto = cmp.Or(l.host, l.hostField), "HTTP/1.1"
	if l.userAgent != "" {
		e.UserAgent = l.userAgent
	}
	switch {
	case e.Status == http.StatusNotModified:
		e.Size = 0 // 304: the header announces the length of the unchanged page
	case e.announced > 0:
		e.Size = e.announced
	}
	e.setAnswerHeader("Location", l.location)
	e.setAnswerHeader("Www-Authenticate", l.challenge)
	return nil
}

// recordedTime returns the time of a line in a recording: so many seconds after the
// beginning of the recording or after 1970. Lines without a time follow each other at a
// fixed distance.
func (s *source) recordedTime(v scalar) (time.Time, bool) {
	if v.text == "" {
		s.untimed++
		return relative.Add(time.Duration(s.untimed) * untimed), true
	}
	n, err := strconv.ParseFloat(v.text, 64)
	switch {
	case err != nil || !(n >= 0):
		return time.Time{}, false
	case n < maxRelative:
		return relative.Add(time.Duration(n * float64(time.Second)).Round(time.Microsecond)), true
	}
	return timeOf(n)
}
