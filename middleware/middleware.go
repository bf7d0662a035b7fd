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

	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/event"
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

	// Allow lists clients that are never stopped, whatever is decided about
	// them. They are matched against what ClientIP returned. Default: none.
	Allow []netip.Prefix

	// AllowLists are more such clients, who may change meanwhile, such as a
	// lists.AllowList. They are asked as Allow is. Default: none.
	AllowLists []AllowList

	// Banned answers the requests that are stopped; [FromContext] gives it the
	// [Stop]. It should answer with its Status. Default: the built-in [Page].
	Banned http.Handler

	// Challenge lets clients through that a captcha decision is in force for and
	// that prove that somebody is there. Default: one of its own, with the embedded
	// proof of work and a secret made at random: passes end with the process, and
	// other servers do not take them. Logger is told of that at level info.
	Challenge *challenge.Gate

	// ChallengeOff has no challenge sent: a captcha decision turns the client away
	// until it ends, with status 429 and Retry-After. Passes of Challenge that were
	// earned elsewhere count all the same: see [challenge.Config].Hosts. Default:
	// false.
	ChallengeOff bool

	// Passed is told of every request that goes on, against a captcha decision,
	// because it carries a pass. Default: nobody.
	Passed func(*http.Request, *Stop)

	// Challenged is told when a client is asked to solve a challenge because of a
	// decision about it (solved is false) when it asks for page, a path; and when it has
	// solved one. It must not wait. Default: the method of that name that Observe has,
	// if it has one, as the engine of this module does; else nobody.
	Challenged func(client netip.Addr, d lookup.Decision, page string, solved bool)

	// Observe looks for abuse in the requests that go on and in their responses,
	// but not in those of clients in Allow. A captcha decision that it returns for a
	// request, with neither Prefix, Country nor AS, is about that request alone: see
	// Guard of [Stop]. Default: nobody.
	Observe Observer

	// Trust reports whether a request is not to be observed. It is asked before
	// Observe is, and must not wait. Default: none is trusted.
	Trust func(*http.Request, netip.Addr) bool

	// Sessions are those that are not observed, and learns of new ones by what the
	// site answers. Default: none; all are observed.
	Sessions *Sessions

	// Inspect judges what goes on by what it says: those of clients on the allow
	// list only if they ask for something of AppSec's own. What it bans is told to
	// Observe, as an event that evt.Meta.matched calls |appsec:ban|. Default:
	// nobody.
	Inspect Inspector

	// Original completes what Inspect is told of a request by what it was before
	// somebody changed it. Default: it is as it came.
	Original func(*http.Request, *appsec.Inspection)

	// Reduced completes a request that goes on against a captcha decision because of
	// what it asks for (see [challenge.Gate.Exempt]), and that has lost its query and
	// more: whatever else the next handler may know the request by has to lose them,
	// too. Default: there is nothing else.
	Reduced func(http.ResponseWriter, *http.Request) *http.Request

	// NotExempt reports whether no request is exempt from challenges, since somebody may
	// put another answer in the place of the one that is looked at. Default: some are.
	NotExempt func() bool

	// Describe corrects and completes what Observe is told of a request, before
	// it is asked. Default: it is told what the request says.
	Describe func(*http.Request, *event.Event)

	// ErrorStatus returns the status of the answer that an error of the next
	// handler leads to (see [Middleware.Serve]). Default: 500 for each.
	ErrorStatus func(error) int

	// DryRun lets every request pass, and only logs and counts which ones
	// would have been stopped.
	DryRun bool

	// KeepEstablished leaves requests alone whose clients are banned while they are
	// served. Default: false, they are ended.
	KeepEstablished bool

	// Lasts reports whether a request is left alone for itself, such as one of a proxy
	// that many clients are behind. Default: none is.
	Lasts func(r *http.Request, client netip.Addr) bool

	// Established knows the requests that are being served. Several middlewares may
	// share one, and it may outlive them. Default: one of its own.
	Established *Established

	// Recheck finds the decision for the client of a request that is being served, as
	// Lookup does for one that comes. It is called every second or two for each that
	// lasts, one after the other, and may wait as long as ctx lets it. Default: Lookup.
	Recheck func(ctx context.Context, ip netip.Addr) (lookup.Decision, bool)

	// Counters are added to. Several middlewares may share one, and it may
	// outlive them. Default: one of its own.
	Counters *Counters

	// Server names this middleware in the log, if there are several. Default:
	// none.
	Server string

	// Logger gets a line for every request that is stopped: at level info for
	// the first five of a client in a minute, at level debug for the others.
	// What was left out at level info, because of that or because more than
	// 1024 clients came in that minute, is summed up in one line, which comes
	// with the first request that is stopped after it. A network of IPv6, a
	// /64, counts as one client. Default: none.
	Logger *zap.Logger

	// LogIP says how much of the clients' addresses Logger is told. Default:
	// all.
	LogIP LogIP
}

