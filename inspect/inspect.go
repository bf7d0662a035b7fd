// Package inspect answers one question: what do inspectors of requests have in common?
// [Details] tell them about a request what it does not say itself, a [Verdict] is their
// answer, and [Bodies] read the beginning of its body, for all of them and for the site.
//
// # Bodies
//
// An inspector calls [Bodies.Begin] with its own limit. The first one to do so puts a
// [Body] into the request, which holds the bytes that were read and then continues with
// the rest, so that the site reads every byte once. The next inspector finds this Body
// and gets the same bytes. Only for a higher limit than that of the others more is read.
// Every inspector limits the memory of the bytes that are read for it alone.
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

// ErrBody is what an error wraps if the body of a request cannot be read, beside the
// reason. Mostly the client has gone.
var ErrBody = errors.New("the request's body cannot be read")

// Details say about a request what the request itself does not, or not any more.
type Details struct {
	// Client is the address of the client. The zero Addr stands for one that is
	// unknown: the request is inspected all the same, as one of 0.0.0.0.
	Client netip.Addr

	// Ref is the reference of the request in our log. CrowdSec 1.7.5 and later
	// shows it as the id of the transaction. Default: none.
	Ref string

	// Method is that of the request before anything was rewritten. Default: the
	// request's Method.
	Method string

	// Target is what the client asked for, as it stood in the request line,
	// before anything was rewritten. Default: the request's RequestURI, which
	// net/http leaves alone, or else its URL.
	Target string

	// Host is the host that the client asked for. Default: the request's Host.
	Host string

	// Secure says that the client came by TLS, to a proxy in front of this
	// server perhaps. Default: whether the request's TLS is set.
	Secure bool

	// Mode says what becomes of what rules find. Default: what the inspector says.
	Mode Mode

	// Except reports whether a rule does not count for this request. It is asked about
	// those that match. Default: all count.
	Except func(rule string) bool
}

// A Mode says what becomes of what an inspector finds.
type Mode uint8

// Enforce stops requests, Observe only tells.
const (
	ModeDefault Mode = iota
	Enforce
	Observe
)

// WithDefaults returns d with the default of each field that is not set, and the client
// normalized.
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

// The bits of a network: the addresses that one customer of a provider has, or a few
// neighbours.
const (
	networkBits4 = 24
	networkBits6 = 40
)

// NetworkOf returns the network of a client, a /24 or a /40 of IPv6, whose address is
// normalized. Each network has a share of what all clients use together.
func NetworkOf(client netip.Addr) netip.Prefix {
	return lookup.Network(client, networkBits4, networkBits6)
}

// A Verdict says what happens to a request. The zero Verdict lets it pass.
type Verdict struct {
	// Action is None, Captcha or Ban. A captcha does not end the inspection: after
	// it is solved, the next request is inspected like any other.
	Action lookup.Action

	// Status is the status of the answer to a banned request or of a captcha, 400 to
	// 599.
	Status int

	// Relay is the inspector's own answer to the visitor: it replaces a page of ours.
	// Action is Captcha then, so that a caller that does not look here is on the strict
	// side. Mostly nil.
	Relay http.Handler

	// Close says that the rest of the body is not worth waiting for: the answer
	// has to carry Connection: close, or the server would wait for it before it
	// sends anything. It still waits after that, unless it has a timeout for
	// reading, or is given a deadline by [http.ResponseController].
	Close bool

	// Answered says that the request itself is the reason, such as a rule that it
	// matches. Else the action replaces an answer that is missing.
	Answered bool

	// RetryAfter is when it makes sense to send the request again. 0: unknown.
	RetryAfter time.Duration

	// Slow says that the request is the reason for a missing answer: it is so large that
	// the answer was late, or the inspector fails at it and answers others.
	Slow bool

	// Reason says in a few words why, for the log. Empty for None, unless the inspector
	// has failed.
	Reason string

	// Found is what rules have found, whatever the action. Nil: nothing.
	Found *Found

	// Body is the body that holds memory for the inspector. Nil: none does.
	Body *Body
}

// Found is what rules of an inspector have found in a request.
type Found struct {
	// Findings are one or more. The first one is the reason for the action, if there is
	// one.
	Findings []event.Finding
}

// Release returns the memory that the body holds. Call it when the request has been
// served: what was not read of the body is lost. The server's own body stays open,
// because closing it could mean to wait for the client before the answer is sent.
func (v *Verdict) Release() { v.Body.Release() }

// IsStream reports whether r's body, of unknown length, is one that may not come before
// something has been answered. A tunnel is like what follows an Upgrade: there is no
// request in it, and nothing to inspect. That a body is a gRPC call, anybody can say: that
// is good enough only where long bodies may pass too, which is not so if strict.
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
