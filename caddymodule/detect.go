package caddymodule

import (
	"fmt"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/middleware"
	"go.uber.org/zap"
)

// The words in Detect.Rules.
const (
	rulesBuiltin = "builtin"
	rulesOff     = "off"
)

// policyAlert is the Policy.Action of scenarios that make no decision.
const policyAlert = "alert"

// Detect says which scenarios run on requests and responses.
type Detect struct {
	// "builtin" for the built-in scenarios, and files and folders of scenarios in
	// CrowdSec's format, such as /etc/crowdsec/scenarios; or "off". Placeholders are
	// replaced. Of scenarios with the same name the first counts. Default: builtin.
	Rules []string `json:"rules,omitempty" option:"-"`

	// Folder with the lists that scenarios use. Default: /var/lib/crowdsec/data.
	Data string `json:"data,omitempty"`

	// The actions of some scenarios, by their names. Default: the scenario's own.
	Policies map[string]Policy `json:"policies,omitempty"`

	// Your own scenarios.
	Scenarios []Scenario `json:"scenarios,omitempty"`

	// Cookies that the site sets for logged-in visitors; a star at the end stands for
	// any text. Detection skips requests with a cookie that the site has set for the
	// same client, for a day, until the site deletes the cookie. Default: none.
	Sessions []string `json:"sessions,omitempty"`
}

// Policy is the action after an alert.
type Policy struct {
	// "ban" or "captcha", or "alert" for no decision.
	Action string `json:"action,omitempty" option:"ban|captcha|alert,-"`

	// How long the decision lasts. Default: that of the scenario or of local.
	Duration caddy.Duration `json:"duration,omitempty" option:"-"`
}

// Local is the local decision about a client after an alert. It overrides the scenario's
// action, in both directions; a policy for the scenario overrides it. The decision of a
// Local API that gets the alert replaces it.
type Local struct {
	// What an alert leads to: ban or captcha. Default: the scenario's, or else ban.
	Action string `json:"action,omitempty" option:"ban|captcha,-"`

	// How long the decision lasts. Default: the scenario's, or else 4h.
	Duration caddy.Duration `json:"duration,omitempty" option:"-"`

	// How long a client is remembered after a decision: a relapse in that time gets
	// twice the last duration. Default: 24h; -1: never.
	Escalate caddy.Duration `json:"escalate,omitempty" option:"off"`

	// The longest duration that this leads to. Default: 7d.
	Longest caddy.Duration `json:"longest,omitempty"`
}

func (l Local) config() engine.Local {
	action := lookup.None
	if l.Action != "" { // valid: see State.resolve
		action, _ = lookup.ParseAction(l.Action)
	}
	return engine.Local{
		Action: action, Duration: time.Duration(l.Duration),
		Escalate: time.Duration(l.Escalate), Longest: time.Duration(l.Longest),
	}
}

// A watch holds the detection of one config.
type watch struct {
	detect   *Detect
	own      []Scenario           // with loaded matchers
	sessions *middleware.Sessions // nil: none
	logger   *zap.Logger

	keepQuery bool // for the reporters

	rules *detect.Rules // at the start of the config
	user  *ruleUser     // since the config is running
	mu    sync.Mutex    // one reader of files at a time
}

// newWatch returns the detection of d, which may be nil; nil if detection is off.
func (d *Detect) newWatch(ctx caddy.Context, l *zap.Logger) (*watch, error) {
	if d == nil {
		d = new(Detect)
	}
	if slices.Contains(d.Rules, rulesOff) {
		if len(d.Rules)+len(d.Scenarios)+len(d.Policies)+len(d.Sessions) > 1 {
			return nil, fmt.Errorf("%s cannot be combined with other options: remove one or the other", rulesOff)
		}
		return nil, nil
	}
	w := &watch{detect: d, own: slices.Clone(d.Scenarios), logger: l}
	for i := range w.own {
		name := w.own[i].Name
		if slices.ContainsFunc(w.own[:i], func(s Scenario) bool { return s.Name == name }) {
			return nil, fmt.Errorf("scenario %s: two scenarios have this name: rename one", name)
		}
		if err := w.own[i].provision(ctx); err != nil {
			return nil, fmt.Errorf("scenario %s: %w", name, err)
		}
	}
	var err error
	if len(d.Sessions) > 0 {
		if w.sessions, err = middleware.NewSessions(middleware.SessionsConfig{Names: d.Sessions}); err != nil {
			return nil, err
		}
	}
	w.rules, err = w.load()
	return w, err
}

