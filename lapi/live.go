package lapi

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-project/tocsin/internal/wire"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// LiveConfig describes a [Live]. URL is required, and so is Key or TLS.Cert.
//
// The key must differ from that of a [Client]: a question may make the server believe
// that the stream's client got all decisions until now, and then the stream misses
// decisions until the next full answer.
type LiveConfig struct {
	Name     string        // source of its decisions; default: live
	URL      string        // http://127.0.0.1:8080, https://…, or unix:///run/crowdsec.sock
	Key      string        // API key, as `cscli bouncers add` prints it
	Fallback lookup.Action // action of a decision of an unknown type; default: Ban
	TLS      TLS           // for https only
	Machine  Machine       // for Unban and allowlists; default: none
	Logger   *zap.Logger   // default: none

	// LogBits returns how many bits of IPv4 and IPv6 addresses the log may show.
	// Default: all.
	LogBits func() (v4, v6 int)

	Origins                []string // as in Config
	ScenariosContaining    []string // as in Config
	ScenariosNotContaining []string // as in Config

	TTL  time.Duration // how long an answer is kept, at most as long as its decision; default: 1m
	Size int           // number of kept answers; default: 10,000, about 5 MB
	// Timeout is how long a request waits for an answer, including the wait for its
	// turn if many others wait too. Default: 200ms.
	Timeout time.Duration

	MetricsInterval time.Duration      // as in Config
	Usage           func() []UsageItem // as in Config; default: no reports

	// Coverage is the share of all addresses that the decisions received so far may
	// cover, and one decision a fifth of that. Default: 0.05; 1 sets no limit.
	Coverage float64

	// Failure is the action for a client without an answer of the API. Default: None, so
	// that an outage costs protection and not the site. If other clients of its network
	// have used up the network's share of questions, a client is at least throttled: see
	// [lookup.ErrCrowded].
	Failure lookup.Action
}

const (
	defaultLiveName    = "live"
	defaultLiveTimeout = 200 * time.Millisecond
	maxLiveBytes       = 1 << 20 // of an answer: thousands of decisions about one address
	widestLive         = 5       // ranges of this width would use up the coverage
	liveReason         = "the local API does not answer"
	crowdReason        = "too many clients of the same network at once"
)

// A Live asks a Local API about one address at a time and keeps the answers, also empty
// ones. It finds decisions about addresses and ranges. The API does not return those
// about countries and autonomous systems this way. It is safe for use by many
// goroutines and starts none itself. With a machine or Usage in its Config, [Live.Run]
// must run too.
//
// After three questions in a row without an answer it asks only one a second until an
// answer arrives, so that not every request waits for the timeout.
//
// At most 64 questions are in progress at once, and each network has a share of them.
// An answer that bans a range applies to all addresses in it. So a banned client cannot
// prevent questions about itself. See [lookup.Cache].
type Live struct {
	api

	cfg      LiveConfig
	filter   filter
	reader   reader
	cache    *lookup.Cache
	decoders sync.Pool
	machine  *machine // nil: none
	wake     chan struct{}
	born     time.Time
	allowed  lookup.Table // what allowlists have, filed as decisions
	inForce  lookup.Table // the decisions in the API's answers so far: see enforced
	unsaid   atomic.Uint64

	mu      sync.Mutex
	status  lookup.Status
	stats   LiveStats
	failing string // kind of the failures that were logged; "": none

	single     int       // single failures that were not logged yet
	nextSingle time.Time // when they may be logged
}

// NewLive checks cfg, reads the files that it names and returns a Live. It sends
// nothing.
func NewLive(cfg LiveConfig) (*Live, error) {
	cfg = cfg.withDefaults()
	a, err := cfg.access().open(cfg.check)
	if err != nil {
		return nil, err
	}
	// The context of a question limits its wait, so these longer limits never end it
	// first.
	a.bound = bounds{header: 2 * cfg.Timeout, silence: 2 * cfg.Timeout, bytes: maxLiveBytes, ratio: 1, free: maxLiveBytes}
	l := &Live{
		api: a, cfg: cfg, wake: make(chan struct{}, 1), born: time.Now(),
		filter:   newFilter(cfg.Origins, cfg.ScenariosContaining, cfg.ScenariosNotContaining),
		reader:   reader{fallback: cfg.Fallback, log: a.log, bits: cfg.LogBits},
		decoders: sync.Pool{New: func() any { return wire.NewDecoder() }},
	}
	if l.machine, err = cfg.access().openMachine(a, nil); err != nil {
		return nil, err
	}
	l.cache, err = lookup.NewCache(lookup.CacheConfig{
		Ask: l.ask, Size: cfg.Size, TTL: cfg.TTL, Timeout: cfg.Timeout, Questions: maxConns,
	})
	return l, err
}

