package waf

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A word is a scalar of a document as it is written, whatever its type, and its line.
type word struct {
	text string
	line int
}

// UnmarshalYAML takes off as the word off, and 7 as the word 7.
func (w *word) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: want one value", n.Line)
	}
	w.text, w.line = n.Value, n.Line
	return nil
}

// A ruleDoc is a file of rules. What has no effect in CrowdSec's engine has none here.
type ruleDoc struct {
	Name         string         `yaml:"name"`
	Description  string         `yaml:"description"`
	Rules        []node         `yaml:"rules"`
	Labels       map[string]any `yaml:"labels"`
	Data         []any          `yaml:"data"`
	SecLang      []string       `yaml:"seclang_rules"`
	SecLangFiles []string       `yaml:"seclang_files_rules"`
	Severity     string         `yaml:"severity"`
	Type         string         `yaml:"type"`
	Debug        bool           `yaml:"debug"`
}

// A node is a rule, or a part of one: a condition, and nodes of which all or any have to
// be met beside it.
type node struct {
	Zones     []word   `yaml:"zones"`
	Variables []word   `yaml:"variables"`
	Transform []word   `yaml:"transform"`
	Match     matchDoc `yaml:"match"`
	And       []node   `yaml:"and"`
	Or        []node   `yaml:"or"`
	BodyType  word     `yaml:"body_type"`
	Name      string   `yaml:"name"`
	Severity  string   `yaml:"severity"`
}

type matchDoc struct {
	Type  word `yaml:"type"`
	Value word `yaml:"value"`
	Not   bool `yaml:"not"`
}

// A lineError is about a line of a file.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return e.err.Error() }
func (e *lineError) Unwrap() error { return e.err }

// lineOf returns the line that an error is about, if it is known.
func lineOf(err error) (int, bool) {
	at, ok := errors.AsType[*lineError](err)
	if !ok || at.line == 0 {
		return 0, false
	}
	return at.line, true
}

func errorAt(line int, format string, a ...any) error {
	return &lineError{line, fmt.Errorf(format, a...)}
}

// errNewer says that a file has what this version does not know. It may well be good.
var errNewer = errors.New("which this version does not know")

func newerAt(line int, format string, a ...any) error {
	return &lineError{line, fmt.Errorf(format+", %w", append(a, errNewer)...)}
}

var unknownKey = regexp.MustCompile(`line (\d+): field (.+) not found in type`)

// decode reads the first document of a file into doc, which has to know all its keys.
func decode(content []byte, doc any) error {
	in := yaml.NewDecoder(bytes.NewReader(content))
	in.KnownFields(true)
	err := in.Decode(doc)
	if err == nil {
		return nil
	}
	if m := unknownKey.FindStringSubmatch(err.Error()); m != nil {
		return newerAt(atoi(m[1]), "it has the key %s", m[2])
	}
	text := strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "yaml: ")), " ")
	return fmt.Errorf("reading YAML: %s", text)
}

// hasKey reports whether the first document of a file has any of the keys at its top.
func hasKey(content []byte, keys ...string) bool {
	var doc yaml.Node
	if yaml.NewDecoder(bytes.NewReader(content)).Decode(&doc) != nil || len(doc.Content) == 0 {
		return false
	}
	for i, n := range doc.Content[0].Content {
		for _, key := range keys {
			if i%2 == 0 && n.Value == key {
				return true
			}
		}
	}
	return false
}

// secLangWord is what each rule of a base-config does: it says how a body is to be read,
// which is built in here.
const secLangWord = "ctl:requestBodyProcessor="

// isBaseConfig reports whether all of the SecLang in a file says how bodies are read.
func (d *ruleDoc) isBaseConfig() bool {
	for _, rule := range d.SecLang {
		if !strings.Contains(rule, secLangWord) || !strings.Contains(rule, "pass") || strings.Contains(rule, "deny") {
			return false
		}
	}
	return len(d.SecLang) > 0
}
