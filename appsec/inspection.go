package appsec

import (
	"net/http"
	"net/netip"

	"github.com/tocsin-project/tocsin/lookup"
)

// An Inspection says about a request what the request itself does not, or not
// any more.
type Inspection struct {
	// Client is the address of the client. The zero Addr stands for one that
	// cannot be told: the request is inspected all the same, as one of 0.0.0.0.
	Client netip.Addr

	// Ref is the reference of the request in our log. CrowdSec 1.7.5 and later
	// shows it as the id of the transaction. Default: AppSec makes up one.
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

	mostHTTP HTTPVersion // what Config says
}

func (in Inspection) withDefaults(r *http.Request) Inspection {
	if !in.Client.IsValid() {
		in.Client = netip.IPv4Unspecified()
	}
	in.Client = lookup.Normalize(in.Client)
	if in.Method == "" {
		in.Method = r.Method
	}
	if in.Target == "" {
		in.Target = r.RequestURI
	}
	if in.Target == "" && r.URL != nil {
		in.Target = r.URL.RequestURI()
	}
	if in.Host == "" {
		in.Host = r.Host
	}
	in.Secure = in.Secure || r.TLS != nil
	return in
}
