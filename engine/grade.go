package engine

import (
	"cmp"
	"hash/maphash"
	"net/netip"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

const (
	leastIgnored    = 30 * time.Minute           // the shortest ban for ignored challenges
	ignoredPages    = 40                         // different pages requested under a captcha without solving it
	ignoredScenario = "tocsin/challenge-ignored" // the scenario of that alert
)

// wish returns the action for a, and its duration at the first time. The operator's
// policy for the scenario comes first, then that for all scenarios, then the scenario's
// own. A mild or unproven alert leads to a challenge at most.
func (l *locals) wish(a *event.Alert) (action lookup.Action, length time.Duration) {
	theirs := min(cmp.Or(a.Action, lookup.Ban), lookup.Ban)
	if a.Mild || a.Unproven {
		defer func() { action = min(action, lookup.Captcha) }()
	}
	switch {
	case a.Ordered:
		return theirs, cmp.Or(a.Duration, l.cfg.Duration, defaultLocal)
	case l.cfg.Action != lookup.None:
		return l.cfg.Action, cmp.Or(l.cfg.Duration, a.Duration, defaultLocal)
	default:
		return theirs, cmp.Or(l.cfg.Duration, a.Duration, defaultLocal)
	}
}

// goesOn reports whether a, whose scenario itself asks for a captcha, is about a client
// that has solved a challenge and continues.
func (l *locals) goesOn(a *event.Alert, p netip.Prefix, action lookup.Action, now time.Time) bool {
	if action != lookup.Captcha || a.Mild || a.Unproven || a.Ordered || l.cfg.Action != lookup.None {
		return false
	}
	was := l.lasting(holding{p, lookup.Captcha}, now)
	return was != nil && a.Start.After(was.first)
}

// lasting returns the decision held at at, or nil if there is none or it has expired.
func (l *locals) lasting(at holding, now time.Time) *local {
	if d := l.held.get(at); d != nil && now.Before(d.Until) {
		return d
	}
	return nil
}

// ignored records that a client was challenged for a page because of the local decision
// d. It reports whether the client must be banned: a scanner continues whatever the
// response is, but a browser waits for its user.
func (l *locals) ignored(d *lookup.Decision, page uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.held.get(holding{d.Prefix, lookup.Captcha})
	if one == nil {
		return false
	}
	if slices.Contains(one.pages, page) || len(one.pages) >= ignoredPages { // the alert was raised before
		return false
	}
	one.pages = append(one.pages, page)
	return len(one.pages) == ignoredPages
}

// solved forgets the pages that a client requested before it solved the challenge,
// because others may share its address.
func (l *locals) solved(p netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one := l.held.get(holding{p, lookup.Captcha}); one != nil {
		one.pages = nil
	}
}

// Challenged records that the client at ip, with a user agent, got a challenge because
// of d when it requested page, or has solved it. A solution counts in its favour. A
// client that requests many pages without solving the challenge is banned, as by an
// [Engine.Alert].
func (e *Engine) Challenged(ip netip.Addr, agent string, d lookup.Decision, page string, solved bool) {
	now := time.Now()
	switch {
	case solved:
		e.local.solved(event.ClientOf(ip))
		if w := e.observation.reputation; w != nil {
			w.Vouch(ip, now)
		}
	case d.Source == LocalSource && d.Action == lookup.Captcha && d.Prefix.IsValid() && e.local.ignored(&d, maphash.String(e.seed, page)):
		e.Alert(event.Alert{
			Scenario: ignoredScenario, Message: ip.String() + " requests many pages and solves no challenge",
			Client: ip, Prefix: d.Prefix, Start: d.Since, Stop: now, Count: ignoredPages, Capacity: ignoredPages - 1,
			Remediation: true, Action: lookup.Ban, Duration: max(leastIgnored, 2*now.Sub(d.Since)),
			Context: []event.Context{{Time: now, Target: page, UserAgent: agent}},
		})
	}
}
