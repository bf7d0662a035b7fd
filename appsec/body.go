package appsec

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
)

// A part is the inspected part of a body.
type part struct {
	inspect.Part
	cut   Skip // why it is not the whole body
	fault bool // the client itself caused that: the request is refused, whatever BodyOver says
}

// cuts are the reasons why a body is not inspected as a whole.
var cuts = [...]Skip{
	inspect.Whole: uncut, inspect.TooLong: LongBody, inspect.TooSlow: SlowBody,
	inspect.NoRoom: NoRoom, inspect.NoShare: NoShare, inspect.Evicted: SlowBody,
}

// readBody reads the part of r's body to inspect. If r has no body, or nothing of it is
// read, r does not change and b is nil.
func (c *Client) readBody(r *http.Request, network netip.Prefix) (b *inspect.Body, p part, err error) {
	strict := c.cfg.BodyOver == lookup.Ban
	switch {
	case r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0:
		return nil, part{}, nil
	case r.ContentLength < 0 && isStream(r, strict):
		return nil, part{cut: Stream}, nil
	case strict && r.ContentLength > int64(c.cfg.BodyLimit):
		return nil, part{cut: LongBody}, nil // not even 100 Continue is sent
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

// isStream reports whether the client may wait for a response before it sends r's body,
// whose length is unknown. A tunnel, like the data after an Upgrade, is no HTTP
// request, and there is nothing to inspect. Any client can claim a gRPC call, so that
// counts only if long bodies may pass too (not strict).
func isStream(r *http.Request, strict bool) bool {
	if r.Method == http.MethodConnect && (!strict || r.Header[":protocol"] != nil) {
		return true // RFC 8441; net/http and quic-go store :protocol as a header
	}
	kind, isGRPC := strings.CutPrefix(r.Header.Get("Content-Type"), "application/grpc")
	return !strict && isGRPC && r.ProtoMajor >= 2 && (kind == "" || kind[0] == '+' || kind[0] == ';')
}
