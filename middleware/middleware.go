// Package middleware enforces decisions in front of any [http.Handler].
//
//	m, err := middleware.New(middleware.Config{Lookup: e.Lookup})
//	...
//	http.ListenAndServe(":8080", m.Handler(mux))
//
// It needs only a function that finds the decision for an address: that of an engine
// of this module, or of a bare [lookup.Table]. [Middleware.Check] decides and writes
// nothing, [Middleware.Handler] also answers. The next handler gets the server's own
// ResponseWriter. With an [Observer] it gets a wrapper with the method Unwrap.
//
// # The client's address
//
// By default it is the address of the connection. Behind a proxy choose [Header] or
// [ForwardedFor]; there is no safe guess. The allow list and the decisions apply only
// to the address that this one function returns.
//
// # Stages
//
// A request visits the stages in this order, each at most once, and leaves at the first
// that stops it:
//
//	address    who is the client?
//	decision   is there a decision about it?
//	allow      is it exempt?
//	challenge  does it have a pass, or answer a challenge?
//	observe    does a scenario have a reason to stop the request?
//	inspect    does an inspector?
//
// Then the next handler serves it, and the observe stage sees the response.
//
// # Long connections
//
// A request is checked when it arrives. A request that lasts, such as a WebSocket, an
// event stream, a long poll, a tunnel, an upload or a download, is checked again every
// second or two, against the decision about its client alone. If that has become a ban,
// the request ends: the server stops reading and writing, cancels the context, and
// closes a hijacked connection. Over HTTP/2 or HTTP/3 only this request ends, since
// others may share the connection. Captcha and throttle decisions end no request; a
// captcha applies to the next one. [Config].KeepEstablished, DryRun and Allow exempt
// requests from this.
//
// This needs [Middleware.Handler] or [Middleware.Serve], and a ResponseWriter on which
// [http.ResponseController] can set deadlines, as those of the standard library. A
// hijacked connection is known if the request had the field Upgrade or the method
// CONNECT, or was observed.
//
// # Failure
//
// A request with an unknown client address passes, with a count and a warning, because
// there is no address to check. Where challenges are off, a captcha decision stops the
// client until it ends. An unknown action is a ban. The lookup function and the
// [Inspector] decide themselves what happens when they are slow or fail.
package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// Config describes a middleware. Only Lookup is required.
type Config struct {
	// Lookup finds the decision in force for an address, and whether there is
	// one. The address is valid and normalized (see [lookup.Normalize]). It is
	// called once for every request whose client is known, by many goroutines
	// at once.
	Lookup func(ctx context.Context, ip netip.Addr) (lookup.Decision, bool)

	// ClientIP finds the address of the client. Default: [RemoteAddr].
	ClientIP IPFunc

	// NAT64 knows the prefixes of local translators: the addresses of clients in them
	// are IPv4. The engine has to know it, too. Default: the well-known prefix only.
	NAT64 *lookup.NAT64

	// Allow lists clients that are never stopped, whatever the decisions about
	// them. It is matched against the address from ClientIP. Default: none.
	Allow []netip.Prefix

	// AllowLists are lists of more such clients that may change, such as a
	// lists.AllowList. They are used like Allow. Default: none.
	AllowLists []AllowList

	// Banned answers the requests that are stopped; [FromContext] gives it the
	// [Stop]. It should answer with its Status. Default: the built-in [Page].
	Banned http.Handler

	// Challenge lets clients with a captcha decision pass if they solve its challenge.
	// Default: the middleware's own, with the embedded proof of work and a random
	// secret: passes end with the process, and other servers do not accept them. The
	// log says so at level info.
	Challenge *challenge.Gate

	// ChallengeOff sends no challenge: a client with a captcha decision gets status 429
	// with Retry-After until the decision ends. Passes of Challenge that were earned
	// elsewhere still count: see [challenge.Config].Hosts. Default: false.
	ChallengeOff bool

	// Passed is called for every request that passes a captcha decision because it
	// carries a pass. Default: none.
	Passed func(*http.Request, *Stop)

	// Challenged is called when a client gets a challenge because of a decision about it
	// (solved is false; page is the path that it requested), and when it has solved one.
	// Agent is its user agent.
	// It must not wait. Default: the method of that name of Observe, if there is one, as
	// the engine of this module has; else none.
	Challenged func(client netip.Addr, agent string, d lookup.Decision, page string, solved bool)

	// Observe looks for abuse in the requests that pass and in their responses,
	// but not in those of clients in Allow. A captcha decision that it returns for a
	// request, without Prefix, Country and AS, is about that request alone: see
	// Guard of [Stop]. Default: none.
	Observe Observer

	// Trust reports whether Observe skips a request. It is called before Observe, and
	// must not wait. Default: Observe skips none.
	Trust func(*http.Request, netip.Addr) bool

	// Sessions holds the sessions that Observe skips, and learns of new ones from the
	// site's responses. Default: none.
	Sessions *Sessions

	// Inspectors judge the content of the requests that pass, one after the other, until
	// one stops the request. They read a body once, together. Clients on the allow list
	// are inspected only on paths that belong to an inspector, such as those of AppSec's
	// challenge. Observe gets an event for each ban of an inspector, with its name in
	// evt.Meta.matched, such as |appsec:ban|. Default: none.
	Inspectors []Inspector

	// Found is called with a request in which rules of an inspector have found something,
	// before it is answered: see Findings of the event. It must not wait. Default: the
	// method of that name of Observe, if there is one, as the engine of this module has;
	// else none.
	Found func(*event.Event)

	// Known reports whether something good is known of a client: a program passes then
	// where a rule that is not certain asks for a challenge, which it could not solve.
	// Default: the method Known of Observe, which the engine of this module has. Without it
	// the answer is false.
	Known func(client netip.Addr) bool

	// LoggedIn reports whether a request shows that its sender has logged in at the site,
	// and no page of another site has made a browser send it: a browser passes then where a
	// rule that is not certain asks for a challenge, because a script in a page could not
	// solve it. So does a request of Sessions that a page of the site has sent. Default: the
	// method LoggedIn of Observe, which the engine of this module has. Without it the answer is
	// false.
	LoggedIn func(r *http.Request, client netip.Addr) bool

	// Original completes the details for the inspectors with the request as it was
	// before another handler changed it. Default: the request as it arrives here.
	Original func(*http.Request, *inspect.Details)

	// Reduced is called for a request that is exempt from a captcha decision (see
	// [challenge.Gate.Exempt]) and has lost its query and more. It removes them from
	// other copies of the request that the next handler may use. Default: there are no
	// other copies.
	Reduced func(http.ResponseWriter, *http.Request) *http.Request

	// NotExempt reports whether no request is exempt from challenges, because another
	// handler may replace the answer that is checked. Default: some are exempt.
	NotExempt func() bool

	// Describe corrects and completes the event of a request before Observe gets it.
	// Default: the event says what the request says.
	Describe func(*http.Request, *event.Event)

	// ErrorStatus returns the response status for an error of the next handler (see
	// [Middleware.Serve]). Default: 500 for each.
	ErrorStatus func(error) int

	// DryRun lets every request pass, and only logs and counts the requests that
	// would have been stopped.
	DryRun bool

	// KeepEstablished lets requests continue whose clients are banned meanwhile.
	// Default: false, they are ended.
	KeepEstablished bool

	// Lasts reports whether this one request may continue when its client is banned,
	// such as the request of a proxy for many clients. Default: no request may.
	Lasts func(r *http.Request, client netip.Addr) bool

	// Established holds the requests in progress. Several middlewares may share one, and
	// it may outlive them. Default: the middleware's own.
	Established *Established

	// Recheck finds the decision for the client of a request in progress, as Lookup does
	// for a new request. It is called every second or two for each of them, one after the
	// other, and may wait until ctx ends. Default: Lookup.
	Recheck func(ctx context.Context, ip netip.Addr) (lookup.Decision, bool)

	// Counters receives the counts. Several middlewares may share one, and it may
	// outlive them. Default: the middleware's own.
	Counters *Counters

	// Server names this middleware in the log, if there are several. Default:
	// none.
	Server string

	// Logger gets a line for every request that is stopped: at level info for
	// the first five of a client in a minute, at level debug for the others.
	// One line has the number of the lines that are left out at level info, because of
	// that limit or because more than 1024 clients came in that minute, or more than 128 of
	// a /16, or a /32 of IPv6. It comes with
	// the first request that is stopped after that minute. A /64 of IPv6 counts as one
	// client. Default: none.
	Logger *zap.Logger

	// LogIP says how much of a client's address the log shows. Default: all.
	LogIP LogIP
}

