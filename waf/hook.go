package waf

import (
	"regexp"
	"strings"
)

// hooksDoc are the hooks of an appsec-config.
type hooksDoc struct {
	OnLoad    []hookDoc `yaml:"on_load"`
	PreEval   []hookDoc `yaml:"pre_eval"`
	PostEval  []hookDoc `yaml:"post_eval"`
	OnMatch   []hookDoc `yaml:"on_match"`
	Challenge []hookDoc `yaml:"on_challenge"`
	Submit    []hookDoc `yaml:"on_challenge_submit"`
}

type hookDoc struct {
	Filter    word   `yaml:"filter"`
	Apply     []word `yaml:"apply"`
	OnSuccess string `yaml:"on_success"`
}

// A removal says which rule of which band does not run.
type removal struct {
	name      string
	outOfBand bool
}

// A call is what a hook applies: a function with texts or a number.
type call struct {
	name string
	args []string
}

var (
	callForm = regexp.MustCompile(`^\s*(\w+)\(\s*(.*?)\s*\)\s*;?\s*$`)
	argForm  = regexp.MustCompile("^(?:\"([^\"\\\\]*)\"|'([^'\\\\]*)'|`([^`]*)`|([0-9]+))\\s*(?:,\\s*|$)")
)

// parseCall reads one call. Hooks are expressions of a large language; this is the part of
// it that has a meaning here.
func parseCall(w word) (call, bool) {
	m := callForm.FindStringSubmatch(w.text)
	if m == nil {
		return call{}, false
	}
	c := call{name: m[1]}
	for rest := m[2]; rest != ""; {
		arg := argForm.FindStringSubmatch(rest)
		if arg == nil {
			return call{}, false
		}
		c.args = append(c.args, arg[1]+arg[2]+arg[3]+arg[4])
		rest = rest[len(arg[0]):]
	}
	return c, true
}

// Bands that a filter lets through.
const (
	bandIn uint8 = 1 << iota
	bandOut
)

// bandsOf returns the bands that a filter means, if it is about nothing else.
func bandsOf(filter string) (uint8, bool) {
	switch strings.Join(strings.Fields(filter), "") {
	case "", "true":
		return bandIn | bandOut, true
	case "IsInBand", "IsInBand==true", "IsOutBand==false", "!IsOutBand":
		return bandIn, true
	case "IsOutBand", "IsOutBand==true", "IsInBand==false", "!IsInBand":
		return bandOut, true
	}
	return 0, false
}

// hooks takes what hooks say. One that cannot be done here is an error: what it takes out
// would stop honest people.
func (l *loader) hooks(file string, doc *configDoc) error {
	for _, s := range []struct {
		hooksDoc
		bands uint8
	}{{doc.hooksDoc, bandIn | bandOut}, {doc.InBand.hooksDoc, bandIn}, {doc.OutOfBand.hooksDoc, bandOut}} {
		for _, h := range []struct {
			name  string
			hooks []hookDoc
			apply func(call, uint8) bool
		}{
			{"on_load", s.OnLoad, l.onLoad},
			{"on_match", s.OnMatch, l.onMatch},
			{"pre_eval", s.PreEval, nil},
			{"post_eval", s.PostEval, nil},
			{"on_challenge", s.Challenge, nil},
			{"on_challenge_submit", s.Submit, nil},
		} {
			for _, hook := range h.hooks {
				if err := hook.run(h.name, s.bands, h.apply); err != nil {
					return fileError(file, err)
				}
			}
		}
	}
	return nil
}

// run applies a hook to the bands that it is about.
func (h *hookDoc) run(name string, bands uint8, apply func(call, uint8) bool) error {
	only, ok := bandsOf(h.Filter.text)
	if !ok || name == "on_load" && h.Filter.text != "" {
		return refused(name, "filter", h.Filter)
	}
	for _, w := range h.Apply {
		c, ok := parseCall(w)
		if !ok || apply == nil || !apply(c, bands&only) {
			return refused(name, "apply", w)
		}
	}
	return nil
}

func refused(hook, part string, w word) error {
	return errorAt(w.line, "hook %s: %s: %s: only CrowdSec's own engine does that: use appsec for this config", hook, part, w.text)
}

// onLoad does what there is to do once, and reports whether it knows how.
func (l *loader) onLoad(c call, _ uint8) bool {
	switch {
	case c.name == "RemoveInBandRuleByName" && len(c.args) == 1:
		l.removed = append(l.removed, removal{c.args[0], false})
	case c.name == "RemoveOutBandRuleByName" && len(c.args) == 1:
		l.removed = append(l.removed, removal{c.args[0], true})
	case c.name == "SetRemediationByName" && len(c.args) == 2:
		l.own = append(l.own, Rule{Name: c.args[0], Remediation: c.args[1]})
	default:
		return false
	}
	return true
}

// onMatch takes what is to be done about a match, and reports whether it knows how.
func (l *loader) onMatch(c call, bands uint8) bool {
	do, known := onMatches[c.name]
	if !known || len(c.args) != do.args {
		return false
	}
	return do.apply(&l.hooked, append(c.args, "")[0], bands&bandIn != 0, bands&bandOut != 0)
}

// onMatches are the functions of on_match that have a meaning here, with how many arguments
// they have. They report whether they know what to do with those.
var onMatches = map[string]struct {
	args  int
	apply func(p *Policy, arg string, in, out bool) bool
}{
	"SetRemediation": {1, func(p *Policy, arg string, in, _ bool) bool {
		p.Remediation = only(in, arg, p.Remediation)
		return true
	}},
	"SetReturnCode": {1, func(p *Policy, arg string, in, _ bool) bool {
		p.Status = only(in, atoi(arg), p.Status)
		return atoi(arg) > 0
	}},
	"CancelAlert": {0, func(p *Policy, _ string, in, out bool) bool {
		p.NoAlert, p.AlsoAlert = p.NoAlert || in, p.AlsoAlert && !out
		return true
	}},
	"SendAlert": {0, func(p *Policy, _ string, in, out bool) bool {
		p.NoAlert, p.AlsoAlert = p.NoAlert && !in, p.AlsoAlert || out
		return true
	}},
	"CancelEvent": {0, func(p *Policy, _ string, in, _ bool) bool {
		p.NoEvent = p.NoEvent || in
		return true
	}},
	"SendEvent": {0, func(p *Policy, _ string, in, _ bool) bool {
		p.NoEvent = p.NoEvent && !in
		return true
	}},
}

// only returns the new value if it is about what is meant.
func only[T any](meant bool, value, old T) T {
	if meant {
		return value
	}
	return old
}

// merged returns a policy with what hooks have set.
func (p Policy) merged(hooked Policy) Policy {
	if hooked.Remediation != "" {
		p.Remediation = hooked.Remediation
	}
	if hooked.Status != 0 {
		p.Status = hooked.Status
	}
	p.NoAlert, p.NoEvent, p.AlsoAlert = hooked.NoAlert, hooked.NoEvent, hooked.AlsoAlert
	return p
}
