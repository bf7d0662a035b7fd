package inspectors

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/caddymodule/option"
)

// UnmarshalCaddyfile sets up the WAF:
//
//	waf builtin|<path>... {
//	    except       <rule> [<matcher>]
//	    except       <rule> { <matchers> }
//	    observe
//	    body_limit   <size>
//	    body_timeout <duration>
//	    body_memory  <size>
//	    body_over    pass|captcha|ban
//	    log_payload
//	}
//
// The option except may be repeated. A matcher on its line is one of Caddy's, such as path
// /admin/*. If its block has several matchers, all of them must match.
func (s *WAF) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	name := option.Start(d)
	if s.Rules = d.RemainingArgs(); len(s.Rules) == 0 {
		return d.Errf("%s: want builtin, or the path of an appsec-config or of rules", name)
	}
	return option.Read(d, name, s, option.Block{"except": {Parse: s.parseExcept, Repeatable: true}})
}

func (s *WAF) parseExcept(d *caddyfile.Dispenser, name string) error {
	var e Exception
	if !d.NextArg() {
		return d.Errf("%s: want the name of a rule", name)
	}
	e.Rule = d.Val()
	set := caddy.ModuleMap{}
	if d.NextArg() {
		if err := addMatcher(set, d, name); err != nil {
			return err
		}
	} else {
		for nesting := d.Nesting(); d.NextBlock(nesting); {
			if err := addMatcher(set, d, name); err != nil {
				return err
			}
		}
	}
	if len(set) > 0 {
		e.Match = caddyhttp.RawMatcherSets{set}
	}
	s.Except = append(s.Except, e)
	return nil
}

// addMatcher adds the matcher whose name is the current word.
func addMatcher(set caddy.ModuleMap, d *caddyfile.Dispenser, name string) error {
	matcher := d.Val()
	if _, err := caddy.GetModule("http.matchers." + matcher); err != nil {
		return d.Errf("%s: there is no matcher %q: want the name of one and what it takes, such as path /admin/*", name, matcher)
	}
	if _, twice := set[matcher]; twice {
		return d.Errf("%s: %s: given twice", name, matcher)
	}
	m, err := caddyfile.UnmarshalModule(d, "http.matchers."+matcher)
	if err != nil {
		return err
	}
	set[matcher] = json.RawMessage(caddyconfig.JSON(m, nil))
	return nil
}
