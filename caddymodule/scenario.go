package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/detect"
)

// scenarioName is what names may look like: in expressions and in logs nothing in
// them means anything.
var scenarioName = regexp.MustCompile(`^[A-Za-z0-9/._-]{1,100}$`)

// defaultBlackhole is how long a client that a scenario was told of is not told
// of again.
const defaultBlackhole = time.Minute

// Scenario is one of your own: it counts the requests that match, and is told of
// a client that sends more than leak away.
type Scenario struct {
	// Name in alerts and decisions: letters, digits, and any of /._-. Required.
	Name string `json:"name,omitempty"`

	// What requests it counts. Default: all.
	Match caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`

	// Only those answered with one of these statuses. Default: whatever the answer.
	Status []int `json:"status,omitempty"`

	// How many of them are no offence: the next is. Default: 0, the first is.
	Capacity int `json:"capacity,omitempty"`

	// How long it takes for one of them to be forgotten. Required with a capacity.
	Leak caddy.Duration `json:"leak,omitempty"`

	// Whether requests for the same path count once.
	Distinct bool `json:"distinct,omitempty"`

	Policy

	sets caddyhttp.MatcherSets
}

// provision loads the matchers.
func (s *Scenario) provision(ctx caddy.Context) error {
	if err := s.check(); err != nil {
		return err
	}
	loaded, err := ctx.LoadModule(s, "Match")
	if err != nil {
		return fmt.Errorf("match: %w", err)
	}
	return s.sets.FromInterface(loaded)
}

func (s *Scenario) check() error {
	switch {
	case !scenarioName.MatchString(s.Name):
		return errors.New("want a name of up to 100 letters, digits, and any of /._-")
	case s.Capacity < 0 || s.Leak < 0:
		return errors.New("capacity and leak are not less than nothing")
	case s.Capacity > 0 && s.Leak == 0:
		return errors.New("a capacity needs a leak")
	case s.Capacity == 0 && (s.Leak != 0 || s.Distinct):
		return errors.New("leak and distinct need a capacity")
	}
	for _, status := range s.Status {
		if status < 100 || status > 999 {
			return fmt.Errorf("status %d: there is no such", status)
		}
	}
	return nil
}

// rules returns s in the form of CrowdSec's scenarios, of which JSON is one.
func (s *Scenario) rules() (*detect.Rules, error) {
	text, err := json.Marshal(s.document())
	if err != nil {
		return nil, err
	}
	r, err := detect.Parse("scenario "+s.Name, text, nil)
	if err != nil {
		return nil, err
	}
	policy := s.Policy
	if policy.Action == "" {
		policy.Action = "ban"
	}
	p, err := policy.parse()
	if err != nil {
		return nil, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	return r.With(map[string]detect.Policy{s.Name: p})
}

func (s *Scenario) document() map[string]any {
	filter := "evt.Meta.matched contains " + strconv.Quote("|"+s.Name+"|")
	if len(s.Status) > 0 {
		words := make([]string, len(s.Status))
		for i, status := range s.Status {
			words[i] = strconv.Quote(strconv.Itoa(status))
		}
		filter += " && evt.Meta.http_status in [" + strings.Join(words, ", ") + "]"
	}
	d := map[string]any{
		"type": "trigger", "name": s.Name, "description": "requests that match " + s.Name, "filter": filter,
		"groupby": "evt.Meta.source_ip", "blackhole": defaultBlackhole.String(),
		"labels": map[string]any{"remediation": true},
	}
	if s.Capacity > 0 {
		d["type"], d["capacity"], d["leakspeed"] = "leaky", s.Capacity, time.Duration(s.Leak).String()
	}
	if s.Distinct {
		d["distinct"] = "evt.Parsed.clean_path"
	}
	return d
}
