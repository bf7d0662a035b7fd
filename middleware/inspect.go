package middleware

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
)

// An Inspector judges requests by their content. An [appsec.Client] is one.
//
// [appsec.Client]: https://pkg.go.dev/github.com/tocsin-project/tocsin/appsec#Client
type Inspector interface {
	// Name is the origin and the source of its decisions, such as "appsec".
	Name() string

	// Inspect is called once for each request that is inspected. It may replace the
	// body of r by another with the same bytes, and may wait. An inspector that reads
	// bodies does so by [inspect.Bodies.Begin], to share them with others. The
	// verdict's Body is released when r has been served. An error means that the
	// request cannot be read, and is dropped.
	Inspect(r *http.Request, in inspect.Details) (inspect.Verdict, error)
}

// An owner is an Inspector with its own paths, which the site never sees.
type owner interface {
	// Owns reports whether a request with this target is for the inspector. Allowed
	// clients are inspected there too, and no such request passes.
	Owns(target string) bool
}

// The words that inspections add to evt.Meta.matched, after the inspector's name. The
// colon distinguishes them from names of scenarios.
const (
	matchedBan  = ":ban"  // the request was banned for its content
	matchedSlow = ":slow" // it was too large to be inspected in time, or the inspector failed on it
)

// closeTimeout is how long a client may continue to send the body of a refused request.
const closeTimeout = time.Second

// The inspectStage asks the inspectors about the content of requests.
type inspectStage struct {
	inspectors []Inspector
	original   func(*http.Request, *inspect.Details)
	isKnown    func(netip.Addr) bool
	isLoggedIn func(*http.Request, netip.Addr) bool
	found      func(*event.Event)
	challenge  *challengeStage
	observe    *observeStage
}

// enter asks the inspectors about r, one after the other, until one stops it. An error
// means that r cannot be read.
//
// A client on the allow list is not inspected, except on paths of an inspector, because
// only that can answer them. A client with an unknown address is inspected: inspectors
// judge the request, not the address.
func (i *inspectStage) enter(w http.ResponseWriter, r *http.Request, f *finding) error {
	if len(i.inspectors) == 0 || f.stop != nil {
		return nil
	}
	in := i.details(r, f)
	for _, one := range i.inspectors {
		owned := owns(one, in.Target)
		if f.allowed && !owned {
			continue
		}
		if in.Ref == "" {
			in.Ref = newRef()
		}
		v, err := one.Inspect(r, in)
		if err != nil {
			f.bodies.release()
			return err
		}
		f.bodies.hold(v.Body)
		stops := i.stops(r, one, owned, &v, &in, f)
		if v.Found != nil {
			i.reportFindings(r, &v, &in, f)
		}
		if stops {
			i.leave(w, r, one.Name(), &v, f)
			return nil
		}
	}
	return nil
}

// details returns the details for the inspectors.
func (i *inspectStage) details(r *http.Request, f *finding) inspect.Details {
	in := inspect.Details{Client: f.client, Target: r.RequestURI}
	i.original(r, &in)
	if in.Target == "" {
		in.Target = r.URL.RequestURI()
	}
	return in
}

func owns(i Inspector, target string) bool {
	o, ok := i.(owner)
	return ok && o.Owns(target)
}

// stops reports whether v stops r, and then sets f.stop. For a captcha of an inspector
// any valid pass is enough, because the verdict has no earlier beginning. The next
// request is inspected again.
//
// A request on an inspector's own path never passes, not even in a dry run. If it gets
// part of a challenge page, it is neither counted nor logged.
func (i *inspectStage) stops(r *http.Request, by Inspector, owned bool, v *inspect.Verdict, in *inspect.Details, f *finding) bool {
	if v.Action == lookup.None && v.Relay == nil {
		if f.seen != nil && v.Slow {
			f.seen.mark(by.Name() + matchedSlow)
		}
		return false
	}
	if f.trusted = i.isTrusted(r, v, f); f.trusted {
		return false
	}
	s := newInspectedStop(by.Name(), v, in)
	if !owned || s.relay == nil {
		i.challenge.weigh(r, s, f)
	}
	if f.stop == nil && owned {
		f.stop = s
	}
	return f.stop != nil
}

