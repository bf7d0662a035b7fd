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

// A Policy says what is to be done about the alerts of a scenario, in place of
// what the scenario says.
type Policy struct {
	// AlertOnly says that nothing is to be done but to tell of them. Action and
	// Duration have to be zero then.
	AlertOnly bool
	// Action is what to do. Default: as the scenario says.
	Action lookup.Action
	// Duration is for how long. Default: as the scenario says.
	Duration time.Duration
}

func (p Policy) check() error {
	switch {
	case p.AlertOnly && (p.Action != lookup.None || p.Duration != 0):
		return errors.New("an alert alone has no action and no duration")
	case p.Action > lookup.Ban:
		return fmt.Errorf("%v: want ban, captcha or throttle", p.Action)
	case p.Duration < 0:
		return fmt.Errorf("duration %v: want more than 0", p.Duration)
	}
	return nil
}

// With returns the rules with other policies for the scenarios that they name. It
// fails on a name that no scenario has, and says which are like it, or why one of
// that name was skipped, and on a policy that makes no sense. A [Detector] that goes over to the
// new rules keeps its buckets.
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
			err = fmt.Errorf("%v: it guards a %v and decides about nobody: want an alert alone, or no policy", p.Action, changed.scenarios[i].guard)
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

// of returns the scenario with the policy.
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
