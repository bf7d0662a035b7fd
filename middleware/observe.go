package middleware

import (
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// An Observer looks for abuse. The engine of this module is one.
type Observer interface {
	// Request judges a request before the next handler gets it, and returns the
	// decision that it causes, and whether there is one. A captcha without a prefix is
	// about this request alone: see [Stop].Guard. It must not wait, because the request
	// waits for it.
	Request(*event.Event) (lookup.Decision, bool)

	// Response is called at the end of a request. It may keep the event. It must not
	// wait, because the client waits for it.
	Response(*event.Event)
}

// A challengeObserver is an Observer that also gets challenges: see
// [Config].Challenged.
type challengeObserver interface {
	Challenged(client netip.Addr, agent string, d lookup.Decision, page string, solved bool)
}

// The observeStage passes requests and their responses to an Observer.
type observeStage struct {
	observer    Observer // nil: none
	trusted     func(*http.Request, netip.Addr) bool
	sessions    *Sessions // nil: none
	describe    func(*http.Request, *event.Event)
	errorStatus func(error) int
	challenge   *challengeStage
}

// enter asks the observer about r.
func (o *observeStage) enter(r *http.Request, f *finding) {
	if f.stop != nil || f.allowed || !f.client.IsValid() || f.visit.hasEnded() || !o.observes(r, f) {
		return
	}
	f.seen = o.begin(r, f)
	d, ok := o.ask(f)
	if !ok || d.Action == lookup.None {
		return
	}
	if d.Prefix.IsValid() { // otherwise it is about this request alone
		f.visit.enters(entry{f.client, d, true})
	}
	o.challenge.weigh(r, newObservedStop(d, f.client), f)
}

// observes reports whether r, which has passed so far, is observed.
func (o *observeStage) observes(r *http.Request, f *finding) bool {
	if o.observer == nil || o.trusted(r, f.client) {
		return false
	}
	f.session = o.sessions != nil && o.sessions.Known(r, f.client)
	return !f.session
}

// begin returns the observation of r: that of an outer middleware if there is one,
// because it has the original request.
func (o *observeStage) begin(r *http.Request, f *finding) *observation {
	v := f.visit
	if v == nil {
		return o.newObservation(r, f.client)
	}
	if v.seen == nil {
		v.seen = o.newObservation(r, f.client)
	} else {
		v.seen = &observation{event: v.seen.event}
	}
	v.seen.unasked = !v.asked
	return v.seen
}

// ask asks the observer about a request before the next handler gets it, unless an
// outer middleware has asked, or an inner one will.
func (o *observeStage) ask(f *finding) (lookup.Decision, bool) {
	if v := f.visit; v != nil {
		if v.asked || v.expecting {
			return lookup.Decision{}, false
		}
		v.asked, f.seen.unasked = true, false
	}
	return o.observer.Request(&f.seen.event)
}

// serve serves the passing request r with next.
func (o *observeStage) serve(w http.ResponseWriter, r *http.Request, f *finding, next nextFunc) error {
	if f.seen != nil {
		f.seen.writer.request = f.request
		return o.watch(f.seen, w, r, next)
	}
	if f.request != nil && isTakenOver(r) {
		w = &recorder{ResponseWriter: w, request: f.request}
	}
	err := next(w, r)
	if f.session {
		o.sessions.Note(r, w.Header(), f.client) // the response may end a session
	}
	return err
}

// An observation is the event of one request and its response.
type observation struct {
	event  event.Event
	writer recorder
	body   bodyWatch
	length int64 // declared length of the body

	unasked bool // the observer has not been asked yet: see Visit
	left    bool // an inner middleware observes the request now
}

func (o *observeStage) newObservation(r *http.Request, ip netip.Addr) *observation {
	seen := &observation{event: event.Event{
		Time: time.Now(), Client: ip, Method: r.Method, Target: r.RequestURI, Host: r.Host, Proto: r.Proto,
		UserAgent: r.UserAgent(), Referer: r.Referer(), Request: pick(r.Header, ofRequest),
	}}
	seen.event.Attribute(r.Header, r.TLS != nil)
	if isEarly(r) && seen.event.Attribution == event.Own {
		seen.event.Attribution = event.Unmarked
	}
	o.describe(r, &seen.event)
	return seen
}

// isEarly reports whether r came before the end of the TLS handshake (0-RTT). Over HTTP/3
// nothing has proved then that the client has this address, so anybody could get another
// one banned and reported: as with requests that nobody may have made, there is a challenge
// at most.
func isEarly(r *http.Request) bool { return r.TLS != nil && !r.TLS.HandshakeComplete }

// watch serves r with next, and then passes the response to the observer, also if next
// panics.
func (o *observeStage) watch(seen *observation, w http.ResponseWriter, r *http.Request, next nextFunc) error {
	seen.writer.ResponseWriter, seen.length = w, r.ContentLength
	seen.writer.keep = seen.body.watch(r) || event.ShowsPassword(r.URL.RawQuery)
	status := http.StatusInternalServerError // if next panics
	defer func() {
		if !o.over(seen) {
			return
		}
		seen.complete(w, status)
		seen.keepCookies(r, w.Header())
		if o.sessions != nil {
			o.sessions.Note(r, w.Header(), seen.event.Client)
		}
		o.observer.Response(&seen.event)
	}()
	err := next(&seen.writer, r)
	status = http.StatusOK // if next writes nothing
	if err != nil {
		status = o.errorStatus(err)
	}
	if err == nil && !seen.writer.hijacked { // after an error, an error handler may still read the body
		seen.body.finish(w, seen.length)
	}
	return err
}

// over reports whether the observer gets the response: not if an inner middleware
// observes it.
func (o *observeStage) over(seen *observation) bool {
	if seen.left {
		return false
	}
	if seen.unasked {
		// The expected inner middleware did not follow. A decision now applies from the
		// next request on.
		o.observer.Request(&seen.event)
	}
	return true
}

// complete adds the response to the event. If nothing was sent, status is the
// handler's.
func (o *observation) complete(w http.ResponseWriter, status int) {
	if o.writer.hijacked {
		status = http.StatusSwitchingProtocols
	} else if o.writer.status != 0 {
		status = o.writer.status
	}
	o.event.Ended = time.Now()
	o.event.Status, o.event.Header = status, withoutPass(pick(w.Header(), ofResponse))
	o.event.Size, o.event.ContentType = o.size(w.Header()), contentType(w.Header())
	o.event.Body, o.event.Truncated = o.body.seen()
	if o.event.Answer = o.writer.answer; len(o.event.Answer) > 0 {
		o.event.Header = withEncoding(o.event.Header, w.Header())
	}
}

// keepCookies adds the cookies of the request to the event if the response sets some: it may
// replace or delete those of a login.
func (o *observation) keepCookies(r *http.Request, response http.Header) {
	if len(response["Set-Cookie"]) == 0 || len(r.Header["Cookie"]) == 0 {
		return
	}
	if o.event.Request == nil {
		o.event.Request = make(http.Header, 1)
	}
	o.event.Request["Cookie"] = slices.Clone(r.Header["Cookie"])
}

// size returns the length of the response. For HEAD it is the announced length, which a
// GET would get.
func (o *observation) size(h http.Header) int64 {
	if o.writer.size > 0 || o.event.Method != http.MethodHead {
		return o.writer.size
	}
	n, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// The header fields that show a login, a failed login, or that an object store has
// checked the signature of a request.
var (
	ofRequest  = event.RequestFields()
	ofResponse = event.ResponseFields()
)

// withoutPass returns the picked headers without a renewed pass, which is not a cookie
// of the site.
func withoutPass(picked http.Header) http.Header {
	lines := picked["Set-Cookie"]
	if !slices.ContainsFunc(lines, challenge.IsPass) {
		return picked
	}
	if lines = slices.DeleteFunc(lines, challenge.IsPass); len(lines) > 0 {
		picked["Set-Cookie"] = lines
	} else {
		delete(picked, "Set-Cookie")
	}
	return picked
}

func contentType(h http.Header) string {
	if values := h["Content-Type"]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// withEncoding returns picked with the Content-Encoding, which is needed to read the
// kept beginning of the body.
func withEncoding(picked, h http.Header) http.Header {
	encoding := h["Content-Encoding"]
	if len(encoding) == 0 {
		return picked
	}
	if picked == nil {
		picked = make(http.Header, 1)
	}
	picked["Content-Encoding"] = append([]string(nil), encoding...)
	return picked
}

// pick returns copies of the named fields of h, or nil if it has none. Other code may
// change h later.
func pick(h http.Header, names []string) http.Header {
	var picked http.Header
	for _, name := range names {
		values := h[name]
		if len(values) == 0 {
			continue
		}
		if picked == nil {
			picked = make(http.Header, len(names))
		}
		picked[name] = append([]string(nil), values...)
	}
	return picked
}