// leave prepares the response to r, which v stops.
func (i *inspectStage) leave(w http.ResponseWriter, r *http.Request, by string, v *inspect.Verdict, f *finding) {
	if v.Close && r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
		// If the writer has no deadlines, those of the server apply.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(closeTimeout))
	}
	if f.stop.Challenge {
		f.stop.bodies = f.bodies // the challenge page may keep a form
	} else {
		// The ban page may come from another server, which must not get the body of an
		// attack.
		f.bodies.release()
		f.stop.bodiless = true
	}
	i.reportStop(by, v, f)
}

// reportStop tells the observer that a request was banned for its content, or that it made
// the inspector late. So a scenario can stop a client that repeats this. Only bans in
// an inspector's answer count: people get captchas and challenges too, and a request
// that was refused without an answer says nothing about the client.
func (i *inspectStage) reportStop(by string, v *inspect.Verdict, f *finding) {
	banned := v.Answered && v.Action == lookup.Ban && v.Relay == nil
	if f.seen == nil || i.challenge.dryRun || !banned && !v.Slow {
		return
	}
	i.observe.over(f.seen)
	if banned {
		f.seen.mark(by + matchedBan)
	} else {
		f.seen.mark(by + matchedSlow)
	}
	e := &f.seen.event
	e.Status, e.Ended = f.stop.Status, time.Now()
	i.observe.observer.Response(e)
}

// newInspectedStop returns the stop that v asks for.
func newInspectedStop(by string, v *inspect.Verdict, in *inspect.Details) *Stop {
	d := inspectedDecision(by, v.Action, in.Client)
	d.Reason = v.Reason
	if !in.Client.IsValid() && v.Relay == nil {
		d.Action = lookup.Ban // a pass needs an address
	}
	return &Stop{
		Decision: d, Client: in.Client, Status: v.Status, Ref: in.Ref, Time: time.Now(), RetryAfter: v.RetryAfter,
		Inspected: true, Challenge: v.Relay != nil, relay: v.Relay,
	}
}

// inspectedDecision returns the decision for a verdict about one request.
func inspectedDecision(by string, a lookup.Action, client netip.Addr) lookup.Decision {
	d := lookup.Decision{Action: a, Origin: by, Source: by}
	if client.IsValid() {
		d.Prefix = netip.PrefixFrom(client, client.BitLen())
	}
	return d
}

// mark adds a word to what the request has matched.
func (o *observation) mark(word string) {
	if o.event.Matched == "" {
		o.event.Matched = "|"
	}
	o.event.Matched += word + "|"
}

// bodies are the inspectors' copies of a request's body. There is one, unless an
// inspector has replaced it.
type bodies []*inspect.Body

// hold adds b, which may be nil.
func (b *bodies) hold(body *inspect.Body) {
	if n := len(*b); body != nil && (n == 0 || (*b)[n-1] != body) {
		*b = append(*b, body)
	}
}

func (b bodies) release() {
	for _, body := range b {
		body.Release()
	}
}

// releaseAfter releases b when r has been served. After an error of the next handler,
// an error handler may still read the body: then b is released when the server has
// finished r.
func (b bodies) releaseAfter(r *http.Request, err error) {
	if err == nil || r.Context().Done() == nil {
		b.release()
		return
	}
	context.AfterFunc(r.Context(), b.release)
}

// giveUp aborts a request that could not be read, usually because its client has
// disconnected. A client that has sent a malformed body gets no response either.
func giveUp(w http.ResponseWriter, err error) {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); !tooLarge {
		panic(http.ErrAbortHandler)
	}
	const status = http.StatusRequestEntityTooLarge
	http.Error(w, http.StatusText(status), status)
}