// A Middleware checks requests. It is safe for use by many goroutines and has
// nothing to close.
type Middleware struct {
	address   addressStage
	decision  decisionStage
	allow     allowStage
	challenge challengeStage
	observe   observeStage
	inspect   inspectStage

	ending      ending
	banned      http.Handler
	reduced     func(http.ResponseWriter, *http.Request) *http.Request
	errorStatus func(error) int
	results     *resultLog
}

// New checks cfg and returns a middleware. It fails if Lookup is missing, an entry of
// Allow is invalid, or LogIP is unknown.
func New(cfg Config) (*Middleware, error) {
	allow, err := cfg.check()
	if err != nil {
		return nil, err
	}
	if err := cfg.setDefaults(); err != nil {
		return nil, fmt.Errorf("making middleware: %w", err)
	}
	j := &resultLog{dryRun: cfg.DryRun, counters: cfg.Counters, log: cfg.Logger, logIP: cfg.LogIP, warned: newSampler()}
	if cfg.Server != "" {
		j.log = j.log.With(zap.String("server", cfg.Server))
	}
	m := &Middleware{
		address:  addressStage{cfg.ClientIP, cfg.NAT64, j},
		decision: decisionStage{cfg.Lookup, cfg.Recheck, j.log},
		allow:    allowStage{newRanges(allow), cfg.AllowLists, cfg.Observe != nil || len(cfg.Inspectors) > 0, j},
		challenge: challengeStage{
			gate: cfg.Challenge, off: cfg.ChallengeOff, dryRun: cfg.DryRun, passed: cfg.Passed, notExempt: cfg.NotExempt,
			onResult: cfg.Challenged, observed: cfg.Observe != nil, results: j,
		},
		ending: ending{cfg.established(), cfg.Lasts},
		banned: cfg.Banned, reduced: cfg.Reduced, errorStatus: cfg.ErrorStatus, results: j,
	}
	if len(cfg.Inspectors) > 0 {
		m.challenge.inspectedBy = cfg.Inspectors[0].Name()
	}
	m.observe = observeStage{cfg.Observe, cfg.Trust, cfg.Sessions, cfg.Describe, cfg.ErrorStatus, &m.challenge}
	m.inspect = inspectStage{cfg.Inspectors, cfg.Original, cfg.Known, cfg.LoggedIn, cfg.Found, &m.challenge, &m.observe}
	return m, nil
}

// check returns the normalized ranges of Allow.
func (cfg *Config) check() ([]netip.Prefix, error) {
	if cfg.Lookup == nil {
		return nil, errors.New("making middleware: Lookup is missing")
	}
	if cfg.LogIP > LogIPOff {
		return nil, fmt.Errorf("making middleware: LogIP: unknown value %v: want LogIPFull, LogIPMasked or LogIPOff", cfg.LogIP)
	}
	allow := make([]netip.Prefix, len(cfg.Allow))
	for i, p := range cfg.Allow {
		n, ok := cfg.NAT64.NormalizePrefix(p)
		if !ok {
			return nil, fmt.Errorf("making middleware: Allow[%d]: %v is not a range of addresses: want one such as 192.0.2.0/24", i, p)
		}
		allow[i] = n
	}
	return allow, nil
}
