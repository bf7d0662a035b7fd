package waf

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
)

// maxAlso is how many further rules a reason names after the first one.
const maxAlso = 3

// verdict decides on a request from the rules that it matches.
func (i *Inspector) verdict(in *Inspection, r *http.Request, d *inspect.Details) inspect.Verdict {
	matches := i.counted(in, r, d)
	if len(matches) == 0 {
		return inspect.Verdict{}
	}
	first := slices.IndexFunc(matches, i.stops)
	v := inspect.Verdict{Found: &inspect.Found{Findings: i.findings(in, matches, first)}}
	if first < 0 {
		i.counts.told.Add(1)
		return v
	}
	m := &matches[first]
	if i.observes(d) {
		v.Found.Findings[0].Simulated = true
		i.counts.told.Add(1)
		return v
	}
	v.Action, v.Status, v.Answered = i.actionOf(m.Rule), http.StatusForbidden, true
	if status := i.rules.policy.Status; status >= 400 && status <= 599 {
		v.Status = status
	}
	v.Reason, v.Likely = reasonOf(matches, first), m.Rule.Confidence == Likely
	i.counts.stopped[v.Action].Add(1)
	return v
}

// counted returns the matches that no exception covers, and counts all matches.
func (i *Inspector) counted(in *Inspection, r *http.Request, d *inspect.Details) []Match {
	var all []Match
	for _, m := range in.Matches() {
		n := i.of(m.Rule)
		if i.isExcepted(m.Rule.Name, r, d) {
			n.excepted.Add(1)
			continue
		}
		n.matched.Add(1)
		all = append(all, m)
	}
	// A certain rule comes first and becomes the reason, wherever it stands among the rules.
	slices.SortStableFunc(all, func(a, b Match) int { return int(a.Rule.Confidence) - int(b.Rule.Confidence) })
	return all
}

func (i *Inspector) isExcepted(rule string, r *http.Request, d *inspect.Details) bool {
	if d.Except != nil && d.Except(rule) {
		return true
	}
	return slices.ContainsFunc(i.cfg.Except, func(e Exception) bool { return e.covers(rule, r) })
}

// stops reports whether the rule of m stops requests.
func (i *Inspector) stops(m Match) bool {
	return !m.Rule.OutOfBand && i.actionOf(m.Rule) != lookup.None
}

func (i *Inspector) observes(d *inspect.Details) bool {
	return d.Mode == inspect.Observe || d.Mode == inspect.ModeDefault && i.cfg.Observe
}

// actionOf returns the action of a rule. A word that is valid in appsec-configs but has no
// meaning here is a ban, as everywhere else.
func (i *Inspector) actionOf(r *Rule) lookup.Action {
	word := r.Remediation
	if word == "" {
		word = i.rules.policy.Remediation
	}
	switch {
	case word == "allow":
		return lookup.None
	case word == "captcha", word == "challenge", r.Confidence == Likely:
		return lookup.Captcha
	}
	return lookup.Ban
}

// findings returns the findings to report. Of the rules that stop requests it reports only
// the first, as CrowdSec's engine does: two rules that stop the same request are one attack.
func (i *Inspector) findings(in *Inspection, matches []Match, first int) []event.Finding {
	all := make([]event.Finding, 0, 1)
	if first >= 0 {
		all = append(all, i.finding(in, &matches[first]))
	}
	for n := range matches {
		if !i.stops(matches[n]) {
			all = append(all, i.finding(in, &matches[n]))
		}
	}
	return all
}

func (i *Inspector) finding(in *Inspection, m *Match) event.Finding {
	p := &i.rules.policy
	f := event.Finding{
		Inspector: Name, Rule: m.Rule.Name, Hash: m.Rule.Hash, Version: m.Rule.Version, Message: m.Rule.Description, Zones: m.plainZones(),
		Likely: m.Rule.Confidence == Likely, Alert: !p.NoAlert, Quiet: p.NoEvent,
	}
	if f.Message == "" {
		f.Message = f.Rule
	}
	if m.Rule.OutOfBand {
		f.Alert, f.Quiet = p.AlsoAlert || m.Rule.told, false
	}
	if i.cfg.LogPayload {
		f.Payload = strings.ToValidUTF8(string(m.payload), "\ufffd")
	}
	return f
}

// reasonOf returns a short text that names the rules that stop a request, without the text
// that they matched.
func reasonOf(matches []Match, first int) string {
	var b strings.Builder
	b.WriteString(matches[first].Rule.Name + " in " + strings.Join(matches[first].plainZones(), ", "))
	also := 0
	for n := range matches {
		if n == first || matches[n].Rule.OutOfBand {
			continue
		}
		if also++; also > maxAlso {
			b.WriteString(" and more")
			break
		}
		b.WriteString("; also " + matches[n].Rule.Name)
	}
	return b.String()
}

// plainZones returns the zones of a match. It keeps the name of a value only if it looks
// like a name, because the client chooses it and may put the attack there.
func (m *Match) plainZones() []string {
	var all []string
	for _, at := range m.Zones {
		if zone, name, named := strings.Cut(at, "."); named && !isPlain(name) {
			at = zone
		}
		if !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	return all
}

// isPlain reports whether a name has only letters, digits and the separators _ - . [ ].
func isPlain(name string) bool {
	const most = 64
	for _, c := range []byte(name) {
		if _, isDigit := unhex(c); !isDigit && (lowered[c] < 'a' || lowered[c] > 'z') && !strings.ContainsRune("_-.[]", rune(c)) {
			return false
		}
	}
	return len(name) <= most
}
