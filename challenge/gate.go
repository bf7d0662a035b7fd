package challenge

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A Gate sends challenges, checks the answers, and sets the cookies with passes. It is
// safe for use by many goroutines.
type Gate struct {
	keys     *Keyring
	memory   *Memory
	counters *Counters
	page     *page
	hosted   *hostedProvider // nil: none
	boxed    bool            // its widget solves the gate's puzzles

	rules  rules
	ttl    time.Duration
	wait   time.Duration
	hosts  hosts
	isTLS  func(*http.Request) bool
	framed bool // its pages may be shown in frames of other sites
}

// The limits and defaults of a [Config].
const (
	minTTL, defaultTTL, maxTTL = time.Minute, 30 * time.Minute, 24 * time.Hour
	minWait, maxWait           = 5 * time.Second, time.Minute
	defaultRaise, defaultBar   = 5, 20
)

// keptFor limits how long a pass can be renewed after it was earned: a visitor solves
// one challenge a day, even in constant use.
const keptFor = 24 * time.Hour

// New returns a gate and starts nothing. An error names the invalid option.
func New(c Config) (*Gate, error) {
	c = c.withDefaults()
	switch {
	case c.Keys == nil || len(c.Keys.all()) == 0:
		return nil, errors.New("making a challenge gate: no keys")
	case c.Level > High:
		return nil, fmt.Errorf("making a challenge gate: level %d: want %d to %d", c.Level, Low, High)
	case c.TTL < minTTL || c.TTL > maxTTL:
		return nil, fmt.Errorf("making a challenge gate: TTL %v: want %v to %v", c.TTL, minTTL, maxTTL)
	case c.Wait != 0 && (c.Wait < minWait || c.Wait > maxWait):
		return nil, fmt.Errorf("making a challenge gate: wait %v: want %v to %v, or none", c.Wait, minWait, maxWait)
	}
	page, err := newPage(c.Page)
	if err != nil {
		return nil, fmt.Errorf("making a challenge gate: %w", err)
	}
	shared, err := parseHosts(c.Hosts)
	if err != nil {
		return nil, fmt.Errorf("making a challenge gate: %w", err)
	}
	g := &Gate{
		keys: c.Keys, memory: c.Memory, counters: c.Counters, page: page,
		rules: rules{level: c.Level, raise: c.Raise, bar: c.Bar},
		ttl:   c.TTL, wait: c.Wait, hosts: shared, isTLS: c.HTTPS, framed: len(c.Page.FrameAncestors) > 0,
	}
	if c.Provider != nil {
		g.hosted = &hostedProvider{Provider: c.Provider, onFailure: c.Failed, asked: &c.Memory.asked}
		g.boxed = c.Provider.Widget().Puzzle
	}
	return g, nil
}

func (c Config) withDefaults() Config {
	if c.Memory == nil {
		c.Memory = new(Memory)
	}
	if c.Counters == nil {
		c.Counters = new(Counters)
	}
	if c.Level == 0 {
		c.Level = Medium
	}
	if c.TTL == 0 {
		c.TTL = defaultTTL
	}
	if c.Raise == 0 {
		c.Raise = defaultRaise
	}
	if c.Bar == 0 {
		c.Bar = defaultBar
	}
	if c.HTTPS == nil {
		c.HTTPS = forwardedTLS
	}
	return c
}

// Judge decides about r, for which a challenge is due. It writes nothing: see
// [Gate.Renew].
//
// A pass is checked first. It stays valid whatever other clients behind the address do.
// It also lets an exempt request through unreduced.
func (g *Gate) Judge(r *http.Request, v Visitor) Verdict {
	now := time.Now()
	if t, ok := g.pass(r, v, now); ok {
		g.memory.use(t.nonce())
		g.counters.passed.Add(1)
		return Passed
	}
	if !v.Request && exempt(r) {
		return Exempt
	}
	if g.barred(r, v, now) > 0 {
		g.counters.barred.Add(1)
		return Barred
	}
	return Due
}

// BarredFor returns how long the verdict about r will be [Barred], or 0 if it is not.
func (g *Gate) BarredFor(r *http.Request, v Visitor) time.Duration {
	return g.barred(r, v, time.Now())
}

func (g *Gate) barred(r *http.Request, v Visitor, now time.Time) time.Duration {
	return g.memory.barred(g.solver(r, v, now), g.rules, now, now)
}

// pass returns the pass in r that is valid for v, and whether there is one.
func (g *Gate) pass(r *http.Request, v Visitor, now time.Time) (token, bool) {
	from := networkOf(v.Addr)
	var b *binding // computed only if there is a pass
	for t := range g.passes(r, from, now) {
		if !g.counts(t, v.Since, now) {
			continue
		}
		if b == nil {
			b = new(g.bindingOf(r, from))
		}
		if g.keys.open(t, b) != nil {
			return t, true
		}
	}
	return token{}, false
}

// counts reports whether t, if its tag is right, is a sufficient pass. A pass from
// before the decision, or from the same millisecond, is not: otherwise an offender
// could continue with an earlier pass. The shorter time to live of the pass and the
// gate applies, so that a new setting holds for old passes too.
func (g *Gate) counts(t token, since, now time.Time) bool {
	return t.kind() == pass && t.level() >= g.rules.level && t.level() <= High &&
		t.live(now) && now.Before(t.renewed().Add(g.ttl)) && !t.issued().Before(since)
}

