package challenge

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A Gate asks visitors for a proof, checks it, and remembers it in a cookie. Its
// methods may be called by many goroutines at once.
type Gate struct {
	keys     *Keyring
	memory   *Memory
	counters *Counters
	page     *page
	hosted   *hostedProvider // nil for none
	boxed    bool            // its widget solves puzzles of ours

	rules  rules
	ttl    time.Duration
	wait   time.Duration
	hosts  hosts
	isTLS  func(*http.Request) bool
	framed bool // its pages may be in frames of other sites
}

// The bounds and defaults of a [Config].
const (
	minTTL, defaultTTL, maxTTL = time.Minute, 30 * time.Minute, 24 * time.Hour
	minWait, maxWait           = 5 * time.Second, time.Minute
	defaultRaise, defaultBar   = 5, 20
)

// keptFor is how long a pass can be renewed, from when it was earned: who works all
// day proves once a day that somebody is there.
const keptFor = 24 * time.Hour

// New returns a gate. It starts nothing, and an error names the option that it
// cannot be made with.
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
		g.hosted = &hostedProvider{Provider: c.Provider, failed: c.Failed, asked: &c.Memory.asked}
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

// Judge says what is to become of r, for which a challenge is due. It writes
// nothing: see [Gate.Renew].
//
// A pass comes before all else. What others behind an address do costs nobody the pass
// that he has; and what is exempt is reduced, while a pass opens the whole site.
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

// BarredFor returns for how long the verdict about r is [Barred], 0 if it is not.
func (g *Gate) BarredFor(r *http.Request, v Visitor) time.Duration {
	return g.barred(r, v, time.Now())
}

func (g *Gate) barred(r *http.Request, v Visitor, now time.Time) time.Duration {
	return g.memory.barred(g.solver(r, v, now), g.rules, now, now)
}

// pass returns the pass of r that counts for v, and whether there is one.
func (g *Gate) pass(r *http.Request, v Visitor, now time.Time) (token, bool) {
	from := networkOf(v.Addr)
	var b *binding // made for who brings a pass alone
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

// counts reports whether t, if it is genuine, is a pass that is good enough. One
// that was issued before the decision came into force is not: it would let an
// offender live on what was earned before; nor is one from the same millisecond,
// in doubt. The time to live is the shorter of the pass's and the gate's, so that
// a new policy holds for old passes too.
func (g *Gate) counts(t token, since, now time.Time) bool {
	return t.kind() == pass && t.level() >= g.rules.level && t.level() <= High &&
		t.live(now) && now.Before(t.renewed().Add(g.ttl)) && !t.issued().Before(since)
}

// solver returns who sent r. One whose pass has ended by itself, and not by what was
// done since, returns: what others do makes nothing harder for who is known. A pass is
// good for one return. One that still counts is good for none: who has it need not solve
// anything, and a farm would send it along with every answer.
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
			s.ended = t.nonce()
			break
		}
	}
	return s
}

// Renew has the pass of r, whose verdict is [Passed], hold for its whole time from now
// on: a pass that is used does not end in the middle of things, until a day after it
// was earned. It adds a cookie to the answer once a tenth of the time is over, and to
// answers for people and scripts alone: those with pictures and the like may be kept
// by a cache.
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

// isPersonal reports whether the answer to r is for who has sent it alone, mostly.
func isPersonal(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Dest") {
	case "", "document", "iframe", "empty":
		return true
	}
	return r.Method != http.MethodGet && r.Method != http.MethodHead
}

// Challenge answers a request whose verdict is [Due]: with a page that a browser
// solves, or with an explanation for programs, which gets no challenge. A form that
// the request posts is kept in the page if a page of the same origin sent it.
//
// Nothing is remembered about a challenge, and no cookie is set or deleted: of
// several tabs, none spoils the other's.
func (g *Gate) Challenge(w http.ResponseWriter, r *http.Request, v Visitor) {
	c := challengeFor{Visitor: v}
	if navigates(r) {
		c.Form, c.Lost = keptForm(w, r)
	}
	g.challenge(w, r, c)
}

// challenge serves what c describes, with a new challenge for a browser.
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
		s.level = High // wrong answers are no way to an easier challenge
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
		// As long again with every level, as the work is more.
		c.Wait = g.wait << (s.level - g.rules.level)
		s.kind, s.ttl = waiting, c.Wait.Truncate(time.Second)+challengeTTL
		c.WaitToken = k.seal(s, &b).String()
	}
	return c
}

// kindFor returns what kind of challenge is sent to who sent r.
func (g *Gate) kindFor(r *http.Request, from network, now time.Time) kind {
	switch {
	case g.hosted == nil || !g.hosted.up(now):
		return embedded
	case !g.boxed && g.hosted.asked.spent(from, now):
		return embedded
	case !g.boxed:
		return hosted
	case !g.https(r) && !loopback(hostOf(r)):
		return embedded // the widget would only say that it needs HTTPS
	default:
		return boxed
	}
}

// https reports whether the browser has asked by HTTPS.
func (g *Gate) https(r *http.Request) bool { return r.TLS != nil || g.isTLS(r) }

// forwardedTLS is the default of Config.HTTPS. Anybody can send the header, and gains
// nothing: a browser does not, and who claims HTTPS gets a cookie that is for HTTPS.
func forwardedTLS(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// Counters returns what the gate adds to.
func (g *Gate) Counters() *Counters { return g.counters }
