package middleware

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/lookup"
)

// An Inspector judges requests by what they say. An [appsec.Client] is one.
type Inspector interface {
	// Inspect is asked once about each request that is to be inspected. It may
	// put another body into r that begins with the same bytes, and may wait. The
	// verdict is released when r has been served. An error says that the request
	// cannot be read, and is to be given up.
	Inspect(r *http.Request, in appsec.Inspection) (appsec.Verdict, error)
}

// originAppSec is the origin, and the source, of what an [Inspector] says, as
// CrowdSec's own bouncers name it in their usage metrics.
const originAppSec = "appsec"

// matchedBan marks the event of a request that was banned for what it said. A
// scenario of the server's own cannot have that name.
const matchedBan = "appsec:ban"

// matchedSlow marks the event of a request that was too large for AppSec to judge in
// time, so that AppSec was late for all others, too, or that AppSec failed over.
const matchedSlow = "appsec:slow"

// closeTimeout is how long a client may go on to send a body that nobody wants.
const closeTimeout = time.Second

// inspect asks about r, which would go on, and has f say what follows. The verdict
// is to be released when r has been served, unless f has a stop now.
//
// Whoever is on the allow list is not inspected, but for what is AppSec's own: the
// site must not see that, and nobody else can answer it. Clients that cannot be
// told are inspected like all others, since what they say is there to judge by.
func (m *Middleware) inspect(w http.ResponseWriter, r *http.Request, f *finding) (appsec.Verdict, error) {
	in := appsec.Inspection{Client: f.client, Target: r.RequestURI}
	if m.original != nil {
		m.original(r, &in)
	}
	if in.Target == "" {
		in.Target = r.URL.RequestURI()
	}
	internal := appsec.Internal(in.Target)
	if f.allowed && !internal {
		return appsec.Verdict{}, nil
	}
	in.Ref = newRef()
	v, err := m.inspector.Inspect(r, in)
	if err != nil || v.Action == lookup.None && v.Relay == nil {
		if f.seen != nil && v.Slow {
			f.seen.mark(matchedSlow)
		}
		return v, err
	}
	s := newInspectedStop(v, &in)
	if f.stop = m.stopInspected(r, s, f.visit, internal); f.stop == nil {
		if s.passed {
			f.pass = s
		}
		return v, nil
	}
	if v.Close && r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
		// Where there are no deadlines, the server's own have to do.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(closeTimeout))
	}
	if !s.Challenge {
		// The page of a ban, which may come from another server, is not to get
		// what was found to be an attack.
		v.Release()
		r.Body, r.ContentLength, s.verdict = http.NoBody, 0, nil
	}
	m.tellBan(f, &v)
	return appsec.Verdict{}, nil
}

// newInspectedStop returns the stop that v asks for.
func newInspectedStop(v appsec.Verdict, in *appsec.Inspection) *Stop {
	d := appsecDecision(v.Action, in.Client)
	d.Reason = v.Reason
	if !in.Client.IsValid() && v.Relay == nil {
		d.Action = lookup.Ban // a pass of ours is bound to an address
	}
	return &Stop{
		Decision: d, Client: in.Client, Status: v.Status, Ref: in.Ref, Time: time.Now(), RetryAfter: v.RetryAfter,
		Inspected: true, Challenge: v.Relay != nil, verdict: &v,
	}
}

// appsecDecision returns what stands for a verdict about one request.
func appsecDecision(a lookup.Action, client netip.Addr) lookup.Decision {
	d := lookup.Decision{Action: a, Origin: originAppSec, Source: originAppSec}
	if client.IsValid() {
		d.Prefix = netip.PrefixFrom(client, client.BitLen())
	}
	return d
}

// stopInspected is stop for what an inspection says. A captcha of AppSec's is met by
// any pass: it has no beginning that a pass could be older than. The next request is
// inspected all the same.
//
// What is AppSec's own never goes on, not in a dry run either. That a page of a
// challenge is fetched is no stop: it is neither counted nor logged.
func (m *Middleware) stopInspected(r *http.Request, s *Stop, v *Visit, internal bool) *Stop {
	if internal && s.relays() {
		return s
	}
	if stopped := m.stop(r, s, v); stopped != nil || !internal {
		return stopped
	}
	return s
}

// tellBan tells the observer that the request of f was banned for what it said, or
// is why AppSec gave no answer, so that who does that again and again can be stopped
// for good. Of bans only AppSec's own count: a captcha or a challenge is met by people
// too, and what was refused unasked or because AppSec failed says nothing about the
// client.
func (m *Middleware) tellBan(f *finding, v *appsec.Verdict) {
	banned := v.Answered && v.Action == lookup.Ban && v.Relay == nil
	if f.seen == nil || m.dryRun || !banned && !v.Slow {
		return
	}
	f.seen.over(m)
	if banned {
		f.seen.mark(matchedBan)
	} else {
		f.seen.mark(matchedSlow)
	}
	e := &f.seen.event
	e.Status, e.Ended = f.stop.Status, time.Now()
	m.observer.Response(e)
}

// mark adds a word to what the request has matched.
func (o *observation) mark(word string) {
	if o.event.Matched == "" {
		o.event.Matched = "|"
	}
	o.event.Matched += word + "|"
}

// letGo releases v when r has been served. An error of the next handler has yet to
// be answered, perhaps by somebody who reads the body too: then it is released when
// the server is done with r.
func letGo(r *http.Request, v *appsec.Verdict, err error) {
	if err == nil || r.Context().Done() == nil {
		v.Release()
		return
	}
	context.AfterFunc(r.Context(), v.Release)
}

// giveUp ends a request that could not be read. Mostly its client has gone; nothing
// is said to the others either, who have sent what is no body.
func giveUp(w http.ResponseWriter, err error) {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); !tooLarge {
		panic(http.ErrAbortHandler)
	}
	const status = http.StatusRequestEntityTooLarge
	http.Error(w, http.StatusText(status), status)
}

// relays reports whether s is answered by AppSec itself.
func (s *Stop) relays() bool { return s.verdict != nil && s.verdict.Relay != nil }

// release gives back what the inspection of the request has held.
func (s *Stop) release() {
	if s.verdict != nil {
		s.verdict.Release()
	}
}
