package replay

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

// An Entry is a request from a log, with its position there.
type Entry struct {
	event.Event

	Source string // the name of the file as given; - is standard input
	Line   int    // from 1

	of        *source
	used      [2]http.Header // empty, for Request and Header
	announced int64          // the length of the answer, from its header
	isPlain   bool           // the log says that it came without TLS
}

// empty makes e a new entry, and keeps its maps.
func (e *Entry) empty() {
	maps := [2]http.Header{e.Request, e.Header}
	for i, m := range maps {
		if m == nil {
			maps[i] = e.used[i]
		}
		clear(maps[i])
	}
	*e = Entry{of: e.of, used: maps}
}

// newHeader returns an empty header: Request is the first of an entry, Header the
// second.
func (e *Entry) newHeader(which int) http.Header {
	h := e.used[which]
	if h == nil {
		return make(http.Header)
	}
	e.used[which] = nil
	return h
}

// Place returns the position of the request, such as access.log:12.
func (e *Entry) Place() string { return e.Source + ":" + strconv.Itoa(e.Line) }

// end returns the time at which the request ended. Logs are in this order.
func (e *Entry) end() time.Time {
	if e.Ended.IsZero() {
		return e.Time
	}
	return e.Ended
}

// complete sets the fields that follow from the others. If the log names no host, the
// assumed host is used.
func (e *Entry) complete(host string) {
	if e.Host == "" {
		e.Host = host
	}
	if v := e.Header["Content-Type"]; len(v) > 0 {
		e.ContentType = v[0]
	}
	e.Attribute(e.Request, !e.isPlain)
}

// maxBody is how many bytes of a request's body count, as in the running server.
const maxBody = 16 << 10

// setBody sets a request's body, if the log has it.
func (e *Entry) setBody(body string) {
	if body == "" {
		return
	}
	e.Truncated = len(body) > maxBody
	e.Body = []byte(body[:min(len(body), maxBody)])
}

// setAgents sets the fields of the event that come from headers.
func (e *Entry) setAgents(userAgent, referer string) {
	e.UserAgent, e.Referer = userAgent, referer
	if referer != "" {
		e.setHeader("Referer", referer)
	}
}

// setHeader sets a field of the request's header.
func (e *Entry) setHeader(name, value string) {
	if e.Request == nil {
		e.Request = e.newHeader(0)
	}
	e.Request[name] = []string{value}
}

// setAnswerHeader sets a field of the response's header.
func (e *Entry) setAnswerHeader(name, value string) {
	if value == "" {
		return
	}
	if e.Header == nil {
		e.Header = e.newHeader(1)
	}
	e.Header[name] = []string{value}
}

// setRequestLine splits a request line. A line that is not METHOD TARGET PROTO is kept
// unchanged.
func (e *Entry) setRequestLine(line string) {
	first, last := strings.IndexByte(line, ' '), strings.LastIndexByte(line, ' ')
	if first <= 0 || last <= first+1 || !strings.HasPrefix(line[last+1:], "HTTP/") {
		e.Event.Line = line
		return
	}
	e.Method, e.Target, e.Proto = line[:first], line[first+1:last], line[last+1:]
}
