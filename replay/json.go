package replay

import (
	"cmp"
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
	hostField               string // of the request's header
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
		s.readMembers(&c, &l, members)
	}
	switch {
	case !c.done():
		return errNoLog
	case l.isCaddy:
		return l.finishCaddy()
	case l.logger.text != "" && l.message.text != "":
		return errForeign // such as what tocsin says of a request
	case l.isTrace || l.isFlow:
		return s.finishRecorded(&l)
	case l.logger.text != "":
		return errForeign
	}
	return errNoLog
}

// A reader reads the value of a member.
type reader func(s *source, c *cursor, l *jsonLine)

// members read those of the outermost object, by name: of Caddy's log, of traces and
// of flows.
var members = map[string]reader{
	"logger":       func(_ *source, c *cursor, l *jsonLine) { l.logger = c.scalar() },
	"msg":          func(_ *source, c *cursor, l *jsonLine) { l.message = c.scalar() },
	"ts":           func(_ *source, c *cursor, l *jsonLine) { l.ts = c.scalar() },
	"request":      (*source).caddyRequest,
	"bytes_read":   func(_ *source, c *cursor, l *jsonLine) { l.e.Truncated = parseSize(c.scalar().text) > 0 },
	"duration":     func(_ *source, c *cursor, l *jsonLine) { l.duration = c.scalar() },
	"size":         func(_ *source, c *cursor, l *jsonLine) { l.e.Size = parseSize(c.scalar().text) },
	"status":       readStatus,
	"resp_headers": func(s *source, c *cursor, l *jsonLine) { s.responseHeader(c, l.e, true) },

	"t":        func(_ *source, c *cursor, l *jsonLine) { l.elapsed = c.scalar() },
	"m":        readMethod,
	"method":   readMethod,
	"u":        func(_ *source, c *cursor, l *jsonLine) { l.e.Target, l.isTrace = c.textValue(), true },
	"uri":      func(_ *source, c *cursor, l *jsonLine) { l.e.Target, l.isFlow = c.textValue(), true },
	"s":        readStatus,
	"h":        readHeader,
	"headers":  readHeader,
	"rh":       func(s *source, c *cursor, l *jsonLine) { s.responseHeader(c, l.e, false) },
	"b":        readBody,
	"body":     readBody,
	"ip":       readClient,
	"client":   readClient,
	"host":     func(_ *source, c *cursor, l *jsonLine) { l.host = c.textValue() },
	"ua":       func(_ *source, c *cursor, l *jsonLine) { l.userAgent = c.textValue() },
	"location": func(_ *source, c *cursor, l *jsonLine) { l.location = c.textValue() },
	"auth":     func(_ *source, c *cursor, l *jsonLine) { l.challenge = c.textValue() },
}

// requestMembers read those of what Caddy says about a request.
var requestMembers = map[string]reader{
	"client_ip":   func(_ *source, c *cursor, l *jsonLine) { l.fromClient = c.textValue() },
	"remote_ip":   readRemote,
	"remote_addr": readRemote, // before Caddy 2.5
	"proto":       func(_ *source, c *cursor, l *jsonLine) { l.e.Proto = c.textValue() },
	"method":      readMethod,
	"host":        func(_ *source, c *cursor, l *jsonLine) { l.e.Host = c.textValue() },
	"uri":         func(_ *source, c *cursor, l *jsonLine) { l.e.Target = c.textValue() },
	"headers":     func(s *source, c *cursor, l *jsonLine) { s.requestHeader(c, l, true) },
}

func readMethod(_ *source, c *cursor, l *jsonLine) { l.e.Method = c.textValue() }

func readHeader(s *source, c *cursor, l *jsonLine) { s.requestHeader(c, l, false) }

func readBody(_ *source, c *cursor, l *jsonLine) { l.e.setBody(c.textValue()) }

func readClient(_ *source, c *cursor, l *jsonLine) { l.client = c.textValue() }

func readStatus(_ *source, c *cursor, l *jsonLine) { l.setStatus(c.scalar()) }

func readRemote(_ *source, c *cursor, l *jsonLine) {
	if ip := c.textValue(); l.fromClient == "" {
		l.fromClient = ip
	}
}

// readMembers reads an object that was entered, and skips the members that nobody
// reads.
func (s *source) readMembers(c *cursor, l *jsonLine, readers map[string]reader) {
	for c.more('}') {
		if read := readers[c.key()]; read != nil {
			read(s, c, l)
		} else {
			c.skip()
		}
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
	if l.isCaddy = c.enter('{'); l.isCaddy {
		s.readMembers(c, l, requestMembers)
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
	e.Host, e.Proto = cmp.Or(l.host, l.hostField), "HTTP/1.1"
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
