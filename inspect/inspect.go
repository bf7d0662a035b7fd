// Package inspect answers one question: what do inspectors of requests have in common?
// [Details] tell an inspector facts that the request itself does not contain. A [Verdict] is
// its answer. [Bodies] read the beginning of the request's body once, for all inspectors and
// for the site.
//
// # Bodies
//
// An inspector calls [Bodies.Begin] with its own limit. The first inspector that does so
// puts a [Body] into the request. It holds the bytes that were read and continues with the
// rest, so the site reads every byte once. The next inspector finds this Body and gets the
// same bytes. More is read only if its limit is higher. Each inspector has its own limit for
// the memory of the bytes that are read for it.
package inspect

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// ErrBody is wrapped by each error that means: the body of the request cannot be read.
// Usually the client has closed the connection.
var ErrBody = errors.New("the request's body cannot be read")

// Details are facts about a request that the request itself does not contain, or does not
// contain any more.
type Details struct {
	// Client is the address of the client. If it is the zero Addr, the client is unknown:
	// the request is inspected as if it came from 0.0.0.0.
	Client netip.Addr

	// Ref is the reference of the request in the log. CrowdSec 1.7.5 and later shows it as
	// the transaction ID. Default: none.
	Ref string

	// Method is the method that the client sent, before any rewrite. Default: the request's
	// Method.
	Method string

	// Target is the target in the client's request line, before any rewrite. Default: the
	// request's RequestURI, which net/http does not change, or else its URL.
	Target string

	// Host is the host that the client sent. Default: the request's Host.
	Host string

	// Secure says that the client used TLS, to this server or to a proxy in front of it.
	// Default: whether the request's TLS is set.
	Secure bool

	// Mode says whether matching rules stop the request. Default: the inspector's own
	// setting.
	Mode Mode

	// Except reports whether a rule is disabled for this request. It is called only for
	// rules that match. Default: no rule is disabled.
	Except func(rule string) bool
}

// A Mode says whether the rules that match stop the request.
type Mode uint8

// Enforce stops requests, Observe only reports what matched. ModeDefault leaves it to the
// inspector.
const (
	ModeDefault Mode = iota
	Enforce
	Observe
)

// WithDefaults returns d with the default for each field that is not set, and with a
// normalized client address.
func (d Details) WithDefaults(r *http.Request) Details {
	if !d.Client.IsValid() {
		d.Client = netip.IPv4Unspecified()
	}
	d.Client = lookup.Normalize(d.Client)
	if d.Method == "" {
		d.Method = r.Method
	}
	if d.Target == "" {
		d.Target = r.RequestURI
	}
	if d.Target == "" && r.URL != nil {
		d.Target = r.URL.RequestURI()
	}
	if d.Host == "" {
		d.Host = r.Host
	}
	d.Secure = d.Secure || r.TLS != nil
	return d
}

// The prefix lengths of a network: usually the addresses of one customer of a provider, or
// of a few neighbours.
const (
	networkBits4 = 24
	networkBits6 = 40
)

// NetworkOf returns the network of a client: a /24 of IPv4 or a /40 of IPv6. The address
// must be normalized. Each network may use only a share of the memory that all clients use
// together.
func NetworkOf(client netip.Addr) netip.Prefix {
	return lookup.Network(client, networkBits4, networkBits6)
}

// A Verdict says what happens to a request. The zero Verdict lets it pass.
type Verdict struct {
	// Action is None, Captcha or Ban. After the client has solved a captcha, its next
	// request is inspected like any other.
	Action lookup.Action

	// Status is the HTTP status for a ban or a captcha, 400 to 599.
	Status int

	// Relay is the inspector's own answer to the visitor. It replaces the page of this
	// server. Action is then Captcha, so a caller that ignores Relay still stops the
	// request. Usually nil.
	Relay http.Handler

	// Close says that the server should not wait for the rest of the body. The answer must
	// then have the header Connection: close, because otherwise the server reads the rest of
	// the body before it sends anything. Even then it waits after the answer, unless it has
	// a read timeout or [http.ResponseController] sets a deadline.
	Close bool

	// Answered says that the request itself is the reason for the action, for example
	// because it matches a rule. If false, the action stands in for an answer that the
	// inspector did not get.
	Answered bool

	// RetryAfter is how long the client should wait before it sends the request again. 0
	// means unknown.
	RetryAfter time.Duration

	// Slow says that the request caused the missing answer: it is so large that the answer
	// came too late, or the inspector fails on this request but answers others.
	Slow bool

	// Reason is a short reason for the log. It is empty if Action is None, unless the
	// inspector has failed.
	Reason string

	// Likely says that the rule that asks for Action is not certain. A client that has shown
	// good behaviour may pass.
	Likely bool

	// Found has the findings of the rules, whatever Action is. Nil means there are none.
	Found *Found

	// Body is the body that holds memory for the inspector, or nil.
	Body *Body
}

// Found has the findings of an inspector's rules in one request.
type Found struct {
	// Findings has at least one element. If there is an action, the first finding is the
	// reason for it.
	Findings []event.Finding
}

// Release returns the memory that the body holds. Call it when the request has been served:
// bytes of the body that were not read by then are lost. The server's own body stays open,
// because closing it could block until the client sends more, before the answer is out.
func (v *Verdict) Release() { v.Body.Release() }

// IsStream reports whether r's body has an unknown length and may not arrive before the
// client gets an answer. A CONNECT tunnel is like the data after an Upgrade: it contains no
// request to inspect. Any client can claim that its body is a gRPC call. So if strict is
// set, a gRPC call does not count as a stream: strict is for callers that do not let long
// bodies pass.
func IsStream(r *http.Request, strict bool) bool {
	if r.ContentLength >= 0 {
		return false
	}
	if r.Method == http.MethodConnect && (!strict || r.Header[":protocol"] != nil) {
		return true // RFC 8441; net/http and quic-go file the protocol as a header
	}
	kind, isGRPC := strings.CutPrefix(r.Header.Get("Content-Type"), "application/grpc")
	return !strict && isGRPC && r.ProtoMajor >= 2 && (kind == "" || kind[0] == '+' || kind[0] == ';')
}
