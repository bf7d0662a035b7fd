package replay

import (
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// A jsonLine is a line of JSON, of any of the kinds that there are: Caddy's access
// log, a trace and a flow. Each has members that no other has.
type jsonLine struct {
	e *Entry

	logger, message scalar
	ts, duration    scalar // of Caddy
	elapsed         scalar // t of traces and flows

	isCaddy, isTrace, isFlow bool
	hasStatus                bool

	client, host, userAgent string
	location, challenge     string // fields of the response's header that flows name
	fromClient              string // client_ip of Caddy, remote_ip where there is none
}

// redacted is what Caddy writes in place of credentials.
const redacted = "REDACTED"

// parseJSON reads a line of JSON.
func (s *source) parseJSON(line string, e *Entry) error {
	l := jsonLine{e: e}
	c := cursor{text: line}
	if c.enter('{') {
		for c.more('}') {
			s.member(&c, &l, c.key())
		}
	}
	switch {
	case !c.done():
		return errNoLog
	case l.isCaddy:
		return l.finishCaddy()
	case l.isTrace || l.isFlow:
		return s.finishRecorded(&l)
	case l.logger.text != "":
		return errForeign
	}
	return errNoLog
}

// member reads a member of the outermost object.
func (s *source) member(c *cursor, l *jsonLine, key string) {
	e := l.e
	switch key {
	case "logger":
		l.logger = c.scalar()
	case "msg":
		l.message = c.scalar()
	case "ts":
		l.ts = c.scalar()
	case "request":
		s.caddyRequest(c, l)
	case "bytes_read":
		e.Truncated = parseSize(c.scalar().text) > 0
	case "duration":
		l.duration = c.scalar()
	case "size":
		e.Size = parseSize(c.scalar().text)
	case "status", "s":
		l.setStatus(c.scalar())
	case "resp_headers":
		e.Header = s.header(c, ofResponse, true)
	case "t":
		l.elapsed = c.scalar()
	case "m", "method":
		e.Method = c.textValue()
	case "u":
		e.Target, l.isTrace = c.textValue(), true
	case "uri":
		e.Target, l.isFlow = c.textValue(), true
	case "h", "headers":
		e.Request = s.header(c, ofRequest, false)
	case "rh":
		e.Header = s.header(c, ofResponse, false)
	case "b", "body":
		e.setBody(c.textValue())
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
		c.skip()
	}
}

func (l *jsonLine) setStatus(v scalar) {
	n, err := strconv.Atoi(v.text)
	l.hasStatus = err == nil
	l.e.Status = 0
	if n >= 100 && n <= 999 { // Caddy has 0 where the site wrote nothing
		l.e.Status = n
	}
}

// caddyRequest reads what Caddy says about a request.
func (s *source) caddyRequest(c *cursor, l *jsonLine) {
	e := l.e
	e.Method, e.Target, e.Proto, e.Host, e.Request, l.fromClient = "", "", "", "", nil, ""
	l.isCaddy = c.enter('{')
	for l.isCaddy && c.more('}') {
		switch key := c.key(); key {
		case "client_ip":
			l.fromClient = c.textValue()
		case "remote_ip", "remote_addr": // the latter before Caddy 2.5
			if ip := c.textValue(); l.fromClient == "" {
				l.fromClient = ip
			}
		case "proto":
			e.Proto = c.textValue()
		case "method":
			e.Method = c.textValue()
		case "host":
			e.Host = c.textValue()
		case "uri":
			e.Target = c.textValue()
		case "headers":
			e.Request = s.header(c, ofRequest, true)
		default:
			c.skip()
		}
	}
}

// finishCaddy makes an event of a line of Caddy's. Other loggers of Caddy's, such
// as that of errors, tell of the same requests.
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
	if e.Client, ok = parseClient(l.fromClient); !ok {
		return errNoClient
	}
	l.liftHeader()
	return nil
}

// traceClient is whom a trace comes from unless it says.
const traceClient = "203.0.113.5"

// untimed is how far apart lines are that have no time.
const untimed = 200 * time.Millisecond

// finishRecorded makes an event of a line of a trace or a flow.
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
	e.Host, e.Proto = l.host, "HTTP/1.1"
	l.liftHeader()
	if l.userAgent != "" {
		e.UserAgent = l.userAgent
	}
	e.setAnswerHeader("Location", l.location)
	e.setAnswerHeader("Www-Authenticate", l.challenge)
	return nil
}

// recordedTime returns when a line of a recording happened: so many seconds after
// the beginning of it or of 1970, and without a time in steps.
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

// liftHeader moves fields of the header to where an event has them.
func (l *jsonLine) liftHeader() {
	e := l.e
	if v := e.Request["User-Agent"]; len(v) > 0 {
		e.UserAgent = v[0]
	}
	if v := e.Request["Referer"]; len(v) > 0 {
		e.Referer = v[0]
	}
	if v := e.Request["Host"]; len(v) > 0 && e.Host == "" {
		e.Host = v[0]
	}
}

// The fields of headers that are kept, unless all are.
var (
	ofRequest = []string{
		"User-Agent", "Referer", "Content-Type", "Cookie", "Authorization", "Origin", "Host", "Accept",
		"Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Sec-Fetch-User",
	}
	ofResponse = []string{"Content-Type", "Location", "Set-Cookie", "Www-Authenticate"}
)

// header reads a header: an object of texts, or of lists of them. Caddy writes the
// names as Go does, and what it keeps for itself becomes empty.
func (s *source) header(c *cursor, names []string, caddy bool) http.Header {
	if !c.enter('{') {
		return nil
	}
	var h http.Header
	for c.more('}') {
		name := c.key()
		if !caddy {
			name = textproto.CanonicalMIMEHeaderKey(name)
		}
		if !s.allHeaders && !has(names, name) {
			c.skip()
			continue
		}
		if h == nil {
			h = make(http.Header, len(names))
		}
		h[name] = s.values(c)
		if caddy {
			s.redact(name, h[name])
		}
	}
	return h
}

// has reports whether names has name.
func has(names []string, name string) bool {
	for _, n := range names {
		if len(n) == len(name) && n == name {
			return true
		}
	}
	return false
}

// values reads a text or a list of texts.
func (s *source) values(c *cursor) []string {
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
