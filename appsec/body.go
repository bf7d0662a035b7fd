package appsec

import (
	"net/http"
	"net/netip"

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
	case inspect.IsStream(r, strict):
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
