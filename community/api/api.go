// Package api serves the machines of a community. One [Handler] has the protocols
//
//	/api/v1/…      tocsin's own protocol: see package protocol
//	/v1/…          CrowdSec's Local API, for bouncers, agents and machines
//	/v2/…, /v3/…   CrowdSec's Central API, for whole CrowdSec engines
//	/lists/…       lists as text, for routers and firewalls
//	/healthz       whether the centre works
//
// # Access
//
// A reader account may read the list in each protocol. A member may also send signals, answer
// questions and ask for its standing. If the community is public, anybody may read the text
// lists and tocsin's list; otherwise strangers may read nothing.
//
// A caller authenticates with its API key, as X-Api-Key, as Bearer token or as the password of
// HTTP's basic authentication; with a token that it got for its login and password; or, for
// one list, with a signed link.
//
// # Dropped data
//
// The handler first reduces a signal to the fields of [community.Signal]. It skips requests,
// messages, hosts, user agents and free text of CrowdSec's alerts, and neither stores nor logs
// them.
//
// # Bounds
//
// Each caller has a limit of requests a second and of concurrent requests. Bodies have a time
// limit and a size limit, which also applies after decompression. The whole list is encoded
// once for all readers.
package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/lookup"
)

// A Centre has the methods of [community.Centre] that the protocols need.
type Centre interface {
	About() community.About
	Derive(label string) []byte
	Health(ctx context.Context) community.Health

	Key(ctx context.Context, key string, from netip.Addr) (community.Caller, error)
	Login(ctx context.Context, login, password string, from netip.Addr) (community.Caller, error)
	Caller(ctx context.Context, login string) (community.Caller, error)
	Join(ctx context.Context, code, name, terms string, from netip.Addr) (login, key string, err error)
	Enlist(ctx context.Context, code, login, password, terms string, from netip.Addr) error

	Accept(ctx context.Context, by community.Caller, signals []community.Signal) (community.Accepted, error)
	Questions(ctx context.Context, by community.Caller) (community.Questions, error)
	Answer(ctx context.Context, by community.Caller, id string, answers []community.Answer) error
	StandingOf(ctx context.Context, by community.Caller) (community.Standing, error)

	List() *community.List
	Changes(ctx context.Context, after uint64, limit int) ([]community.Change, error)
	Read(ctx context.Context, reader string, upto uint64) error
	CursorOf(ctx context.Context, reader string) (uint64, bool, error)
}

// Config configures a [Handler]. Zero fields have defaults, except Centre.
type Config struct {
	Centre Centre
	// ClientIP returns the address of a client. nil: that of the connection.
	ClientIP func(*http.Request) netip.Addr
	// Admits reports whether a program at an address may join, report and read the list. nil:
	// everywhere.
	Admits func(netip.Addr) bool
	// TermsURL is the page with the terms, and ExplainURL the page that explains a listing,
	// with {address} in it. Empty: pages of the community's site.
	TermsURL, ExplainURL string

	PerSecond float64       // requests of a caller in a second; zero: 10
	Burst     int           // zero: 50; for whole lists a fifth of Burst and a tenth of PerSecond
	AtOnce    int           // requests of a caller at the same time; zero: 8
	Patience  time.Duration // for the body of a request; zero: 10 seconds
	Delivery  time.Duration // for a whole list to arrive; zero: 2 minutes

	Log *zap.Logger      // nil: no log
	Now func() time.Time // nil: time.Now
}

// A Handler answers machines. It is safe for concurrent use and starts no goroutines.
type Handler struct {
	cfg    Config
	centre Centre
	about  community.About
	mint   *mint
	shares *shares // of all requests
	logins *shares
	whole  *shares // of those for a whole list
	turns  chan struct{}
	others chan struct{} // turns of callers without an account
	forms  *encodings    // of the whole list
	rare   *encodings    // of lists with one behaviour
	gone   departures
	pulse  pulse
	ids    atomic.Uint64 // of alerts
	origin *http.CrossOriginProtection
	routes *http.ServeMux
}

// maxWhole is the limit of whole lists that are sent at the same time. A list stays in memory
// until its reader has it. Strangers take half of these turns at most, so that slow ones do not
// keep the list from members.
const maxWhole = 64

// An account may log in this often from one address, as with CrowdSec's Central API.
const (
	maxLogins = 20
	loginTime = 50 * time.Minute
)

// New returns a handler.
func New(cfg Config) (*Handler, error) {
	if cfg.Centre == nil {
		return nil, errors.New("configuring the protocols of a community: no centre: set Centre")
	}
	about := cfg.Centre.About()
	cfg = cfg.withDefaults(about.Site)
	m, err := newMint(cfg.Centre.Derive)
	if err != nil {
		return nil, err
	}
	h := &Handler{
		cfg: cfg, centre: cfg.Centre, about: about, mint: m,
		shares: newShares(cfg.PerSecond, cfg.Burst, cfg.AtOnce),
		logins: newShares(maxLogins/loginTime.Seconds(), maxLogins, cfg.AtOnce),
		whole:  newShares(cfg.PerSecond/10, max(1, cfg.Burst/5), 2),
		turns:  make(chan struct{}, maxWhole),
		others: make(chan struct{}, maxWhole/2),
		forms:  newEncodings(maxForms),
		rare:   newEncodings(maxRare),
		origin: http.NewCrossOriginProtection(),
	}
	h.routes = h.mux()
	return h, nil
}

func (cfg Config) withDefaults(site string) Config {
	if cfg.ClientIP == nil {
		cfg.ClientIP = peer
	}
	cfg.TermsURL = cmp.Or(cfg.TermsURL, site+"/terms")
	cfg.ExplainURL = cmp.Or(cfg.ExplainURL, site+"/?address={address}")
	cfg.PerSecond, cfg.Burst, cfg.AtOnce = cmp.Or(cfg.PerSecond, 10), cmp.Or(cfg.Burst, 50), cmp.Or(cfg.AtOnce, 8)
	cfg.Patience, cfg.Delivery = cmp.Or(cfg.Patience, 10*time.Second), cmp.Or(cfg.Delivery, 2*time.Minute)
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return cfg
}

func peer(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr()
}

func (h *Handler) from(r *http.Request) netip.Addr { return lookup.Normalize(h.cfg.ClientIP(r)) }

// ServeHTTP answers a machine.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Robots-Tag", "noindex, nofollow")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	h.hurry(w, r)
	// A browser that showed a list after a question for the key sends the key with the forms of
	// any page.
	if h.origin.Check(r) != nil {
		refuse(w, http.StatusForbidden, "this request comes from a page of another site")
		return
	}
	if h.cfg.Admits != nil && !isForAll(r.URL.Path) && !h.cfg.Admits(h.from(r)) {
		refuse(w, http.StatusForbidden, "this community has members in some countries only, and the address of this program is elsewhere or unknown")
		return
	}
	h.routes.ServeHTTP(w, r)
}

// isForAll reports whether a path tells nothing about the list.
func isForAll(path string) bool {
	return path == "/healthz" || path == "/health" || path == "/robots.txt"
}

// Serves reports whether the path belongs to a protocol of this package, so that other pages
// of the same site can have all other paths.
func Serves(path string) bool {
	for _, mine := range []string{"/api/v1/", "/v1/", "/v2/", "/v3/", "/lists/"} {
		if len(path) >= len(mine) && path[:len(mine)] == mine {
			return true
		}
	}
	return isForAll(path)
}