// load reads the rules. It logs and skips rules that cannot run.
func (w *watch) load() (*detect.Rules, error) {
	d := w.detect
	rules, err := d.read(caddy.NewReplacer(), w.own)
	if err != nil {
		return nil, err
	}
	w.nameSkipped(rules)
	return d.apply(rules, w.logger)
}

// apply returns rules with the policies of d. The log names policies whose scenario is
// missing through no fault of the operator.
func (d *Detect) apply(rules *detect.Rules, log *zap.Logger) (*detect.Rules, error) {
	policies := make(map[string]detect.Policy, len(d.Policies))
	for name, p := range d.Policies {
		var err error
		if policies[name], err = p.parse(); err != nil {
			return nil, fmt.Errorf("policy %s: %w", name, err)
		}
	}
	applied, err := rules.With(withoutMissing(rules, policies, log))
	if err != nil {
		return nil, fmt.Errorf("policy: %w; %s lists all names", err, admin.CommandLine("scenarios"))
	}
	return applied, nil
}

func (w *watch) start(s *ruleSwitch) { w.user = s.use(w.rules) }

// reload reads the rules again. The old ones stay if the new ones are invalid.
func (w *watch) reload() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	fresh, err := w.load()
	if err != nil {
		w.logger.Error("the scenarios cannot be read: the old ones stay in use", zap.Error(err))
		return
	}
	w.user.replace(fresh)
}

func (d *Detect) read(repl *caddy.Replacer, own []Scenario) (*detect.Rules, error) {
	var all []*detect.Rules
	for i := range own {
		r, err := own[i].rules()
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	data, err := repl.ReplaceOrErr(d.Data, true, true)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	sources := d.Rules
	if len(sources) == 0 {
		sources = []string{rulesBuiltin}
	}
	for _, s := range sources {
		if s, err = repl.ReplaceOrErr(s, true, true); err != nil {
			return nil, err
		}
		r, err := readRules(s, data)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return detect.Merge(all...), nil
}

func readRules(source, data string) (*detect.Rules, error) {
	if source == rulesBuiltin {
		return detect.Builtin()
	}
	path, err := filepath.Abs(source)
	if err != nil {
		return nil, err
	}
	return detect.Load(detect.LoadConfig{Paths: []string{path}, Data: data})
}

func (p Policy) parse() (detect.Policy, error) {
	if err := option.Check(&p); err != nil {
		return detect.Policy{}, err
	}
	parsed := detect.Policy{Duration: time.Duration(p.Duration)}
	switch p.Action {
	case policyAlert:
		parsed.AlertOnly = true
	case lookup.Ban.String():
		parsed.Action = lookup.Ban
	case lookup.Captcha.String():
		parsed.Action = lookup.Captcha
	default:
		return parsed, fmt.Errorf("%q: want alert, captcha or ban", p.Action)
	}
	return parsed, nil
}

// describe corrects an event with what Caddy knows: the request before rewrites, and
// the matchers of scenarios that match.
func (w *watch) describe(r *http.Request, e *event.Event) {
	e.KeepQuery = w.keepQuery
	if orig, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		e.Method, e.Target = orig.Method, orig.RequestURI
	}
	var matched []string
	for i := range w.own {
		// A matcher that fails counts as not matched: at worst a request is not
		// counted.
		if ok, err := w.own[i].sets.AnyMatchWithError(r); ok && err == nil {
			matched = append(matched, w.own[i].Name)
		}
	}
	if len(matched) > 0 {
		e.Matched = "|" + strings.Join(matched, "|") + "|"
	}
}

// trusted reports whether the site itself sent a request:
// WordPress calls its own wp-cron.php.
func trusted(r *http.Request, ip netip.Addr) bool {
	return ip.IsLoopback() && strings.HasPrefix(r.UserAgent(), "WordPress/")
}
