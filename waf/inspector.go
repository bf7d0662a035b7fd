package waf

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// Name is the origin of the WAF's decisions, in logs and in metrics.
const Name = "waf"

// Config describes an [Inspector]. Only Rules is required.
type Config struct {
	Rules *Rules

	// Observe logs requests that match rules, but lets them pass.
	Observe bool

	// Except lists the rules that are ignored, for all requests or for some.
	Except []Exception

	// BodyLimit is how many bytes of a body are inspected, at most 64 MiB. A higher limit
	// lets a request use more processor time. Default: 128 KiB.
	BodyLimit int

	// BodyTimeout is how long a client may take to send a body, or its first BodyLimit
	// bytes. Default: 10s.
	BodyTimeout time.Duration

	// BodyMemory limits the memory for the bodies of all requests in progress. Package
	// appsec has the same option. Default: 256 MiB.
	BodyMemory int64

	// BodyOver is the action for a request that the WAF cannot inspect completely. This is
	// so if its body is longer than BodyLimit, takes longer than BodyTimeout, gets no
	// memory, or is a stream, and if the request has more parts than the WAF inspects (see
	// [Inspection.Over]). None and Captcha inspect the available part first. If no rule
	// stops the request then, None lets it pass, and Captcha asks the client to solve a
	// challenge. Ban refuses the request. Default: None.
	BodyOver lookup.Action

	// LogPayload adds the text that a rule matched to the log. The client wrote this text,
	// and it may contain a password. Default: false.
	LogPayload bool

	Logger *zap.Logger // default: none
}

// An Exception disables a rule, for all requests or for some.
type Exception struct {
	Rule string // the rule's name, or a pattern with * and ?

	// Matcher selects the requests for which the rule is disabled. Default: all.
	Matcher func(*http.Request) bool
}

func (e *Exception) covers(rule string, r *http.Request) bool {
	return globMatch(e.Rule, rule) && (e.Matcher == nil || e.Matcher(r))
}

// Covers reports whether the pattern of an [Exception] matches the name of a rule.
func Covers(pattern, rule string) bool { return globMatch(pattern, rule) }

// The defaults and limits of Config's fields.
const (
	defaultBodyLimit   = 128 << 10
	maxBodyLimit       = 64 << 20
	defaultBodyTimeout = 10 * time.Second
	defaultBodyMemory  = 256 << 20
)

// An Inspector checks requests against rules. It implements middleware.Inspector. Several
// goroutines may use it at once, and it needs no Close.
//
// # Failure
//
// The rules run inside this process, so no other server can delay them. If a bug in this
// package makes them panic, the request passes: keeping the site available matters more. The
// panic is counted and logged.
type Inspector struct {
	cfg    Config
	rules  *Rules
	bodies *inspect.Bodies
	counts counts
}

// New checks cfg and returns an inspector.
func New(cfg Config) (*Inspector, error) {
	setDefault(&cfg.BodyLimit, defaultBodyLimit)
	setDefault(&cfg.BodyTimeout, defaultBodyTimeout)
	setDefault(&cfg.BodyMemory, max(defaultBodyMemory, int64(cfg.BodyLimit)))
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("making a WAF: %w", err)
	}
	return &Inspector{
		cfg: cfg, rules: cfg.Rules, bodies: inspect.NewBodies(cfg.BodyLimit, cfg.BodyMemory),
		counts: newCounts(cfg.Rules),
	}, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (cfg *Config) check() error {
	switch {
	case cfg.Rules == nil:
		return errors.New("Rules is required: Load reads them")
	case cfg.BodyLimit < 0 || cfg.BodyLimit > maxBodyLimit:
		return fmt.Errorf("body limit %d: want 1 to %d bytes", cfg.BodyLimit, maxBodyLimit)
	case cfg.BodyTimeout < 0:
		return errors.New("the body timeout must not be negative")
	case cfg.BodyMemory < int64(cfg.BodyLimit):
		return fmt.Errorf("body memory %d: want at least the body limit, %d bytes", cfg.BodyMemory, cfg.BodyLimit)
	case cfg.BodyOver > lookup.Ban || cfg.BodyOver == lookup.Throttle:
		return fmt.Errorf("body over %v: want none, captcha or ban", cfg.BodyOver)
	}
	return nil
}

// Name implements middleware.Inspector.
func (i *Inspector) Name() string { return Name }

// Rules returns the rules that the inspector uses.
func (i *Inspector) Rules() *Rules { return i.rules }

// Inspect checks r against the rules. Call it once for each request. If r has a body and a
// rule needs it, Inspect reads the beginning of the body, and replaces r.Body with a reader
// that returns the same bytes first. After r has been served, the caller must call the
// verdict's Release, whatever the verdict is.
//
// The error is not nil if the body ends too early or is malformed. It wraps
// [inspect.ErrBody].
func (i *Inspector) Inspect(r *http.Request, d inspect.Details) (v inspect.Verdict, err error) {
	d = d.WithDefaults(r)
	var body *inspect.Body
	defer func() {
		if p := recover(); p != nil {
			v, err = inspect.Verdict{Body: body}, nil
			i.failed(p)
		}
	}()
	i.counts.inspected.Add(1)
	req := RequestOf(r)
	req.Method, req.Target, req.Host = d.Method, d.Target, d.Host
	in := i.rules.Head(&req)
	defer in.Close()
	body, cut, err := i.readBody(r, in, &d)
	if err != nil {
		i.counts.broken.Add(1)
		return inspect.Verdict{}, err
	}
	cut.why, cut.head = in.cutOr(cut.why), in.slowHead
	v = i.verdict(in, r, &d)
	if v.Action == lookup.None {
		i.cutOff(&v, cut, &d)
	}
	v.Body = body
	return v, nil
}

// failed logs a panic of the rules. A request that causes one panic can cause many, so only
// the counts 1, 2, 4, 8 and so on are logged.
func (i *Inspector) failed(p any) {
	if n := i.counts.failed.Add(1); n&(n-1) == 0 {
		i.cfg.Logger.Error("the WAF panicked, request let through", zap.Any("panic", p), zap.Uint64("times", n), zap.Stack("stack"))
	}
}
