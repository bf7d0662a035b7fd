package detect

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// A scenario is one document of a scenario file, checked and parsed.
type scenario struct {
	name, description string
	file              string // file and line, for messages
	builtin           bool
	hash, version     string

	trigger         bool // if false, it is a leaky bucket
	filter          *expression
	groupby         *expression // nil if there is one bucket for all
	distinct        *expression // nil if all events count
	capacity        int
	leak, blackhole time.Duration
	keep            int // how many events to store: see Alert.Context

	labels      map[string]string
	remediation bool
	simulated   bool // it requests no remediation, unless a Policy does
	action      lookup.Action
	ordered     bool // the operator has set action
	duration    time.Duration
	ownLabels   // the settings from our own labels

	print string // identifies the settings that its buckets depend on: see Detector.Use
}

// A scenarioDoc is a document of a scenario file in its YAML form. A document with an
// unknown key does not run, because that key may be what protects honest clients.
type scenarioDoc struct {
	Format      string         `yaml:"format"`
	Version     string         `yaml:"version"`
	Type        string         `yaml:"type"`
	Name        string         `yaml:"name"`
	Author      string         `yaml:"author"`
	Description string         `yaml:"description"`
	References  []string       `yaml:"references"`
	Debug       bool           `yaml:"debug"`
	Filter      string         `yaml:"filter"`
	GroupBy     string         `yaml:"groupby"`
	Distinct    string         `yaml:"distinct"`
	Capacity    int            `yaml:"capacity"`
	Leakspeed   string         `yaml:"leakspeed"`
	Blackhole   string         `yaml:"blackhole"`
	CacheSize   int            `yaml:"cache_size"`
	Reprocess   bool           `yaml:"reprocess"`
	Labels      map[string]any `yaml:"labels"`
	Data        []listFile     `yaml:"data"`
	Scope       struct {
		Type       string `yaml:"type"`
		Expression string `yaml:"expression"`
	} `yaml:"scope"`

	// The following keys are known, but cannot run here.
	Duration           string  `yaml:"duration"`
	Condition          string  `yaml:"condition"`
	CancelOn           string  `yaml:"cancel_on"`
	OverflowFilter     string  `yaml:"overflow_filter"`
	BayesianPrior      float64 `yaml:"bayesian_prior"`
	BayesianThreshold  float64 `yaml:"bayesian_threshold"`
	BayesianConditions []any   `yaml:"bayesian_conditions"`
}

// scenarioTypes are the types that CrowdSec has.
var scenarioTypes = newStringSet("leaky", "trigger", "counter", "conditional", "bayesian")

// reason returns why the scenario cannot run here, or nothing.
func (d *scenarioDoc) reason() string {
	switch {
	case d.Type == "counter", d.Type == "conditional", d.Type == "bayesian":
		return "its type is " + d.Type + ": want leaky or trigger"
	case d.Condition != "":
		return "it has a condition"
	case d.CancelOn != "":
		return "it has cancel_on"
	case d.OverflowFilter != "":
		return "it has overflow_filter"
	case d.Scope.Type != "" && !strings.EqualFold(d.Scope.Type, "ip"):
		return "its scope is " + d.Scope.Type + ": want Ip"
	}
	return ""
}

// checkFormat checks the format version of a file. CrowdSec accepts 1.0 to 3.0, and treats a
// file without a version as 1.0.
func checkFormat(format string) error {
	if format == "" {
		return nil
	}
	major, rest, _ := strings.Cut(format, ".")
	n, err := strconv.Atoi(major)
	switch {
	case err != nil || n < 1:
		return &keyError{"format", fmt.Errorf("%q: want 1.0 to 3.0", format)}
	case n > 3 || n == 3 && strings.Trim(rest, "0.") != "":
		return unknownThing("it has the format %s", format)
	}
	return nil
}

// A keyError is about the value of one key of a document.
type keyError struct {
	key string
	err error
}

func (e *keyError) Error() string { return e.key + ": " + e.err.Error() }

func (e *keyError) Unwrap() error { return e.err }

// scenario checks the document and parses its expressions. Its lists are already loaded.
func (d *scenarioDoc) scenario(l *lists) (*scenario, error) {
	s := &scenario{
		name: d.Name, description: d.Description, trigger: d.Type == "trigger", capacity: d.Capacity,
		labels: make(map[string]string),
	}
	s.keep = d.Capacity + 1
	if d.CacheSize > 0 && d.CacheSize <= d.Capacity {
		s.keep = d.CacheSize + 1
	}
	// Expressions show whether the document is for a newer version, so they come first.
	if err := d.expressions(s, l); err != nil {
		return nil, err
	}
	if err := d.bucket(s); err != nil {
		return nil, err
	}
	if err := d.label(s); err != nil {
		return nil, err
	}
	if err := d.readOwnLabels(s); err != nil {
		return nil, err
	}
	s.weigh()
	s.print = d.print()
	return s, nil
}

