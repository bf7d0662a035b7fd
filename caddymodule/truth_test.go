package caddymodule_test

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// A truth knows what the sources of an engine have said and when, and judges
// what the engine makes of it. It waits for nobody: what a source must have put
// into force by now is told by marks and not by the clock, so that a slow
// machine makes it lenient and not wrong.
type truth struct {
	locate func(netip.Addr) (string, uint32)

	mu    sync.Mutex
	feeds []*feed
}

// A feed is what one source has said.
type feed struct {
	name   string
	claims []*claim
	mark   mark
}

// A mark is what the table has from a source for sure.
type mark struct {
	at    time.Time    // the table shows what was said then, or later
	fulls [3]time.Time // when the last full answers were asked for that are in force, the latest first
	gap   bool         // something said since then has been lost: ends may be known without what came instead
}

// A moment is a time as well as it is known: a deed took place between the two.
type moment struct{ from, to time.Time }

// do returns the moment of a deed.
func do(deed func()) moment {
	m := moment{from: time.Now()}
	deed()
	m.to = time.Now()
	return m
}

func (m moment) add(d time.Duration) moment { return moment{m.from.Add(d), m.to.Add(d)} }

func (m moment) isZero() bool { return m.to.IsZero() }

// A claim is a decision that a source has made.
type claim struct {
	lookup.Decision // what it is about and asks for

	id         int64
	value, typ string // as they are spelled
	shared     bool   // it comes again when the source announces its lists again
	length     time.Duration

	began, until, ended moment // until: its own end; zero: never. ended: it was taken back
	odd                 bool   // its end need not show before the next full answer
	late                bool   // its own end is not known to the client
	fulls               int    // full answers that have to tell of its end by their silence; 0: it is told
}

const (
	// rounding is how much a source shortens or prolongs a decision by rounding,
	// to whole seconds.
	rounding = time.Second
	// delay is how long the answer that announces a decision is under way at the
	// most: by that its end, counted from its arrival, comes later.
	delay = 3 * time.Second
)

func (c *claim) sameTarget(o *claim) bool {
	return c.Prefix == o.Prefix && c.Country == o.Country && c.AS == o.AS && c.Action == o.Action
}

// end returns the first moment from which on c is not in force any more.
func (c *claim) end() moment {
	if c.ended.isZero() || !c.until.isZero() && c.until.from.Before(c.ended.from) {
		return c.until
	}
	return c.ended
}

func (c *claim) inForce(at time.Time) bool {
	return c.end().isZero() || c.end().from.After(at)
}

// surely returns from when on c was said without any doubt, and when it was taken
// back. It is of no use if by now it is over by its own end.
func (c *claim) surely(now time.Time) (from, to time.Time, ok bool) {
	to = now.Add(1)
	if !c.ended.isZero() && c.ended.from.Before(to) {
		to = c.ended.from
	}
	return c.began.to, to, c.until.isZero() || c.until.from.Add(-rounding).After(now)
}

// isGone reports whether the table cannot hold c any more, whose source has got
// as far as m at now.
func (c *claim) isGone(m mark, now time.Time) bool {
	if !c.until.isZero() && !c.late && c.until.to.Add(rounding+delay).Before(now) {
		return true // by its own end, whatever the source does
	}
	end := c.end()
	switch {
	case end.isZero():
		return false
	case c.fulls > 0:
		return end.to.Before(m.fulls[c.fulls-1])
	case c.odd:
		return end.to.Before(m.fulls[0])
	}
	return end.to.Before(m.at)
}

// covers reports whether c is about ip.
func (t *truth) covers(c *claim, ip netip.Addr) bool {
	if c.Prefix.IsValid() {
		return c.Prefix.Contains(lookup.Normalize(ip))
	}
	country, as := t.locate(lookup.Normalize(ip))
	return c.Country != "" && c.Country == country || c.AS != 0 && c.AS == as
}

func (t *truth) feed(name string) *feed {
	f := &feed{name: name}
	t.feeds = append(t.feeds, f)
	return f
}

// announce notes that deed makes claims.
func (t *truth) announce(f *feed, deed func() []*claim) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var made []*claim
	m := do(func() { made = deed() })
	for _, c := range made {
		c.began = m
		if c.length > 0 {
			c.until = m.add(c.length)
		}
	}
	for _, c := range made {
		for _, other := range f.claims {
			if other.sameTarget(c) {
				// Deletions do not say which of several spellings is left.
				other.odd = other.odd || c.odd
				c.odd = other.odd
			}
		}
		f.claims = append(f.claims, c)
	}
}

// takeBack notes that deed ends the claims in force that which picks. Their end
// is told, or, with untold, shows in the next full answer.
func (t *truth) takeBack(f *feed, untold bool, which func(*claim) bool, deed func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := do(deed)
	for _, c := range f.claims {
		if !which(c) {
			continue
		}
		if untold {
			c.fulls = max(c.fulls, 1) // of what has ended before, too
		}
		if !c.inForce(m.from) {
			continue
		}
		c.ended = m
		for _, other := range f.claims {
			if other != c && other.sameTarget(c) {
				other.late = true // the client may know it by the end of c
			}
		}
	}
}

// forget notes that deed loses all that f has said. A client does not believe
// such a loss before the third full answer.
func (t *truth) forget(f *feed, deed func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := do(deed)
	for _, c := range f.claims {
		c.shared = false // it is not announced again
		if !c.isGone(f.mark, m.from) {
			c.ended, c.fulls = m, len(f.mark.fulls)
		}
	}
}

