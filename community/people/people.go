// Package people serves the pages of a community. They need no scripts, and work with a
// keyboard, with a screen reader, on a phone and in dark mode.
//
//	/             whether an address is listed, why, and appeals
//	/case         the state of a case
//	/facts        all stored data about the visitor's address
//	/notice       who processes which data, and which rights people have
//	/terms        the terms for members
//	/records      templates of the records that the operator keeps
//	/figures      numbers of listings and results of appeals
//	/member       for members: their standing, reports, key, invitations
//	/moderator    for moderators, below [Config.Moderator]
//
// # Proof
//
// The connection proves who uses an address: the client must send a signed value from the same
// address to which it was sent shortly before. Data from before the end of the handshake
// proves nothing. Without proof a person learns only whether an address is listed and until
// when.
//
// # Hostile requests
//
// Forms are small, have a signed value for one purpose, and must come from a page of the same
// origin. Each network has a limit of requests. The public pages set no cookie. The page for
// members sets one for an hour, limited to its path.
package people

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/tocsin-project/tocsin/community"
)

// Config configures a [Handler]. Zero fields have defaults, except Centre.
type Config struct {
	Centre Centre
	// ClientIP returns the address of a client. nil: that of the connection.
	ClientIP func(*http.Request) netip.Addr
	// Moderator is the path of the pages for moderators, such as /moderator. Empty: no such
	// pages. Actor returns the name of the moderator that the operator's authentication
	// admitted; empty: not a moderator.
	Moderator string
	Actor     func(*http.Request) string
	// TermsURL is the page with the operator's own terms. Empty: the terms are on /terms.
	TermsURL string

	Log *zap.Logger      // nil: no log
	Now func() time.Time // nil: time.Now
}

// A Handler serves the pages. It is safe for concurrent use and starts no goroutines.
type Handler struct {
	cfg    Config
	centre Centre
	about  community.About
	look   *look
	mint   *mint
	views  limiter // by network: pages
	forms  limiter // by network: requests that change something
	others limiter // by network: cases about an address that the client does not use
	origin *http.CrossOriginProtection
	routes *http.ServeMux
}

// New returns a handler.
func New(cfg Config) (*Handler, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("configuring the pages of a community: %w", err)
	}
	look, err := newLook()
	if err != nil {
		return nil, fmt.Errorf("configuring the pages of a community: %w", err)
	}
	m, err := newMint(cfg.Centre.Derive, cfg.Now)
	if err != nil {
		return nil, fmt.Errorf("configuring the pages of a community: %w", err)
	}
	h := &Handler{
		cfg: cfg, centre: cfg.Centre, about: cfg.Centre.About(), look: look, mint: m,
		views: newLimiter(viewsPerSecond, viewsAtOnce, cfg.Now), forms: newLimiter(formsPerSecond, formsAtOnce, cfg.Now),
		others: newLimiter(foreignPerSecond, foreignAtOnce, cfg.Now), origin: http.NewCrossOriginProtection(),
	}
	h.routes = h.mux()
	return h, nil
}

func (cfg Config) withDefaults() (Config, error) {
	if cfg.Centre == nil {
		return cfg, errors.New("no centre: set Centre")
	}
	if cfg.ClientIP == nil {
		cfg.ClientIP = peer
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Moderator == "" {
		return cfg, nil
	}
	if cfg.Actor == nil {
		return cfg, errors.New("pages for moderators without authentication: set Actor")
	}
	return cfg, checkModerator(cfg.Moderator)
}

// taken are the first path elements that other pages use.
var taken = []string{
	"appeal", "api", "case", "erase", "facts", "figures", "health", "healthz", "lists", "member", "notice", "records", "robots.txt", "terms", "v1", "v2", "v3",
}

func checkModerator(path string) error {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	if !strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/") || strings.Contains(path, "//") || strings.Trim(path, letters+"/") != "" {
		return fmt.Errorf("path of the moderators %q: want one such as /moderator", path)
	}
	for _, t := range taken {
		if first == t {
			return fmt.Errorf("path of the moderators %q: /%s is another page", path, t)
		}
	}
	return nil
}

// peer returns the address of the connection.
func peer(r *http.Request) netip.Addr {
	p, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr()
}

// ServeHTTP answers r.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.routes.ServeHTTP(w, r) }

// mux returns the routes of all pages.
func (h *Handler) mux() *http.ServeMux {
	m := http.NewServeMux()
	for pattern, page := range map[string]page{
		"GET /{$}":        h.check,
		"POST /appeal":    h.appeal,
		"POST /erase":     h.erase,
		"GET /case":       h.showCase,
		"GET /facts":      h.facts,
		"GET /notice":     h.notice,
		"GET /terms":      h.terms,
		"GET /records":    h.records,
		"GET /figures":    h.figures,
		"GET /robots.txt": robots,
		"/":               h.notFound,
	} {
		m.Handle(pattern, h.public(page))
	}
	h.addMember(m)
	if h.cfg.Moderator != "" {
		h.addModerator(m)
	}
	return m
}

func robots(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := w.Write([]byte("User-agent: *\nDisallow: /\n"))
	return err
}

func (h *Handler) notFound(w http.ResponseWriter, r *http.Request) error {
	words := wordsOf(r)
	return h.render(w, r, http.StatusNotFound, "message", &view{words: words, Title: words.NoPage, Data: message{}})
}