func (d *scenarioDoc) expressions(s *scenario, l *lists) error {
	for _, x := range []struct {
		key, source string
		kind        reflect.Kind
		to          **expression
	}{
		{"filter", d.Filter, reflect.Bool, &s.filter},
		{"groupby", d.GroupBy, reflect.String, &s.groupby},
		{"distinct", d.Distinct, reflect.Invalid, &s.distinct},
	} {
		if x.source == "" {
			continue
		}
		e, err := l.expression(x.source, x.kind)
		if err != nil {
			return &keyError{x.key, err}
		}
		*x.to = e
	}
	if s.filter == nil {
		return &keyError{"filter", errors.New("required")}
	}
	if s.trigger {
		s.distinct = nil // a trigger overflows before distinct is evaluated
	}
	return nil
}

// bucket checks the keys that say how the bucket fills, by CrowdSec's rules.
func (d *scenarioDoc) bucket(s *scenario) (err error) {
	if d.Name == "" {
		return &keyError{"name", errors.New("required")}
	}
	if d.Blackhole != "" {
		if s.blackhole, err = time.ParseDuration(d.Blackhole); err != nil {
			return &keyError{"blackhole", err}
		}
	}
	if d.Leakspeed != "" {
		if s.leak, err = time.ParseDuration(d.Leakspeed); err != nil {
			return &keyError{"leakspeed", err}
		}
	}
	switch {
	case d.Type != "trigger" && d.Type != "leaky":
		return &keyError{"type", fmt.Errorf("%q: want leaky or trigger", d.Type)}
	case s.trigger && d.Capacity != 0:
		return &keyError{"capacity", fmt.Errorf("%d: a trigger must not have a capacity", d.Capacity)}
	case s.trigger:
		return nil
	case d.Capacity <= 0:
		return &keyError{"capacity", fmt.Errorf("%d: want 1 or more", d.Capacity)}
	case s.leak <= 0:
		return &keyError{"leakspeed", fmt.Errorf("%q: want a time, such as 10s", d.Leakspeed)}
	case int64(s.leak) > math.MaxInt64/(int64(d.Capacity)+1): // the lifetime of a bucket must fit in an int64
		return &keyError{"capacity", fmt.Errorf("%d: too many for a leakspeed of %s", d.Capacity, s.leak)}
	}
	return nil
}

// label reads the labels. Action and duration are our own: the action about the client, and
// how long it lasts.
func (d *scenarioDoc) label(s *scenario) (err error) {
	for key, value := range d.Labels {
		if text, ok := value.(string); ok {
			s.labels[key] = text
		}
	}
	s.remediation = d.Labels["remediation"] == true
	if text, ok := d.Labels["action"].(string); ok {
		if s.action, err = lookup.ParseAction(text); err != nil {
			return &keyError{"action", err}
		}
	}
	if text, ok := d.Labels["duration"].(string); ok {
		if s.duration, err = time.ParseDuration(text); err != nil {
			return &keyError{"duration", err}
		}
		if s.duration <= 0 {
			return &keyError{"duration", fmt.Errorf("%s: must be greater than 0", s.duration)}
		}
	}
	return nil
}

// print returns a fingerprint of the settings that buckets depend on. If it differs, old
// buckets are useless.
func (d *scenarioDoc) print() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %q %q %d %d %q", d.Name, d.Type, d.Filter, d.GroupBy, d.Distinct, d.Leakspeed, d.Capacity, d.CacheSize, d.Blackhole)
	fmt.Fprintf(h, " %q", fmt.Sprint(d.Labels["forgiven_by"])) // with this label a bucket stores an owner for each value
	return hex.EncodeToString(h.Sum(nil))
}

// late reports whether the scenario must wait for the response.
func (s *scenario) late() bool {
	var deps fieldSet
	for _, e := range s.expressions() {
		deps |= e.deps
	}
	return deps&lateFields != 0
}

func (s *scenario) expressions() []*expression {
	all := []*expression{s.filter}
	for _, e := range []*expression{s.groupby, s.distinct} {
		if e != nil {
			all = append(all, e)
		}
	}
	return all
}
