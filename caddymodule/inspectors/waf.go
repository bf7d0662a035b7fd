package inspectors

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/waf"
	"github.com/tocsin-project/tocsin/waf/builtin"
)

// builtinRules is the word that stands among the paths for the rules that come with tocsin.
const builtinRules = "builtin"

// WAF runs CrowdSec's AppSec rules, and rules that come with tocsin, in this process.
// Placeholders are replaced in all of its strings when the config is loaded.
type WAF struct {
	// The rules to run: "builtin" for the rules that come with tocsin, and paths of
	// appsec-configs, of rule files, of folders and globs of them. The rules of a rule file
	// can stop requests. Only an appsec-config can list rules that stop nothing. Required.
	Rules []string `json:"rules,omitempty" option:"-"`

	// Rules that are disabled, for all requests or for some. Default: none.
	Except []Exception `json:"except,omitempty"`

	// Whether requests that match rules pass and are only logged and reported. Sites can
	// override it. Default: false.
	Observe bool `json:"observe,omitempty"`

	// How many bytes of a body are inspected, up to 64 MiB. A higher limit lets a request
	// use more processor time. Default: 128 KiB.
	BodyLimit int `json:"body_limit,omitempty" option:"size"`

	// How long a client may take to send that part of a body. Default: 10s.
	BodyTimeout caddy.Duration `json:"body_timeout,omitempty"`

	// Memory for the bodies of all requests in progress, in bytes. One network, a /24 or
	// a /40 of IPv6, may use an eighth of it. Default: 256 MiB.
	BodyMemory int `json:"body_memory,omitempty" option:"size"`

	// What happens to a request that cannot be inspected completely: "pass", "captcha" or
	// "ban". Default: pass, and only a part of it is inspected.
	BodyOver string `json:"body_over,omitempty" option:"pass|captcha|ban"`

	// Whether the log contains the text that rules matched, and not only its position. The
	// text may be a password. Default: false.
	LogPayload bool `json:"log_payload,omitempty"`

	// A fingerprint of the rule files. It is set when the config is loaded.
	Print string `json:"print,omitempty" option:"-"`

	rules *waf.Rules
}

// Exception disables rules.
type Exception struct {
	// Name of the rule, or a pattern with * and ?. Required.
	Rule string `json:"rule,omitempty" option:"-"`

	// The requests for which it is disabled: those that match one of the sets. Default: all.
	Match caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`

	sets caddyhttp.MatcherSets
}

// CaddyModule returns the Caddy module information.
func (WAF) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: guest.Inspectors + ".waf", New: func() caddy.Module { return new(WAF) }}
}

// Provision loads the matchers of exceptions.
func (s *WAF) Provision(ctx caddy.Context) error {
	for i := range s.Except {
		e := &s.Except[i]
		if len(e.Match) == 0 {
			continue
		}
		loaded, err := ctx.LoadModule(e, "Match")
		if err != nil {
			return fmt.Errorf("waf: except %s: %w", e.Rule, err)
		}
		if err := e.sets.FromInterface(loaded); err != nil {
			return fmt.Errorf("waf: except %s: %w", e.Rule, err)
		}
	}
	return nil
}

// Resolve implements [guest.Inspector]. It reads the rules.
func (s *WAF) Resolve(repl *caddy.Replacer, _ []guest.Opened) error {
	if len(s.Rules) == 0 {
		return errors.New("rules is required: builtin, or the path of an appsec-config or of rules")
	}
	if err := option.Replace(repl, s); err != nil {
		return err
	}
	if err := option.Check(s); err != nil {
		return err
	}
	rules, err := LoadRules(s.Rules)
	if err != nil {
		return err
	}
	s.rules, s.Print = rules, rules.Print()
	return s.checkExceptions()
}

// LoadRules loads the rules that the option waf names. Files that cannot run are skipped. If
// no rule is left, that is an error.
func LoadRules(names []string) (*waf.Rules, error) {
	cfg := waf.LoadConfig{ReadBodies: true}
	for _, name := range names {
		if name == builtinRules {
			cfg.Sets = append(cfg.Sets, builtin.Set())
			continue
		}
		cfg.Paths = append(cfg.Paths, name)
	}
	rules, err := waf.Load(cfg)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: want builtin, or the path of an appsec-config or of rules", err)
	}
	if err != nil {
		return nil, err
	}
	if len(rules.Rules()) > 0 {
		return rules, nil
	}
	if skipped := rules.Skipped(); len(skipped) > 0 {
		return nil, fmt.Errorf("no rule runs: %s", skipped[0].String())
	}
	return nil, fmt.Errorf("there is no rule in %s", strings.Join(names, ", "))
}

// checkExceptions rejects an exception that matches no rule: the operator would believe that
// it helps.
func (s *WAF) checkExceptions() error {
	for i := range s.Except {
		e := &s.Except[i]
		if e.Rule == "" {
			return errors.New("except: want the name of a rule")
		}
		covers := func(name string) bool { return waf.Covers(e.Rule, name) }
		if !slices.ContainsFunc(s.rules.Rules(), func(r waf.Rule) bool { return covers(r.Name) }) &&
			!slices.ContainsFunc(s.rules.Skipped(), func(k waf.Skipped) bool { return covers(k.Name) }) {
			return fmt.Errorf("except %s: there is no such rule%s", e.Rule, s.like(e.Rule))
		}
	}
	return nil
}

// like suggests a rule with a similar name.
func (s *WAF) like(name string) string {
	_, short, _ := strings.Cut(name, "/")
	for _, r := range s.rules.Rules() {
		if _, own, _ := strings.Cut(r.Name, "/"); own != "" && (own == name || strings.EqualFold(own, short)) {
			return ": perhaps " + r.Name
		}
	}
	return ": tocsin waf test names the rules that a request matches"
}

// Excepts implements [guest.Excepting].
func (s *WAF) Excepts(r *http.Request, rule string) bool {
	for i := range s.Except {
		e := &s.Except[i]
		if !waf.Covers(e.Rule, rule) {
			continue
		}
		if len(e.sets) == 0 {
			return true
		}
		// If a matcher fails, the exception does not apply, which is the strict choice.
		if matches, err := e.sets.AnyMatchWithError(r); err == nil && matches {
			return true
		}
	}
	return false
}

// Interface guards
var (
	_ guest.Inspector       = (*WAF)(nil)
	_ guest.Excepting       = (*WAF)(nil)
	_ caddy.Provisioner     = (*WAF)(nil)
	_ caddyfile.Unmarshaler = (*WAF)(nil)
)
