package waf

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// configKeys tell an appsec-config from a file of rules.
var configKeys = []string{
	"inband_rules", "outofband_rules", "inband", "outofband", "default_remediation", "default_pass_action", "inband_options", "outofband_options",
	"on_load", "pre_eval", "post_eval", "on_match", "on_challenge", "on_challenge_submit", "blocked_http_code", "user_blocked_http_code",
}

// A configDoc is an appsec-config. The codes that AppSec answers a bouncer with, and what
// it does about requests that pass, mean nothing here.
type configDoc struct {
	Name              string     `yaml:"name"`
	InBandRules       []word     `yaml:"inband_rules"`
	OutOfBandRules    []word     `yaml:"outofband_rules"`
	Remediation       string     `yaml:"default_remediation"`
	PassAction        string     `yaml:"default_pass_action"`
	BlockedCode       int        `yaml:"blocked_http_code"`
	PassedCode        int        `yaml:"passed_http_code"`
	UserBlockedCode   int        `yaml:"user_blocked_http_code"`
	UserPassedCode    int        `yaml:"user_passed_http_code"`
	InBandOptions     optionsDoc `yaml:"inband_options"`
	OutOfBandOptions  optionsDoc `yaml:"outofband_options"`
	VariablesTracking []string   `yaml:"variables_tracking"`
	hooksDoc          `yaml:",inline"`
	InBand            sectionDoc `yaml:"inband"`
	OutOfBand         sectionDoc `yaml:"outofband"`
	Data              any        `yaml:"data"`
	Challenge         any        `yaml:"challenge"`
	LogLevel          string     `yaml:"log_level"`
}

type optionsDoc struct {
	NoBody    bool `yaml:"disable_body_inspection"`
	BodyLimit int  `yaml:"request_body_in_memory_limit"`
}

type sectionDoc struct {
	Rules             []word `yaml:"rules"`
	hooksDoc          `yaml:",inline"`
	Options           optionsDoc `yaml:"options"`
	VariablesTracking []string   `yaml:"variables_tracking"`
}

// config reads an appsec-config and the rules that it names. Of several configs the last
// one says what happens to a match, even where it says nothing.
func (l *loader) config(name string, content []byte) error {
	var doc configDoc
	if err := decode(content, &doc); err != nil {
		return fileError(name, err)
	}
	if err := l.hooks(name, &doc); err != nil {
		return err
	}
	l.policy.Remediation, l.policy.Status = doc.Remediation, doc.UserBlockedCode
	l.policy.NoBody = doc.InBandOptions.NoBody || doc.InBand.Options.NoBody
	known, err := l.known(name)
	if err != nil {
		return err
	}
	for _, band := range []struct {
		words     []word
		outOfBand bool
	}{{append(doc.InBandRules, doc.InBand.Rules...), false}, {append(doc.OutOfBandRules, doc.OutOfBand.Rules...), true}} {
		for _, w := range band.words {
			if err := l.named(w, known, band.outOfBand); err != nil {
				return fileError(name, err)
			}
		}
	}
	return nil
}

// named has the rules run that a name or a glob means.
func (l *loader) named(w word, known []ruleFile, outOfBand bool) error {
	found := false
	for _, f := range known {
		if !globMatch(strings.TrimSpace(w.text), f.doc.Name) {
			continue
		}
		found = true
		f.outOfBand = outOfBand
		if !f.isSkipped {
			l.add(f)
		}
	}
	if !found {
		return errorAt(w.line, "no rule is named %s", w.text)
	}
	return nil
}

// known returns the rules that the config in a file can name.
func (l *loader) known(config string) ([]ruleFile, error) {
	folder := l.cfg.Rules
	if folder == "" {
		var err error
		if folder, err = rulesBeside(config); err != nil {
			return nil, err
		}
	}
	names, err := filesOf(folder)
	if err != nil {
		return nil, err
	}
	var all []ruleFile
	for _, name := range names {
		content, err := l.read(name)
		if err != nil {
			return nil, err
		}
		doc, err := parseRules(content)
		if err != nil {
			l.skipOnce(name, doc.Name, err)
		}
		f := ruleFile{doc: doc, path: name, isSkipped: err != nil}
		f.hash, f.version = l.origin(name, content)
		all = append(all, f)
	}
	return all, nil
}

// rulesBeside returns the folder appsec-rules beside the folder that a config is in, or
// beside one above it.
func rulesBeside(config string) (string, error) {
	dir, err := filepath.Abs(filepath.Dir(config))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", config, err)
	}
	for up := dir; filepath.Dir(up) != up; up = filepath.Dir(up) {
		if folder := filepath.Join(filepath.Dir(up), "appsec-rules"); isFolder(folder) {
			return folder, nil
		}
	}
	return "", fmt.Errorf("reading %s: there is no folder appsec-rules beside %s", config, dir)
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// fileError names the file, and the line where it is known.
func fileError(name string, err error) error {
	if line, ok := lineOf(err); ok {
		return fmt.Errorf("reading %s:%d: %w", name, line, err)
	}
	return fmt.Errorf("reading %s: %w", name, err)
}

// globMatch reports whether a name is as a pattern says, in which a star stands for any
// bytes and a question mark for one.
func globMatch(pattern, name string) bool {
	p, n, star, back := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, back = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			back++
			p, n = star+1, back
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
