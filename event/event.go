// Package event has the types of requests and alerts that scenarios and reporters use.
//
// An [Event] describes a request and, once it is over, the response. A web server creates
// events, and a detector runs scenarios on them:
//
//	ev := &event.Event{Time: time.Now(), Client: ip, Method: r.Method, Target: r.RequestURI, Host: r.Host, UserAgent: r.UserAgent()}
//	ev.Attribute(r.Header, r.TLS != nil)
//
// An [Alert] says that a client did what a scenario looks for. It leads to a decision,
// and reporters get it.
package event

import (
	"net/http"
	"net/netip"
	"time"
)

// An Event is a request and, after its end, its response.
//
// All data of a request is hostile: every field may contain any bytes, of any length
// that the server accepts. Scenarios see the first 16 KiB of each.
type Event struct {
	Time      time.Time  // when the request arrived
	Client    netip.Addr // the client, normalized
	Method    string
	Target    string // the request target as received, including the query
	Host      string // with the port, if there was one
	Proto     string // such as HTTP/1.1
	UserAgent string
	Referer   string

	// Site is the server's name of the site, for guards on places. A client chooses
	// Host, so on a site for all hosts it could use another one each time. Empty: the
	// host.
	Site string

	// Attribution says who caused the request: see [Event.Attribute].
	Attribution Attribution

	// Matched has the results of the server's own matchers, for scenarios with
	// evt.Meta.matched: words between bars, such as |login|upload|.
	Matched string

	// Finding is set if the event is not a request, but a rule that an inspector matched
	// in one.
	Finding *Finding
	// Findings are the rules that inspectors matched in the request.
	Findings []Finding

	// KeepQuery says that [Alert].Context may have the query, which can contain
	// secrets.
	KeepQuery bool

	// Line is the request line as received, if it does not have the form METHOD TARGET
	// PROTO. Method, Target and Proto are then empty. A handler of net/http never gets
	// such a request.
	Line string

	// The following fields are known after the response.

	Ended     time.Time   // end of the response; zero means Time
	Status    int         // 0 means 200
	Header    http.Header // of the response; read only
	Request   http.Header // of the request; read only
	Body      []byte      // the kept beginning of the request's body
	Truncated bool        // the body was longer

	Size        int64  // of the response's body in bytes (for HEAD, of the body for GET); 0: unknown
	ContentType string // of the response
	Answer      []byte // the beginning of the response's body, if the request may be a login

	// Memo is the detector's own state of the event between Request and Response. Other
	// code must not use it.
	Memo Memo
}

// A Memo is the detector's own state of an event.
type Memo struct {
	Deferred   bool   // a whitelist depends on the response, so all scenarios wait for it
	Number     uint64 // identifies the event
	Impossible bool   // no site has the requested resource: see the label teaches
	Sought     bool   // no page of another site leads to the request: see the same label
}
