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

// Name is the origin of what the WAF decides about requests, and what logs call it.
const Name = "waf"

// Config describes an [Inspector]. Only Rules is required.
type Config struct {
	Rules *Rules

	// Observe lets requests pass that rules match, and only tells of them.
	Observe bool

	// Except lists what does not count.
	Except []Exception

	// BodyLimit is how many bytes of a body are inspected, at most 64 MiB. What a request
	// can cost grows with it. Default: 128 KiB.
	BodyLimit int

	// BodyTimeout is how long a body, or its first BodyLimit bytes, may take to
	// arrive. Default: 10s.
	BodyTimeout time.Duration

	// BodyMemory limits the memory for the bodies of all requests in progress, as that of
	// package appsec does. Default: 256 MiB.
	BodyMemory int64

	// BodyOver is the action for a request that cannot be inspected as a whole: its body
	// is longer than BodyLimit, takes longer than BodyTimeout, finds no room, or is a
	// stream; or it has more in it than is looked at, see [Inspection.Over]. None inspects
	// what there is, and lets the rest pass. Captcha inspects that, too, and wants a
	// challenge solved for the rest. Ban refuses the request. Default: None.
	BodyOver lookup.Action

	// LogPayload has findings say what was found, for the log. That is what a client has
	// written, and may be a password. Default: false.
	LogPayload bool

	Logger *zap.Logger // default: none
}

// An Exception says that a rule does not count.
type Exception struct {
	Rule string // its name, or a pattern with * and ?

	// Matcher says for which requests. Default: all.
	Matcher func(*http.Request) bool
}

func (e *Exception) covers(rule string, r *http.Request) bool {
	return globMatch(e.Rule, rule) && (e.Matcher == nil || e.Matcher(r))
}

// Covers reports whether a pattern of an [Exception] is about a rule.
func Covers(pattern, rule string) bool { return globMatch(pattern, rule) }

// The defaults and bounds that Config's fields name.
const (
	defaultBodyLimit   = 128 << 10
	maxBodyLimit       = 64 << 20
	defaultBodyTimeout = 10 * time.Second
	defaultBodyMemory  = 256 << 20
)

// An Inspector holds requests against rules. It is a middleware.Inspector, for many
// goroutines at once, and has nothing to close.
//
// # Failure
//
// Rules cannot be late, and ask nobody. A request at which they fail all the same, by a
// fault of this package, passes: the site comes before its protection. It is counted, and
// the log says so.
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

// Rules returns what runs.
func (i *Inspector) Rules() *Rules { return i.rules }

// Inspect holds r against the rules, once for each request. If r has a body and a rule
// asks for it, Inspect reads the beginning of it, and puts one in its place that begins
// with the same bytes. When r has been served, the caller has to call the verdict's
// Release, whatever it says.
//
// The error is not nil if the body breaks off or is malformed, and then wraps
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
	cut.why = in.cutOr(cut.why)
	v = i.verdict(in, r, &d)
	if v.Action == lookup.None {
		i.cutOff(&v, cut, &d)
	}
	v.Body = body
	return v, nil
}

// failed says that the rules have failed at a request. One that does it once does it
// again: few lines say it all.
func (i *Inspector) failed(p any) {
	if n := i.counts.failed.Add(1); n&(n-1) == 0 {
		i.cfg.Logger.Error("the WAF panicked, request let through", zap.Any("panic", p), zap.Uint64("times", n), zap.Stack("stack"))
	}
}
