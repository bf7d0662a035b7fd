package appsec

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
)

// A part is what is inspected of a body.
type part struct {
	inspect.Part
	cut   Skip // why it is not the whole
	fault bool // that is the client's own doing: the request is refused, whatever BodyOver says
}

// cuts are the reasons for which a body is not inspected whole.
var cuts = [...]Skip{
	inspect.Whole: uncut, inspect.TooLong: LongBody, inspect.TooSlow: SlowBody,
	inspect.NoRoom: NoRoom, inspect.NoShare: NoShare, inspect.Evicted: SlowBody,
}

// readBody reads what is to be inspected of r's body. A request without a body keeps
// what it has, and so does one of whose body nothing is read; b is nil then.
func (c *Client) readBody(r *http.Request, network netip.Prefix) (b *inspect.Body, p part, err error) {
	strict := c.cfg.BodyOver == lookup.Ban
	switch {
	case r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0:
		return nil, part{}, nil
	case r.ContentLength < 0 && isStream(r, strict):
		return nil, part{cut: Stream}, nil
	case strict && r.ContentLength > int64(c.cfg.BodyLimit):
		return nil, part{cut: LongBody}, nil // not even a 100 Continue
	}
	b, p.Part, err = c.bodies.Begin(r, network, c.cfg.BodyLimit, c.cfg.BodyTimeout)
	if err != nil {
		c.counts.broken.Add(1)
		return nil, part{}, err
	}
	p.cut = cuts[p.Cut]
	p.fault = p.Cut == inspect.NoShare || p.Cut == inspect.Evicted
	return b, p, nil
}

// isStream reports whether r's body, of unknown length, is one that may not come
// before something has been answered. A tunnel is like what follows an Upgrade:
// there is no request in it, and nothing to inspect. That a body is a gRPC call,
// anybody can say: that is good enough only where long bodies may pass too.
func isStream(r *http.Request, strict bool) bool {
	if r.Method == http.MethodConnect && (!strict || r.Header[":protocol"] != nil) {
		return true // RFC 8441; net/http and quic-go file the protocol as a header
	}
	kind, isGRPC := strings.CutPrefix(r.Header.Get("Content-Type"), "application/grpc")
	return !strict && isGRPC && r.ProtoMajor >= 2 && (kind == "" || kind[0] == '+' || kind[0] == ';')
}
