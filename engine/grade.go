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
	leastIgnored    = 30 * time.Minute           // that who does that is banned for
	ignoredPages    = 40                         // different ones, asked for under a captcha and without solving it
	ignoredScenario = "tocsin/challenge-ignored" // of the alert about who does that
)

// wish returns what is to be done on a, and for how long the first time. The
// operator's word about the scenario comes first, then that about all scenarios, then
// what the scenario asks for. What is mild or unproven is a challenge at most.
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

// goesOn reports whether a, which asks for a captcha by its own wish, is about what a
// client has done since it was asked for one: it has solved it, and goes on.
func (l *locals) goesOn(a *event.Alert, p netip.Prefix, action lookup.Action, now time.Time) bool {
	if action != lookup.Captcha || a.Mild || a.Unproven || a.Ordered || l.cfg.Action != lookup.None {
		return false
	}
	was := l.lasting(holding{p, lookup.Captcha}, now)
	return was != nil && a.Start.After(was.first)
}

// lasting returns the decision held at at, nil if there is none or it is over.
func (l *locals) lasting(at holding, now time.Time) *local {
	if d := l.held.get(at); d != nil && now.Before(d.Until) {
		return d
	}
	return nil
}

// ignored notes that a client was challenged because of d, which is local, when it
// asked for a page, and reports whether that is to be its end: a search goes on
// whatever it is answered, a browser waits for somebody to come back.
func (l *locals) ignored(d *lookup.Decision, page uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.held.get(holding{d.Prefix, lookup.Captcha})
	if one == nil {
		return false
	}
	if slices.Contains(one.pages, page) || len(one.pages) >= ignoredPages { // the latter was said
		return false
	}
	one.pages = append(one.pages, page)
	return len(one.pages) == ignoredPages
}

// solved forgets what a client asked for before it solved the challenge: others may
// share its address.
func (l *locals) solved(p netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one := l.held.get(holding{p, lookup.Captcha}); one != nil {
		one.pages = nil
	}
}

// Challenged is told that the client at ip, with a user agent, was asked to solve a
// challenge because of d when it asked for page, or has solved it. Who solves one is
// given credit for that; who goes on to ask for one page after the other without is
// banned, as by an [Engine.Alert] about it.
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
			Scenario: ignoredScenario, Message: ip.String() + " asks for one page after the other and solves no challenge",
			Client: ip, Prefix: d.Prefix, Start: d.Since, Stop: now, Count: ignoredPages, Capacity: ignoredPages - 1,
			Remediation: true, Action: lookup.Ban, Duration: max(leastIgnored, 2*now.Sub(d.Since)),
			Context: []event.Context{{Time: now, Target: page, UserAgent: agent}},
		})
	}
}
