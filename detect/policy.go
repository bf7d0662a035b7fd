package detect

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// A Policy replaces what a scenario does about its alerts.
type Policy struct {
	// AlertOnly reports alerts and takes no action. Action and Duration must then be zero.
	AlertOnly bool
	// Action is the action to take. Default: the scenario's.
	Action lookup.Action
	// Duration is how long the action lasts. Default: the scenario's.
	Duration time.Duration
}

func (p Policy) check() error {
	switch {
	case p.AlertOnly && (p.Action != lookup.None || p.Duration != 0):
		return errors.New("alert: must not have an action or a duration")
	case p.Action > lookup.Ban:
		return fmt.Errorf("%v: want ban, captcha or throttle", p.Action)
	case p.Duration < 0:
		return fmt.Errorf("duration %v: must be greater than 0", p.Duration)
	}
	return nil
}

// With returns the rules with the given policies for scenarios. An unknown name is an error,
// which suggests similar names or says why a document with that name was skipped. A policy
// that makes no sense is an error too. A [Detector] that switches to the new rules keeps its
// buckets.
func (r *Rules) With(policies map[string]Policy) (*Rules, error) {
	changed := *r
	changed.scenarios = slices.Clone(r.scenarios)
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		p := policies[name]
		i := slices.IndexFunc(changed.scenarios, func(s *scenario) bool { return s.name == name })
		if i < 0 {
			wrong = append(wrong, r.unknown(name))
			continue
		}
		err := p.check()
		if err == nil && p.Action != lookup.None && changed.scenarios[i].guard != event.NoGuard {
			err = fmt.Errorf("%v: this scenario guards a %v and makes no decision about a client: want alert, or no policy", p.Action, changed.scenarios[i].guard)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("scenario %s: %w", name, err))
			continue
		}
		changed.scenarios[i] = p.of(changed.scenarios[i])
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return &changed, nil
}

// of returns the scenario with the policy applied.
func (p Policy) of(old *scenario) *scenario {
	s := *old
	if p.AlertOnly {
		s.remediation, s.action, s.duration, s.guard = false, lookup.None, 0, event.NoGuard
		return &s
	}
	if p.Action != lookup.None {
		s.remediation, s.action, s.ordered = true, p.Action, true
		s.simulated = false
	}
	if p.Duration > 0 {
		s.duration = p.Duration
	}
	return &s
}

func (r *Rules) unknown(name string) error {
	for _, s := range r.skipped {
		if s.Name == name {
			return fmt.Errorf("scenario %s cannot run: %s: %s", name, s.File, s.Reason)
		}
	}
	if like := nearest(name, r.Names()); len(like) > 0 {
		return fmt.Errorf("there is no scenario %q: did you mean %s?", name, strings.Join(like, ", "))
	}
	return fmt.Errorf("there is no scenario %q", name)
}
