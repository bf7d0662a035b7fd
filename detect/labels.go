package detect

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// ownLabels are the settings from labels that only this package knows. CrowdSec ignores them.
// [Builtin] lists them.
type ownLabels struct {
	byKnown, byFound bool
	byLogins         bool
	byCodes          bool
	forgiven         bool
	mild             bool
	guard            event.Guard
	teaches          bool // no site has the pages that the filter matches
	sought           bool // an answer does not prove that the place serves other pages
}

// foundPerMissing is how many existing pages compensate one missing page. More than one, because
// a client that searches also knows some real pages and can request them in between.
const foundPerMissing = 2

// creditFactor is how many times the capacity a client with credit may use.
const creditFactor = 4

func (d *scenarioDoc) readOwnLabels(s *scenario) error {
	for word := range strings.FieldsSeq(s.labels["credit"]) {
		switch word {
		case "known":
			s.byKnown = true
		case "found":
			s.byFound = true
		case "logins":
			s.byLogins = true
		case "codes":
			s.byCodes = true
		default:
			return &keyError{"credit", fmt.Errorf("%q: want known, found, logins, codes, or several of them", word)}
		}
	}
	switch by := s.labels["forgiven_by"]; {
	case by == "":
	case by != "login":
		return &keyError{"forgiven_by", fmt.Errorf("%q: want login", by)}
	case s.distinct == nil:
		return &keyError{"forgiven_by", fmt.Errorf("%q: requires the key distinct too", by)}
	default:
		s.forgiven = true
	}
	if s.byLogins && !s.forgiven {
		return &keyError{"credit", errors.New(`"logins": requires forgiven_by: login too`)}
	}
	return s.readGuardLabels()
}

// readGuardLabels reads the labels guard, at_most and teaches.
func (s *scenario) readGuardLabels() error {
	switch most := s.labels["at_most"]; most {
	case "":
	case lookup.Captcha.String():
		s.mild = true
	default:
		return &keyError{"at_most", fmt.Errorf("%q: want captcha", most)}
	}
	switch guard := s.labels["guard"]; guard {
	case "":
	case event.GuardPlace.String():
		s.guard = event.GuardPlace
	case event.GuardNetwork.String():
		s.guard = event.GuardNetwork
	default:
		return &keyError{"guard", fmt.Errorf("%q: want place or network", guard)}
	}
	switch teaches := s.labels["teaches"]; teaches {
	case "":
	case outcomeMissing:
		s.teaches, s.sought = true, true
	case "sought":
		s.sought = true
	default:
		return &keyError{"teaches", fmt.Errorf("%q: want missing or sought", teaches)}
	}
	return nil
}

// remembers reports whether the rule depends on earlier events.
func (r *rule) remembers() bool {
	var deps fieldSet
	for _, e := range r.expressions() {
		deps |= e.deps
	}
	return r.byKnown || r.byFound || r.forgiven || r.sought || deps&(fieldOutcome.set()|fieldLogin.set()|fieldMember.set()) != 0
}

// credit returns how many extra events the client may add to the bucket.
func (p pouredEvent) credit() float64 {
	r := p.rule
	if !r.byKnown && !r.byFound {
		return 0
	}
	m, credit := p.clients.behaviour(p.view.clientKey(), p.now), 0
	if r.byFound {
		credit = min(m.found/foundPerMissing, creditFactor*r.capacity)
	}
	if r.byKnown && m.known {
		credit += (creditFactor - 1) * r.capacity
	}
	return float64(credit)
}

// maxUnnamed returns how many failures in a bucket logins without a user name may take back.
// For a place where a thousand people log in there is no limit, because each client also has
// its own bucket.
func (r *rule) maxUnnamed() int {
	if r.guard != event.NoGuard {
		return math.MaxInt
	}
	return creditFactor * r.capacity
}

// An alertTarget is the subject of a bucket's alert.
type alertTarget struct {
	network netip.Prefix
	place   string
}

func (p pouredEvent) target() alertTarget {
	switch p.rule.guard {
	case event.GuardPlace:
		return alertTarget{p.view.client, p.view.guardedPlace()}
	case event.GuardNetwork:
		return alertTarget{network: event.NetworkOf(p.view.evt.Client)}
	}
	return alertTarget{network: p.view.client}
}

// guardedPlace returns the place that the guard is for.
func (v *view) guardedPlace() string {
	if place, ok := v.loginPlace(); ok {
		return place
	}
	return v.spot()
}
