// Package middleware puts decisions in front of any [http.Handler]: may this
// client come in?
//
//	m, err := middleware.New(middleware.Config{Lookup: e.Lookup})
//	...
//	http.ListenAndServe(":8080", m.Handler(mux))
//
// All it needs is a function that finds the decision for an address; the engine
// of this module has one, and a bare [lookup.Table] will do.
// [Middleware.Check] decides and writes nothing, [Middleware.Handler] acts. The
// ResponseWriter is never wrapped: the next handler gets the server's own.
//
// # The client's address
//
// By default it is that of the connection. Behind a proxy choose [Header] or
// [ForwardedFor]; there is no safe guess. Only the answer of that one function
// is ever judged, for the allow list as for the decisions.
//
// # What happens on failure
//
// A request whose client address cannot be told passes, and is counted and
// warned of: there is nothing to judge it by. A captcha decision stops like a
// ban, because there is no challenge to send, and so does an action that is not
// known: the strict side. What a slow or failing lookup means is the business
// of the function that looks up.
package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"

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

	// Allow lists clients that are never stopped, whatever is decided about
	// them. They are matched against what ClientIP returned. Default: none.
	Allow []netip.Prefix

	// Banned answers the requests that are stopped; [FromContext] gives it the
	// [Stop]. It should answer with its Status. Default: the built-in [Page].
	Banned http.Handler

	// DryRun lets every request pass, and only logs and counts which ones
	// would have been stopped.
	DryRun bool

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
	allow    ranges
	banned   http.Handler
	dryRun   bool
	counters *Counters
	log      *zap.Logger
	logIP    LogIP
	quota    quota   // of lines about stopped requests
	unknown  sampler // of warnings about clients without an address
}

// New checks cfg and returns a middleware. It fails if Lookup is missing, an
// entry of Allow is no range of addresses or LogIP is none of the constants.
func New(cfg Config) (*Middleware, error) {
	if cfg.Lookup == nil {
		return nil, errors.New("making middleware: Lookup is required")
	}
	if cfg.LogIP > LogIPOff {
		return nil, fmt.Errorf("making middleware: LogIP: no such value: %v", cfg.LogIP)
	}
	allow := make([]netip.Prefix, len(cfg.Allow))
	for i, p := range cfg.Allow {
		n, ok := lookup.NormalizePrefix(p)
		if !ok {
			return nil, fmt.Errorf("making middleware: Allow[%d]: %v is no range of addresses", i, p)
		}
		allow[i] = n
	}
	m := &Middleware{
		lookup:   cfg.Lookup,
		clientIP: cfg.ClientIP,
		allow:    newRanges(allow),
		banned:   cfg.Banned,
		dryRun:   cfg.DryRun,
		counters: cfg.Counters,
		log:      cfg.Logger,
		logIP:    cfg.LogIP,
		unknown:  newSampler(),
	}
	if m.clientIP == nil {
		m.clientIP = RemoteAddr
	}
	if m.banned == nil {
		page, err := NewPage(PageConfig{Logger: cfg.Logger})
		if err != nil {
			return nil, fmt.Errorf("making middleware: %w", err)
		}
		m.banned = page
	}
	if m.counters == nil {
		m.counters = new(Counters)
	}
	if m.log == nil {
		m.log = zap.NewNop()
	}
	if cfg.Server != "" {
		m.log = m.log.With(zap.String("server", cfg.Server))
	}
	return m, nil
}

// Counters returns what m counts with.
func (m *Middleware) Counters() *Counters { return m.counters }

// Check says whether r is to be stopped, and why; nil means: let it pass. It
// writes nothing to the client. It counts r and, if r is to be stopped, logs
// it, so it is to be called once for a request. In a dry run it always returns
// nil. It does not allocate for a client that is known and may pass.
func (m *Middleware) Check(r *http.Request) *Stop {
	n, ip := m.counters.next(), m.clientIP(r)
	if !ip.IsValid() {
		// Nothing to judge by: a mistake in the setup must not close the site,
		// and must not stay unseen.
		n.unknown.Add(1)
		m.warnUnknown(r)
		return nil
	}
	// The IPFunc may be the caller's own. One client must not have two names.
	ip = lookup.Normalize(ip)
	n.processed[family(ip)].Add(1)
	d, ok := m.lookup(r.Context(), ip)
	if !ok || d.Action == lookup.None {
		return nil
	}
	// Asked last, so that the many clients without a decision pay nothing.
	if m.allow.contain(ip) {
		n.allowed.Add(1)
		return nil
	}
	s := newStop(d, ip)
	m.counters.stop(s, m.dryRun)
	m.logStop(r, s)
	if m.dryRun {
		return nil
	}
	return s
}

// Handler returns a handler that answers for next where Check says stop.
func (m *Middleware) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s := m.Check(r); s != nil {
			m.banned.ServeHTTP(w, r.WithContext(NewContext(r.Context(), s)))
			return
		}
		next.ServeHTTP(w, r)
	})
}