// solver identifies the sender of r. A client whose pass has expired (and was not
// voided by a new offence) is a returning client, and other clients do not make its
// challenge harder. Each pass counts for one return. A pass that is still valid does
// not count as a return: its client needs no challenge, and a farm would send it with
// every answer.
func (g *Gate) solver(r *http.Request, v Visitor, now time.Time) solver {
	from := networkOf(v.Addr)
	who := g.bindingOf(r, from)
	s := who.solverOf(r)
	var b *binding // made for who brings a pass alone
	for t := range g.passes(r, from, now) {
		if t.issued().Before(v.Since) || g.counts(t, v.Since, now) {
			continue
		}
		if b == nil {
			b = new(who)
		}
		if g.keys.open(t, b) != nil && g.memory.returns(t.nonce(), now) {
			s.expired = t.nonce()
			break
		}
	}
	return s
}

// Renew extends the pass of r, whose verdict is [Passed], by its full time to live, up
// to a day after it was earned. So a pass does not end while it is used. It adds a
// cookie to the response after a tenth of that time, and only to responses for people
// and scripts: caches may keep pictures and similar files.
func (g *Gate) Renew(w http.ResponseWriter, r *http.Request, v Visitor) {
	now := time.Now()
	t, ok := g.pass(r, v, now)
	if !ok || now.Sub(t.renewed()) < g.ttl/10 || !isPersonal(r) {
		return
	}
	ttl := min(g.ttl, t.issued().Add(keptFor).Sub(now).Truncate(time.Second))
	if now.Add(ttl).Sub(t.expires()) < time.Second {
		return
	}
	from := networkOf(v.Addr)
	b := g.bindingOf(r, from)
	g.setPass(w, r, from, g.keys.all()[0].renew(t, &b, now, ttl))
	g.counters.renewed.Add(1)
}

// isPersonal reports whether the response to r is usually for its sender only.
func isPersonal(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Dest") {
	case "", "document", "iframe", "empty":
		return true
	}
	return r.Method != http.MethodGet && r.Method != http.MethodHead
}

// Challenge answers a request whose verdict is [Due]. A browser gets a page that solves
// the challenge, a program gets an explanation without a challenge. The page keeps the
// form that the request posts, if a page of the same origin sent it.
//
// It stores nothing and neither sets nor deletes a cookie, so several tabs do not
// disturb each other.
func (g *Gate) Challenge(w http.ResponseWriter, r *http.Request, v Visitor) {
	c := challengeFor{Visitor: v}
	if navigates(r) {
		c.Form, c.Lost = keptForm(w, r)
	}
	g.challenge(w, r, c)
}

// challenge sends the page for c, with a new challenge if a browser asks.
func (g *Gate) challenge(w http.ResponseWriter, r *http.Request, c challengeFor) {
	if navigates(r) {
		c = g.issue(r, c)
		g.counters.issued.Add(1)
	}
	g.page.serve(w, r, c)
}

// issue fills c with a new challenge.
func (g *Gate) issue(r *http.Request, c challengeFor) challengeFor {
	now, from := time.Now(), networkOf(c.Addr)
	b := g.bindingOf(r, from)
	k := &g.keys.all()[0]
	by := g.solver(r, c.Visitor, now)
	level := g.memory.level(by, g.rules, now)
	s := statement{kind: g.kindFor(r, from, now), level: level, now: now, ttl: challengeTTL}
	if s.kind == embedded && g.hosted != nil && g.hosted.asked.spent(from, now) {
		s.level = High // wrong answers must not lead to an easier challenge
	}
	t := k.seal(s, &b)
	c.Token = t.String()
	if s.kind != hosted {
		p := k.pose(t)
		c.Puzzle = k.marshal(&p, t)
	}
	if s.kind != embedded {
		c.Widget = g.hosted.widget(c.Puzzle)
	} else if g.hosted != nil && !g.boxed {
		g.counters.fallback.Add(1)
	}
	if by = by.at(waiting); !c.Early && g.wait > 0 && g.memory.barred(by, g.rules, now, now) == 0 {
		s.level = g.memory.level(by, g.rules, now)
		// The wait doubles with each level, because the work grows too.
		c.Wait = g.wait << (s.level - g.rules.level)
		s.kind, s.ttl = waiting, c.Wait.Truncate(time.Second)+challengeTTL
		c.WaitToken = k.seal(s, &b).String()
	}
	return c
}

// kindFor returns the kind of challenge for the sender of r.
func (g *Gate) kindFor(r *http.Request, from network, now time.Time) kind {
	switch {
	case g.hosted == nil || !g.hosted.up(now):
		return embedded
	case !g.boxed && g.hosted.asked.spent(from, now):
		return embedded
	case !g.boxed:
		return hosted
	case !g.https(r) && !loopback(hostOf(r)):
		return embedded // the widget would only show that it needs HTTPS
	default:
		return boxed
	}
}

// https reports whether the browser used HTTPS.
func (g *Gate) https(r *http.Request) bool { return r.TLS != nil || g.isTLS(r) }

// forwardedTLS is the default of Config.HTTPS. A client gains nothing by sending the
// header itself: its cookie is then for HTTPS only.
func forwardedTLS(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// Counters returns the counters of the gate.
func (g *Gate) Counters() *Counters { return g.counters }
