package detect

import (
	"fmt"
	"net/netip"
	"strings"
)

// ours is what labels say that only we know; to CrowdSec they are labels like all
// others:
//
//	credit: known            who has shown credentials that the site accepted may do four times as much
//	credit: found            each page that was there makes up for one that was not, up to four times the capacity
//	forgiven_by: login       a login that succeeds takes back the failures of the same name before it
//	guard: place|network     asks for a guard, not for a decision: see Alert.Guard
//	teaches: missing         no site has what the filter is about: its answer is how the site answers for what it has not
type ours struct {
	byKnown, byFound bool
	forgiven         bool
	guard            Guard
	teaches          bool
}

// generosity is how many times the capacity credit allows.
const generosity = 4

func (d *scenarioDoc) ownLabels(s *scenario) error {
	for word := range strings.FieldsSeq(s.labels["credit"]) {
		switch word {
		case "known":
			s.byKnown = true
		case "found":
			s.byFound = true
		default:
			return &keyError{"credit", fmt.Errorf("%q: want known, found, or both", word)}
		}
	}
	switch by := s.labels["forgiven_by"]; {
	case by == "":
	case by != "login":
		return &keyError{"forgiven_by", fmt.Errorf("%q: want login", by)}
	case s.distinct == nil:
		return &keyError{"forgiven_by", fmt.Errorf("%q: it needs distinct values, to know what to take back", by)}
	default:
		s.forgiven = true
	}
	switch guard := s.labels["guard"]; guard {
	case "":
	case GuardPlace.String():
		s.guard = GuardPlace
	case GuardNetwork.String():
		s.guard = GuardNetwork
	default:
		return &keyError{"guard", fmt.Errorf("%q: want place or network", guard)}
	}
	switch teaches := s.labels["teaches"]; teaches {
	case "":
	case outcomeMissing:
		s.teaches = true
	default:
		return &keyError{"teaches", fmt.Errorf("%q: want missing", teaches)}
	}
	return nil
}

// remembers reports whether the rule asks for what happened before.
func (r *rule) remembers() bool {
	var deps fieldSet
	for _, e := range r.expressions() {
		deps |= e.deps
	}
	return r.byKnown || r.byFound || r.forgiven || r.teaches || deps&(fieldOutcome.set()|fieldLogin.set()) != 0
}

// credit returns how many more events the client may pour than others.
func (p pouring) credit() float64 {
	r := p.rule
	if !r.byKnown && !r.byFound {
		return 0
	}
	m, credit := p.clients.merit(p.view.clientKey(), p.now), 0
	if r.byFound {
		credit = min(m.found, generosity*r.capacity)
	}
	if r.byKnown && m.known {
		credit += (generosity - 1) * r.capacity
	}
	return float64(credit)
}

// A guarded is what the alert of a bucket is about.
type guarded struct {
	network netip.Prefix
	place   string
}

func (p pouring) guarded() guarded {
	switch p.rule.guard {
	case GuardPlace:
		return guarded{p.view.client, p.view.spot()}
	case GuardNetwork:
		return guarded{network: NetworkOf(p.view.evt.Client)}
	}
	if p.view.evt.Attribution != Own {
		return guarded{p.view.client, p.view.spot()}
	}
	return guarded{network: p.view.client}
}
