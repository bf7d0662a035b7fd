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

// LiveConfig says where an API is that is asked about each client. URL is
// required, and so is Key or TLS.Cert.
//
// The key has to be another than that of a [Client]: a question may move the
// mark up to which the server takes the stream for told, and then the stream
// lacks decisions until it is next read in full.
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

	TTL  time.Duration // how long an answer counts, but never longer than its decision; default: 1m
	Size int           // answers remembered; default: 10,000, some 5 MB
	// Timeout is how long a request waits for an answer, including its turn to ask if
	// many others wait too. Default: 200ms.
	Timeout time.Duration

	MetricsInterval time.Duration      // as in Config
	Usage           func() []UsageItem // as in Config; default: nothing is reported

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
	widestLive         = 5       // of these would use up the coverage
	liveReason         = "the local API does not answer"
	crowdReason        = "too many clients of the same network at once"
)

// A Live asks a Local API about one address at a time, and remembers the
// answers, the empty ones too. It finds decisions about addresses and ranges;
// those about countries and autonomous systems are not told this way. It is
// safe for use by many goroutines, and starts none of its own. With a machine or Usage
// in its Config it needs [Live.Run] beside it.
//
// When three questions in a row have found no answer, only one in a second is
// asked until one does: a dead API must not cost every request its timeout.
//
// At most 64 questions are under way at once. A network has a share of them, and an
// answer that bans a range holds for all in it: a client that is banned cannot keep
// the API from being asked about it. See [lookup.Cache].
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
	said     lookup.Table // what the API says about those it was asked about: see enforced
	unsaid   atomic.Uint64

	mu      sync.Mutex
	status  lookup.Status
	stats   LiveStats
	failing string // kind of the failures that stand in the log; "": none

	single     int       // failures between answers that the log does not have yet
	nextSingle time.Time // when it may have them
}

// NewLive checks cfg, reads the files it names and returns a Live. It sends
// nothing.
func NewLive(cfg LiveConfig) (*Live, error) {
	cfg = cfg.withDefaults()
	a, err := cfg.access().open(cfg.check)
	if err != nil {
		return nil, err
	}
	// The wait is bounded by the context of a question; the watch over silence is
	// never the first to end it.
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
		return errors.New("the time to remember an answer, the number remembered and the timeout must not be negative")
	case !(cfg.Coverage > 0 && cfg.Coverage <= 1):
		return errCoverage
	case cfg.Failure > lookup.Ban:
		return fmt.Errorf("failure %v: no such action", cfg.Failure)
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

// Lookup returns the decision in force for ip, and whether there is one. If the
// API does not answer within the timeout, that is the one of the Config's
// Failure, or what is known about a range that ip is in if that is stronger. About those on an allowlist of the server there is none.
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

// unanswered returns the replacement for an answer: known, or what is to be done about
// err if that is stronger. The latter has no Since: a client that has solved a
// challenge need not solve one at each question without an answer.
func (l *Live) unanswered(ip netip.Addr, known lookup.Decision, err error) (lookup.Decision, bool) {
	l.unsaid.Add(1)
	action, reason := l.cfg.Failure, liveReason
	if errors.Is(err, lookup.ErrCrowded) {
		// Other clients of its network caused it, or itself: who is banned must not be
		// able to bring about that it passes.
		action, reason = max(action, lookup.Throttle), crowdReason
	}
	if known.Action >= action {
		// With None, without an answer the site comes before its protection: let the
		// client pass.
		return known, known.Action != lookup.None
	}
	ip = lookup.Normalize(ip)
	return lookup.Decision{
		Prefix: netip.PrefixFrom(ip, ip.BitLen()), Action: action, Source: l.cfg.Name,
		Reason: reason, Until: time.Now().Add(livePause), Assumed: true,
	}, true
}

// Forget drops what is remembered about the addresses in p, but for the beginning
// of decisions that the API holds to.
func (l *Live) Forget(p netip.Prefix) {
	if p, ok := lookup.NormalizePrefix(p); ok && p.IsSingleIP() {
		l.cache.Forget(p.Addr())
	} else {
		l.cache.Purge() // to find out who is in it would cost more than to ask again
	}
}

// Close closes the connections at rest. Those in use go when they are at rest.
func (l *Live) Close() { l.http.CloseIdleConnections() }

// ask asks the API about ip, unless it is being left alone.
func (l *Live) ask(ctx context.Context, ip netip.Addr) (lookup.Decision, bool, error) {
	if err := l.admit(); err != nil {
		return lookup.Decision{}, false, err
	}
	var rows Rows
	d, ok, err := l.query(ctx, ip, &rows)
	l.note(err, rows)
	return d, ok, err
}

// query gets one answer and picks the strongest of its decisions. What cannot be
// read to its end changes nothing.
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