// A Middleware checks requests. It is safe for use by many goroutines and has
// nothing to close.
type Middleware struct {
	lookup   func(ctx context.Context, ip netip.Addr) (lookup.Decision, bool)
	clientIP IPFunc
	nat64    *lookup.NAT64 // nil: the well-known prefix only
	allow    allowance
	banned   http.Handler
	gate     *challenge.Gate // nil: none
	quiet    bool            // the gate sends no challenge
	passed   func(*http.Request, *Stop)

	challenged func(client netip.Addr, d lookup.Decision, page string, solved bool) // nil: nobody

	observer Observer // nil: none
	trusted  func(*http.Request, netip.Addr) bool
	sessions *Sessions                         // nil: none
	describe func(*http.Request, *event.Event) // nil: nobody

	inspector Inspector                               // nil: none
	original  func(*http.Request, *appsec.Inspection) // nil: nobody

	established *Established // nil: nothing is ended
	lasts       func(*http.Request, netip.Addr) bool
	recheck     func(ctx context.Context, ip netip.Addr) (lookup.Decision, bool)

	reduced   func(http.ResponseWriter, *http.Request) *http.Request
	notExempt func() bool
	statusOf  func(error) int
	dryRun    bool
	counters  *Counters
	log       *zap.Logger
	logIP     LogIP
	quota     quota   // of lines about stopped requests
	unknown   sampler // of warnings about clients without an address
}

// New checks cfg and returns a middleware. It fails if Lookup is missing, an
// entry of Allow is no range of addresses, or LogIP is none of the constants.
func New(cfg Config) (*Middleware, error) {
	if cfg.Lookup == nil {
		return nil, errors.New("making middleware: Lookup is required")
	}
	if cfg.LogIP > LogIPOff {
		return nil, fmt.Errorf("making middleware: LogIP: no such value: %v", cfg.LogIP)
	}
	allow := make([]netip.Prefix, len(cfg.Allow))
	for i, p := range cfg.Allow {
		n, ok := cfg.NAT64.NormalizePrefix(p)
		if !ok {
			return nil, fmt.Errorf("making middleware: Allow[%d]: %v is no range of addresses", i, p)
		}
		allow[i] = n
	}
	m := &Middleware{
		lookup:    cfg.Lookup,
		clientIP:  cfg.ClientIP,
		nat64:     cfg.NAT64,
		allow:     allowance{newRanges(allow), cfg.AllowLists},
		banned:    cfg.Banned,
		gate:      cfg.Challenge,
		quiet:     cfg.ChallengeOff,
		passed:    cfg.Passed,
		observer:  cfg.Observe,
		trusted:   cfg.Trust,
		sessions:  cfg.Sessions,
		reduced:   cfg.Reduced,
		notExempt: cfg.NotExempt,
		statusOf:  cfg.ErrorStatus,
		describe:  cfg.Describe,
		dryRun:    cfg.DryRun,
		counters:  cfg.Counters,
		log:       cfg.Logger,
		logIP:     cfg.LogIP,
		unknown:   newSampler(),

		challenged: cfg.Challenged,

		inspector: cfg.Inspect,
		original:  cfg.Original,

		established: cfg.established(),
		recheck:     cfg.Recheck,
		lasts:       cfg.Lasts,
	}
	if err := m.setDefaults(); err != nil {
		return nil, fmt.Errorf("making middleware: %w", err)
	}
	if cfg.Server != "" {
		m.log = m.log.With(zap.String("server", cfg.Server))
	}
	if m.gate == nil && !cfg.ChallengeOff {
		gate, err := newOwnGate(m.log)
		if err != nil {
			return nil, fmt.Errorf("making middleware: %w", err)
		}
		m.gate = gate
	}
	return m, nil
}