// renew notes that deed announces the shared claims of f again, ended ones too,
// each with its whole length. The end that was known holds until that is told.
func (t *truth) renew(f *feed, deed func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := do(deed)
	for _, c := range slices.Clone(f.claims) {
		if !c.shared || c.fulls > 0 {
			continue
		}
		c.id, c.odd, c.shared = 0, true, false
		again := *c
		again.shared, again.late = true, false
		again.began, again.until, again.ended = m, m.add(c.length), moment{}
		f.claims = append(f.claims, &again)
	}
}

// rewrite notes that deed makes all the whole of what f says.
func (t *truth) rewrite(f *feed, all []netip.Prefix, action lookup.Action, deed func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := do(deed)
	for _, c := range f.claims {
		i := slices.Index(all, c.Prefix)
		switch {
		case !c.inForce(m.from):
		case i < 0:
			c.ended = m
		default:
			all = slices.Delete(slices.Clone(all), i, i+1)
		}
	}
	for _, p := range all {
		f.claims = append(f.claims, &claim{Decision: lookup.Decision{Prefix: p, Action: action}, value: p.String(), began: m})
	}
}

// advance moves the mark of f, and drops the claims that no longer matter.
func (t *truth) advance(f *feed, move func(*mark)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	move(&f.mark)
	// Lookups under way know older marks, but none that old.
	old := time.Now().Add(-30 * time.Second)
	f.claims = slices.DeleteFunc(f.claims, func(c *claim) bool {
		return !c.shared && !c.end().isZero() && c.end().to.Before(old) && c.isGone(f.mark, old)
	})
}

// pick returns the claims of f in force that which picks.
func (t *truth) pick(f *feed, which func(*claim) bool) []*claim {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	return slices.DeleteFunc(slices.Clone(f.claims), func(c *claim) bool { return !c.inForce(now) || !which(c) })
}

// A glance is the state of all marks before a lookup.
type glance struct {
	at    time.Time
	marks []mark
}

func (t *truth) glance() glance {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := glance{at: time.Now()}
	for _, f := range t.feeds {
		g.marks = append(g.marks, f.mark)
	}
	return g
}

// glanceAt returns the mark of f.
func (t *truth) glanceAt(f *feed) mark {
	t.mu.Lock()
	defer t.mu.Unlock()
	return f.mark
}

// judge returns what is wrong with the answer of a lookup that was begun after g.
func (t *truth) judge(g glance, ip netip.Addr, got lookup.Decision) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for i, f := range t.feeds {
		m := g.marks[i]
		m.gap = m.gap || f.mark.gap
		if d := t.strongest(f, ip, m, now); d > got.Action {
			return fmt.Errorf("%v gets %v, though %s asks for %v and did so when it was last heard%s",
				ip, got.Action, f.name, d, t.describe(ip))
		}
	}
	if got.Action == lookup.None {
		return nil
	}
	for i, f := range t.feeds {
		about := claim{Decision: got}
		if f.name == got.Source && slices.ContainsFunc(f.claims, func(c *claim) bool {
			return c.sameTarget(&about) && t.covers(c, ip) && !c.isGone(g.marks[i], g.at)
		}) {
			return nil
		}
	}
	return fmt.Errorf("%v gets %v, which %s has not said or has taken back: %+v%s", ip, got.Action, got.Source, got, t.describe(ip))
}

// strongest returns the strongest action that f asks for against ip in whichever
// of its states since m the table is: all the time from then on until now, by one
// claim after the other.
func (t *truth) strongest(f *feed, ip netip.Addr, m mark, now time.Time) lookup.Action {
	if m.at.IsZero() {
		return lookup.None
	}
	for action := lookup.Ban; action > lookup.None; action-- {
		at := m.at
		for moved := true; moved && !at.After(now); {
			moved = false
			for _, c := range f.claims {
				from, to, ok := c.surely(now)
				ok = ok && c.Action >= action && !from.After(at) && to.After(at)
				if ok && (!m.gap || !from.After(m.at)) && t.covers(c, ip) {
					at, moved = to, true
				}
			}
		}
		if at.After(now) {
			return action
		}
	}
	return lookup.None
}

// describe lists what is known about ip, for a report.
func (t *truth) describe(ip netip.Addr) string {
	ago := func(at time.Time) string {
		if at.IsZero() {
			return "never"
		}
		return time.Since(at).Round(time.Millisecond).String()
	}
	s := "\n(times are how long ago)"
	for _, f := range t.feeds {
		s += fmt.Sprintf("\n  %s: heard %s, full answers %s, %s, %s", f.name, ago(f.mark.at),
			ago(f.mark.fulls[0]), ago(f.mark.fulls[1]), ago(f.mark.fulls[2]))
		for _, c := range f.claims {
			if end := c.end().to; t.covers(c, ip) && (end.IsZero() || time.Since(end) < 5*time.Second) {
				s += fmt.Sprintf("\n    %s %q (%v, id %d) began %s, until %s, ended %s, odd %v, late %v, shared %v, fulls %d", c.typ, c.value,
					c.Action, c.id, ago(c.began.to), ago(c.until.to), ago(c.ended.to), c.odd, c.late, c.shared, c.fulls)
			}
		}
	}
	return s
}

// inStep returns an error unless the table has exactly what f says now.
func (t *truth) inStep(f *feed, table *lookup.Table) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	type target struct {
		what   string
		action lookup.Action
	}
	want := map[target]bool{}
	for _, c := range f.claims {
		if c.inForce(time.Now()) {
			want[target{c.Target(), c.Action}] = true
		}
	}
	for d := range table.All() {
		at := target{d.Target(), d.Action}
		if d.Source != f.name {
			continue
		}
		if !want[at] {
			return fmt.Errorf("%s: the table has %v on %s, and should not", f.name, d.Action, d.Target())
		}
		delete(want, at)
	}
	for at := range want {
		return fmt.Errorf("%s: the table lacks %v on %s", f.name, at.action, at.what)
	}
	return nil
}
