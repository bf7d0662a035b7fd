package challenge

import (
	"errors"
	"fmt"
	"net/http"
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

	level      Level
	ttl        time.Duration
	raise, bar int
	wait       time.Duration
}

// The bounds and defaults of a [Config].
const (
	minTTL, defaultTTL, maxTTL = time.Minute, 30 * time.Minute, 24 * time.Hour
	minWait, maxWait           = 5 * time.Second, time.Minute
	defaultRaise, defaultBar   = 1, 20
)

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
	g := &Gate{
		keys: c.Keys, memory: c.Memory, counters: c.Counters, page: page,
		level: c.Level, ttl: c.TTL, raise: c.Raise, bar: c.Bar, wait: c.Wait,
	}
	if c.Provider != nil {
		g.hosted = &hostedProvider{Provider: c.Provider, failed: c.Failed}
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
	return c
}

// Judge says what is to become of r, for which a challenge is due. It writes
// nothing.
//
// Barred comes first: who has solved too many challenges could live on the passes
// that they earned. Nothing is exempt from that, as from any ban.
func (g *Gate) Judge(r *http.Request, v Visitor) Verdict {
	now, from := time.Now(), networkOf(v.Addr)
	switch {
	case g.memory.barred(from, g.bar, now):
		g.counters.barred.Add(1)
		return Barred
	case !v.Request && exempt(r):
		return Exempt
	case g.passes(r, v, now):
		g.counters.passed.Add(1)
		return Passed
	default:
		return Due
	}
}

// passes reports whether r carries a pass that counts for v.
func (g *Gate) passes(r *http.Request, v Visitor, now time.Time) bool {
	from := networkOf(v.Addr)
	b := bindingOf(r, from)
	for value := range cookies(r.Header["Cookie"], cookieName(r, from)) {
		t, ok := parseToken(value)
		if ok && g.counts(t, v.Since, now) && g.keys.open(t, &b) != nil {
			return true
		}
	}
	return false
}

// counts reports whether t, if it is genuine, is a pass that is good enough. One
// that was issued before the decision came into force is not: it would let an
// offender live on what was earned before; nor is one from the same millisecond,
// in doubt. The time to live is the shorter of the pass's and the gate's, so that
// a new policy holds for old passes too.
func (g *Gate) counts(t token, since, now time.Time) bool {
	return t.kind() == pass && t.level() >= g.level && t.level() <= High &&
		t.live(now) && now.Before(t.issued().Add(g.ttl)) && !t.issued().Before(since)
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
	b := bindingOf(r, from)
	k := &g.keys.all()[0]
	s := statement{kind: g.kindFor(r, now), level: g.levelFor(from, now), now: now, ttl: challengeTTL}
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
	if g.wait > 0 {
		// As long again with every level, as the work is more.
		c.Wait = g.wait << (s.level - g.level)
		s.kind, s.ttl = waiting, c.Wait.Truncate(time.Second)+challengeTTL
		c.WaitToken = k.seal(s, &b).String()
	}
	return c
}

// kindFor returns what kind of challenge is sent to who sent r.
func (g *Gate) kindFor(r *http.Request, now time.Time) kind {
	switch {
	case g.hosted == nil || !g.hosted.up(now):
		return embedded
	case !g.boxed:
		return hosted
	case !secure(r):
		return embedded // the widget would only say that it needs HTTPS
	default:
		return boxed
	}
}

// secure reports whether a browser has the means of cryptography on the page that
// answers r. Behind a proxy only a header tells, which anybody can send: both
// kinds of work are open to who lies.
func secure(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" || loopback(hostOf(r))
}

// levelFor returns the level of the next challenge of a network.
func (g *Gate) levelFor(from network, now time.Time) Level {
	if g.raise < 0 {
		return g.level
	}
	raised := g.memory.solved(from, now) / g.raise
	return g.level + Level(min(raised, int(High-g.level)))
}

// Counters returns what the gate adds to.
func (g *Gate) Counters() *Counters { return g.counters }
