package waf

import (
	"net/http"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
)

// A Cut is a reason why a request was not inspected completely.
type Cut uint8

// The reasons.
const (
	uncut     Cut = iota
	LongBody      // the body is longer than the limit
	SlowBody      // the client sends it too slowly
	NoRoom        // all requests' bodies together use all the memory
	NoShare       // the bodies of the client's network use its share of the memory
	Stream        // the client may wait for an answer before it sends the body
	Encoded       // its Content-Encoding is not known, and its Content-Type says that it has values
	TooMuch       // JSON has too many values, or a value is too long to be searched
	TooCostly     // the client built it to be hard to inspect
	cutCount
)

var cutNames = [cutCount]string{
	LongBody: "long_body", SlowBody: "slow_body", NoRoom: "no_room", NoShare: "no_share", Stream: "stream", Encoded: "encoded_body", TooMuch: "too_much", TooCostly: "too_costly",
}

// String returns the reason as metrics show it, such as long_body.
func (c Cut) String() string { return cutNames[c] }

// refusals are the answers to requests that are refused for each reason.
var refusals = [cutCount]struct {
	status int
	reason string
}{
	LongBody:  {http.StatusRequestEntityTooLarge, "its body is longer than what is inspected"},
	SlowBody:  {http.StatusRequestTimeout, "its body comes too slowly to be inspected"},
	NoRoom:    {http.StatusServiceUnavailable, "there is no memory to inspect its body"},
	NoShare:   {http.StatusServiceUnavailable, "its network uses up its share of the memory for inspection"},
	Stream:    {http.StatusForbidden, "its body is a stream, which cannot be inspected"},
	Encoded:   {http.StatusUnsupportedMediaType, "its body is in an encoding that cannot be read"},
	TooMuch:   {http.StatusForbidden, "there is more in it than is inspected"},
	TooCostly: {http.StatusForbidden, "it was made to be hard to inspect"},
}

// A cutBody says why a body was not inspected completely.
type cutBody struct {
	why   Cut
	fault bool // the client caused it: the request is refused, whatever BodyOver is
	head  bool // the reason is TooCostly, and the body has no part in it
}

// cutsOf translates the reasons of package inspect.
var cutsOf = [...]cutBody{
	inspect.Whole: {}, inspect.TooLong: {why: LongBody}, inspect.TooSlow: {why: SlowBody}, inspect.NoRoom: {why: NoRoom},
	inspect.NoShare: {why: NoShare, fault: true}, inspect.Evicted: {why: SlowBody, fault: true},
}

// readBody checks the beginning of r's body against the rules, if they need it.
func (i *Inspector) readBody(r *http.Request, in *Inspection, d *inspect.Details) (*inspect.Body, cutBody, error) {
	if !in.NeedsBody() || r.ContentLength == 0 {
		in.Body(nil)
		return nil, cutBody{}, nil
	}
	strict := i.cfg.BodyOver == lookup.Ban && !i.observes(d)
	if inspect.IsStream(r, strict) {
		in.Body(nil)
		return nil, cutBody{why: Stream}, nil
	}
	if strict && r.ContentLength > int64(i.cfg.BodyLimit) {
		return nil, cutBody{why: LongBody}, nil // and do not send 100 Continue
	}
	body, part, err := i.bodies.Begin(r, inspect.NetworkOf(d.Client), i.cfg.BodyLimit, i.cfg.BodyTimeout)
	if err != nil {
		return nil, cutBody{}, err
	}
	in.limit = i.cfg.BodyLimit
	in.bodyParts(part.Bytes)
	return body, cutsOf[part.Cut], nil
}

// bodyParts does the same as Body, for a body in pieces.
func (in *Inspection) bodyParts(parts [][]byte) {
	switch {
	case len(parts) == 0:
		in.Body(nil)
	case len(parts) == 1:
		in.Body(parts[0])
	default:
		start := len(in.room.bytes)
		for _, p := range parts {
			in.room.bytes = append(in.room.bytes, p...)
		}
		in.Body(in.room.since(start))
	}
}

// cutOr returns the inspection's own reason why it is incomplete, or else the reason known
// before.
func (in *Inspection) cutOr(before Cut) Cut {
	switch {
	case in.Costly():
		return TooCostly
	case in.encoded:
		return Encoded
	case in.Over() && before == uncut:
		return TooMuch
	}
	return before
}

// cutOff changes the verdict on a request that was not inspected completely.
func (i *Inspector) cutOff(v *inspect.Verdict, cut cutBody, d *inspect.Details) {
	action := i.cfg.BodyOver
	switch {
	case cut.why == uncut:
		return
	case cut.fault:
		action = lookup.Ban
	case cut.why == Stream && action == lookup.Ban: // strict: see inspect.IsStream
		action = lookup.None
	case i.observes(d):
		action = lookup.None
	case cut.why == TooCostly && cut.head:
		action = lookup.Ban // a client with a pass would otherwise get any attack past all rules
	case cut.why == TooCostly, cut.why == Encoded:
		action = max(action, lookup.Captcha) // the part that was not inspected may be an attack
	}
	if action == lookup.None {
		i.counts.partial[cut.why].Add(1)
		return
	}
	i.counts.refused[cut.why].Add(1)
	refusal := refusals[cut.why]
	v.Action, v.Status, v.Reason = action, refusal.status, refusal.reason
	v.Close = action == lookup.Ban && cut.why < Stream
	if action == lookup.Captcha {
		v.Status, v.Answered = http.StatusForbidden, true
	}
}