func (cfg LiveConfig) withDefaults() LiveConfig {
	if cfg.Name == "" {
		cfg.Name = defaultLiveName
	}
	if cfg.Fallback == lookup.None {
		cfg.Fallback = lookup.Ban
	}
	if cfg.Coverage == 0 {
		cfg.Coverage = lookup.DefaultCoverage
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultLiveTimeout
	}
	if cfg.MetricsInterval == 0 {
		cfg.MetricsInterval = defaultMetrics
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	return cfg
}

func (cfg LiveConfig) check() error {
	switch {
	case cfg.TTL < 0 || cfg.Timeout < 0 || cfg.Size < 0:
		return errors.New("TTL, size or timeout is negative: want at least 0")
	case !(cfg.Coverage > 0 && cfg.Coverage <= 1):
		return errCoverage
	case cfg.Failure > lookup.Ban:
		return fmt.Errorf("failure %v: want none, ban, captcha or throttle", cfg.Failure)
	}
	if err := checkMetrics(cfg.MetricsInterval); err != nil {
		return err
	}
	if err := cfg.Machine.check(); err != nil {
		return err
	}
	return checkFilter(cfg.Origins, cfg.ScenariosContaining, cfg.ScenariosNotContaining)
}

func (cfg LiveConfig) access() access {
	return access{
		name: cfg.Name, url: cfg.URL, key: cfg.Key, machine: cfg.Machine,
		fallback: cfg.Fallback, tls: cfg.TLS, log: cfg.Logger,
	}
}

// Name returns the name of the source.
func (l *Live) Name() string { return l.cfg.Name }

// Lookup returns the decision in force for ip, and whether there is one. If the API
// does not answer within the timeout, it is that of Config's Failure, or a known
// decision about a range with ip if that is stronger. For an address on an allowlist of
// the server there is none.
func (l *Live) Lookup(ctx context.Context, ip netip.Addr) (lookup.Decision, bool) {
	d, ok, err := l.cache.Lookup(ctx, ip)
	if err != nil {
		d, ok = l.unanswered(ip, d, err)
	}
	if ok && l.Allowlisted(ip) {
		return lookup.Decision{}, false
	}
	return d, ok
}

// unanswered returns the decision without an answer: known, or that for err if it is
// stronger. The latter has no Since, so that a client need not solve a new challenge at
// each failure.
func (l *Live) unanswered(ip netip.Addr, known lookup.Decision, err error) (lookup.Decision, bool) {
	l.unsaid.Add(1)
	action, reason := l.cfg.Failure, liveReason
	if errors.Is(err, lookup.ErrCrowded) {
		// The network of the client caused this itself. So fail closed: otherwise a
		// banned client could cause it in order to pass.
		action, reason = max(action, lookup.Throttle), crowdReason
	}
	if known.Action >= action {
		// With None it fails open: an outage must not stop the site.
		return known, known.Action != lookup.None
	}
	ip = lookup.Normalize(ip)
	return lookup.Decision{
		Prefix: netip.PrefixFrom(ip, ip.BitLen()), Action: action, Source: l.cfg.Name,
		Reason: reason, Until: time.Now().Add(livePause), Assumed: true,
	}, true
}

// Forget removes the kept answers about the addresses in p. It keeps the beginning of
// decisions that the API may repeat.
func (l *Live) Forget(p netip.Prefix) {
	if p, ok := lookup.NormalizePrefix(p); ok && p.IsSingleIP() {
		l.cache.Forget(p.Addr())
	} else {
		l.cache.Purge() // searching the cache for its addresses would cost more than new questions
	}
}

// Close closes the idle connections. Those in use are closed later.
func (l *Live) Close() { l.http.CloseIdleConnections() }

// ask asks the API about ip, unless questions are paused.
func (l *Live) ask(ctx context.Context, ip netip.Addr) (lookup.Decision, bool, error) {
	if err := l.admit(); err != nil {
		return lookup.Decision{}, false, err
	}
	var rows Rows
	d, ok, err := l.query(ctx, ip, &rows)
	l.note(err, rows)
	return d, ok, err
}

// query gets one answer and returns the strongest of its decisions. An incomplete
// answer changes nothing.
func (l *Live) query(ctx context.Context, ip netip.Addr, rows *Rows) (best lookup.Decision, found bool, err error) {
	w := newWatch(ctx, l.bound.header)
	defer w.stop()
	resp, err := l.get(w.ctx, "/v1/decisions", url.Values{"ip": {ip.String()}})
	if err != nil {
		return best, false, w.explain(err)
	}
	defer resp.Body.Close()
	if err := l.judge(resp); err != nil {
		return best, false, err
	}
	b, err := newBody(resp, w, l.bound)
	if err != nil {
		return best, false, w.explain(err)
	}
	dec := l.decoders.Get().(*wire.Decoder)
	defer l.decoders.Put(dec)
	dec.Reset(b)
	var all []lookup.Decision
	var ids []int64
	for row, err := range dec.List() {
		if err != nil {
			return lookup.Decision{}, false, fmt.Errorf("reading the decisions: %w", w.explain(err))
		}
		d, ok := l.take(row, ip, b.at, rows)
		if !ok {
			continue
		}
		all, ids = append(all, d), append(ids, row.ID)
	}
	for _, d := range l.enforced(ip, all, ids, rows) {
		if !found || d.Beats(&best) {
			best, found = d, true
		}
	}
	return best, found, nil
}
