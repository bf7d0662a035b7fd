package lists

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/internal/upstream"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// URLConfig says which list to fetch, and how. Only URL is needed.
type URLConfig struct {
	// URL of the list, http or https, without user and password. A query may
	// hold a secret and is never shown.
	URL string
	// Name is the source of the decisions in the table, so it must be unique among
	// the sources of an engine. Default: "list:", the host and the last element of
	// the path, such as list:lists.example.org/drop.txt.
	Name string
	// Action against the addresses listed. Default: lookup.Ban.
	Action lookup.Action
	// Duration is how long an entry holds after the last answer of the server that
	// had it. At least a minute and two intervals. Default: no end.
	Duration time.Duration
	// Private allows private, loopback, link-local, multicast and reserved
	// ranges. Without it, lines that overlap one are skipped as bad.
	Private bool
	// User and Password are for HTTP Basic authentication, and Key is sent as
	// X-Api-Key; CrowdSec's integrations accept either. They go only to the host of
	// URL. Default: none.
	User, Password string
	Key            string
	// Interval is the pause between two fetches, at least a minute; up to a
	// tenth is added, so that many servers do not ask at once. Follow the rules of
	// the publisher: Spamhaus, for example, allows one fetch an hour. Default: 1h.
	Interval time.Duration
	// PageSize fetches the list in pages of that many lines, with the query
	// parameters page and page_size, up to the first empty page. CrowdSec's raw
	// integrations support them, and without them send only the first page if they
	// have their own page size. Pages cannot be requested conditionally, so all are
	// sent each time. Default: 0, the whole list at once.
	PageSize int
	// Coverage is the share of all addresses that the list may cover, counted apart for
	// IPv4 and IPv6. The widest ranges beyond that are not enforced, nor those that add
	// more than a fifth of this share at once: see [lookup.Batch.Bound]. Default: 0.05;
	// 1 sets no limit.
	Coverage float64
	// MaxBytes and MaxLines limit the decompressed list. A larger list is refused as
	// a whole. Defaults: 64 MiB and 2,000,000 lines.
	MaxBytes int64
	MaxLines int
	// Settle is how long a server must send a list that has lost more than half of
	// its entries before it is accepted, in at least three answers without a whole
	// list in between. Lists of up to sixteen entries are accepted at once, unless no
	// entry is left. So a list that is emptied on purpose takes effect two intervals
	// later. Default: 1h.
	Settle time.Duration
	// Logger gets a line for each change of the list or of its state.
	// Default: none.
	Logger *zap.Logger

	allow bool // it is an allow list
}

const (
	defaultInterval  = time.Hour
	minInterval      = time.Minute
	defaultURLSettle = time.Hour
)

// A URL is a blocklist behind a URL. It fits engine.Source and is safe for use
// by many goroutines, but for Run, which is for one at a time.
//
// It keeps no file: the snapshot of the engine has its entries and brings them
// over a restart, for the price of one answer that is sent though nothing has
// changed.
type URL struct {
	*list

	at        *url.URL
	user      *url.Userinfo // nil: none
	key       string
	secrets   *strings.Replacer // hides them
	interval  time.Duration
	settle    time.Duration
	pageSize  int
	transport http.RoundTripper
}

// NewURL returns a URL at rest. It opens no connection.
func NewURL(cfg URLConfig) (*URL, error) {
	at, err := parseURL(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("blocklist: %w", err)
	}
	setDefault(&cfg.Name, defaultName(at))
	setDefault(&cfg.Interval, defaultInterval)
	setDefault(&cfg.Settle, defaultURLSettle)
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("blocklist %s: %w", shown(at), err)
	}
	l, err := newList(options{
		name: cfg.Name, action: cfg.Action, duration: cfg.Duration, private: cfg.Private, coverage: cfg.Coverage,
		maxBytes: cfg.MaxBytes, maxLines: cfg.MaxLines, logger: cfg.Logger, allow: cfg.allow,
	})
	if err != nil {
		return nil, fmt.Errorf("blocklist %s: %w", shown(at), err)
	}
	switch text, serious := upstream.Exposed(cfg.URL, "the key or password of a blocklist"); {
	case cfg.Key == "" && cfg.Password == "":
	case serious:
		l.log.Warn(text)
	case text != "":
		l.log.Info(text)
	}
	u := &URL{
		list: l, at: at, key: cfg.Key, secrets: hider(cfg, at),
		interval: cfg.Interval, settle: cfg.Settle, pageSize: cfg.PageSize,
		transport: newTransport(dial),
	}
	if cfg.User != "" {
		u.user = url.UserPassword(cfg.User, cfg.Password)
	}
	return u, nil
}

func (cfg URLConfig) check() error {
	switch {
	case cfg.Interval < minInterval:
		return fmt.Errorf("interval %v: want at least %v", cfg.Interval, minInterval)
	case cfg.Duration > 0 && cfg.Duration/2 < cfg.Interval:
		return fmt.Errorf("duration %v: want at least %v, two intervals, or entries end between two fetches",
			cfg.Duration, 2*cfg.Interval)
	case cfg.Settle < 0 || cfg.PageSize < 0:
		return errors.New("a negative Settle or PageSize")
	case cfg.User == "" && cfg.Password != "":
		return errors.New("a password without a user")
	case cfg.User != "" && cfg.Key != "":
		return errors.New("user and password, or a key: not both")
	case strings.Contains(cfg.User, ":"):
		return errors.New("the user has a colon in it, which HTTP Basic cannot tell from the password's")
	case strings.ContainsFunc(cfg.Key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("the key has a character in it that none has: a space, a line end, a placeholder left over?")
	case strings.ContainsFunc(cfg.User+cfg.Password, func(r rune) bool { return r < ' ' }):
		return errors.New("user or password has a control character in it: a line end?")
	}
	return nil
}

// Identity says what is read: the URL, with its query, which may hold a secret.
func (u *URL) Identity() string { return u.at.String() }

// Run fetches the list at once and keeps t in sync with it until ctx ends, and
// returns ctx's error.
func (u *URL) Run(ctx context.Context, t *lookup.Table) error {
	if tr, ok := u.transport.(*http.Transport); ok {
		defer tr.CloseIdleConnections()
	}
	f := newFetcher(u, t)
	select {
	case <-u.wake: // the first fetch is now anyway
	default:
	}
	for ctx.Err() == nil {
		began := time.Now()
		pause := f.poll(ctx)
		f.rest(ctx, pause, began.Add(max(minInterval, f.quiet)))
	}
	return ctx.Err()
}
