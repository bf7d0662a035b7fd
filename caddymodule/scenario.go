package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/detect"
)

// scenarioName is the form of allowed names: their characters have no special meaning in
// expressions and in logs.
var scenarioName = regexp.MustCompile(`^[A-Za-z0-9/._-]{1,100}$`)

// defaultBlackhole is how long further alerts about the same client are suppressed.
const defaultBlackhole = time.Minute

// Scenario is one of your own. It counts the requests that match, and raises an alert about
// a client that sends more than leak away.
//
// It must select what an honest client does not do: by the requests, in match; by their
// answers, in a status of 400 or more; or by their number, in capacity and leak. With a
// capacity and neither of the others, it counts every request of a client, as a request
// limit; a page may cause dozens of requests.
type Scenario struct {
	// Name in alerts and decisions: letters, digits, and any of /._-. Required.
	Name string `json:"name,omitempty" option:"-"`

	// The requests that it counts: those that match one of the sets. No set may be empty.
	// Without a set, the scenario leads to a challenge at most, unless an action is given.
	// Default: all.
	Match caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`

	// Count only requests that are answered with one of these statuses. Default: all.
	Status []int `json:"status,omitempty"`

	// How many of them are allowed; the next one raises the alert. Default: 0, so the first
	// one does.
	Capacity int `json:"capacity,omitempty"`

	// The time after which one of them is forgotten. Required with a capacity.
	Leak caddy.Duration `json:"leak,omitempty"`

	// Whether several requests for the same path count only once.
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

// check returns an error if the operator's settings are wrong. Errors in matchers appear
// when they are loaded.
func (s *Scenario) check() error {
	switch {
	case !scenarioName.MatchString(s.Name):
		return errors.New("want a name of up to 100 letters, digits, and any of /._-")
	case s.Capacity < 0 || s.Leak < 0:
		return errors.New("capacity and leak: must be greater than 0")
	case s.Capacity > 0 && s.Leak == 0:
		return fmt.Errorf("capacity %d needs leak: the time after which one request no longer counts, such as leak 10s", s.Capacity)
	case s.Capacity == 0 && (s.Leak != 0 || s.Distinct):
		return errors.New("leak and distinct need capacity: the number of requests that are no offence, such as capacity 5")
	case slices.ContainsFunc(s.Match, func(set caddy.ModuleMap) bool { return len(set) == 0 }):
		return errors.New("match is empty, so every request would match: add a matcher, such as path /trap/*, or remove match")
	}
	for _, status := range s.Status {
		if status < 100 || status > 999 {
			return fmt.Errorf("status %d: want one from 100 to 999, such as 401", status)
		}
	}
	if err := option.Check(s); err != nil {
		return err
	}
	return s.checkAim()
}

// checkAim rejects a scenario that matches everyone: it would ban each client at its first
// request, or at its first successful one.
func (s *Scenario) checkAim() error {
	const choices = "add match { … } with paths that no visitor requests, or capacity and leak to limit the requests of a client"
	if len(s.Match) > 0 || s.Capacity > 0 {
		return nil
	}
	if len(s.Status) == 0 {
		return errors.New("it has neither match, status nor capacity, so the first request of every client would be an offence: " +
			choices + ", or a status such as 401")
	}
	for _, status := range s.Status {
		if status < http.StatusBadRequest {
			return fmt.Errorf("status %d without match or capacity matches every client of the site: %s", status, choices)
		}
	}
	return nil
}

// rules returns s in the format of CrowdSec's scenarios. JSON is valid there.
func (s *Scenario) rules() (*detect.Rules, error) {
	text, err := json.Marshal(s.document())
	if err != nil {
		return nil, err
	}
	r, err := detect.Parse("scenario "+s.Name, text, nil)
	if err != nil {
		return nil, err
	}
	if s.Policy.Action == "" {
		return r, nil // the option local decides the action
	}
	p, err := s.Policy.parse()
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
	labels := map[string]any{"remediation": true}
	if len(s.Match) == 0 { // everyone meets broken links, and an office sends many requests
		labels["action"], labels["at_most"], labels["duration"] = "captcha", "captcha", "30m"
	}
	d := map[string]any{
		"type": "trigger", "name": s.Name, "description": "requests that match " + s.Name, "filter": filter,
		"groupby": "evt.Meta.source_ip", "blackhole": defaultBlackhole.String(), "labels": labels,
	}
	if s.Capacity > 0 {
		d["type"], d["capacity"], d["leakspeed"] = "leaky", s.Capacity, time.Duration(s.Leak).String()
	}
	if s.Distinct {
		d["distinct"] = "evt.Parsed.clean_path"
	}
	return d
}
