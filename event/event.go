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

// An Event is a request, and once it is over the response to it.
//
// What a request says is hostile: every field may hold any bytes, of any
// length that the server lets through. Scenarios see the first 16 KiB of each.
type Event struct {
	Time      time.Time  // when the request came
	Client    netip.Addr // whom it came from, normalized
	Method    string
	Target    string // the request target as it was received, query included
	Host      string // with the port, if there was one
	Proto     string // such as HTTP/1.1
	UserAgent string
	Referer   string

	// Site is what the server calls the site that answers, for guards on places. A
	// client writes Host as it likes, so on a site that answers for every host it
	// could name another one for each try. Empty: the host.
	Site string

	// Attribution says whose act the request is: see [Event.Attribute].
	Attribution Attribution

	// Matched is what the server has found out about the request by means of its
	// own, for scenarios that ask for evt.Meta.matched: words between bars, such
	// as |login|upload|.
	Matched string

	// Finding is what the event is about, if it is not about a request but about what an
	// inspector has found in one. Nil: it is about a request.
	Finding *Finding
	// Findings are what inspectors have found in the request.
	Findings []Finding

	// KeepQuery says that the query may be kept in [Alert].Context. It may hold
	// what should not leave this server.
	KeepQuery bool

	// Line is the request line as it was received if it is not of the form
	// METHOD TARGET PROTO; Method, Target and Proto are then empty. A handler of
	// net/http never sees such a request.
	Line string

	// What follows is known once the response is over.

	Ended     time.Time   // when it was; zero means Time
	Status    int         // 0 means 200
	Header    http.Header // of the response; read only
	Request   http.Header // of the request; read only
	Body      []byte      // the beginning of the request's body, as far as it was kept
	Truncated bool        // there was more of it

	Size        int64  // of the response's body in bytes, to HEAD of that to GET; 0: not known
	ContentType string // of the response
	Answer      []byte // the beginning of the response's body, if somebody may have tried to log in

	// Memo is what a detector keeps of the event between Request and Response. Nobody
	// else reads it or sets it.
	Memo Memo
}

// A Memo is what a detector keeps of an event.
type Memo struct {
	Deferred   bool   // whether it is whitelisted depends on the response: all scenarios wait for it
	Number     uint64 // tells it from all others
	Impossible bool   // no site has what is asked for: see the label teaches
	Sought     bool   // no page of another site leads to it: likewise
}
