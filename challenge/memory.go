package challenge

import (
	"sync"
	"sync/atomic"
	"time"
)

// Memory keeps what was solved: which challenges, so that none counts twice, and
// what of it looks like farming. It grows with what was solved, never with what was
// sent, and only up to a bound: 46 MB for the embedded challenge, and 13 MB for each
// other kind that the gates send. With a provider it keeps what that was asked in
// vain, 30 MB at most. Its zero value is ready to use, and gates may share it.
//
// Servers of a site need not share one: who has solved a challenge at one of them
// and brings the solution to another gets the pass once more that he has.
type Memory struct {
	mu     sync.Mutex
	spent  [kinds]generations[nonce, struct{}] // by kind, since waiting costs a client nothing
	idle   generations[nonce, struct{}]        // passes that were earned, and that no request has had
	scores generations[crowd, score]
	idling atomic.Int64 // how many are in idle, so that most requests take no lock

	returned generations[nonce, struct{}] // passes that somebody has come back with

	asked questions // of providers
}

// A score says how much the solutions of a crowd look like farming, in quarters of
// a point. A solution by who has no pass yet is a quarter: somebody comes. It is a
// whole point if nobody has used the pass that the crowd earned last: somebody
// collects. One point is forgotten in three minutes.
type score struct {
	at       int64 // of quarters, in Unix milliseconds: no pointers for the collector to follow
	quarters int32
	last     nonce // of the pass earned last
}

const (
	challengeTTL = 5 * time.Minute // how long a challenge can be solved
	pointLife    = 3 * time.Minute // after which a point is forgotten
	scoreLife    = time.Hour       // that a score is kept, more than enough to be forgotten
	whole        = 4               // quarters of a point
	crowds       = 5               // how many times as much a whole network may as one kind of browser
	turns        = 12              // in a round, for newcomers behind an address that has collected too much
	turnTime     = pointLife / turns
	maxSpent     = 1 << 18 // in a generation: some 800 solutions a second
	maxCrowds    = 1 << 17
)

// A solver is who brings a solution: one of two crowds. One who returns has a pass
// that time has ended, and that nobody has returned with before: that is no fresh
// solution.
type solver struct {
	browser, network crowd
	ended            nonce // of that pass; zero for none
}

// Rules say what a gate makes of scores. Of both numbers less than zero is never.
type rules struct {
	level      Level
	raise, bar int
}

// A redemption is the result of a solution.
type redemption int

const (
	granted redemption = iota
	replayed
	overdone // its crowd has collected too much
	outrun   // the challenge was sent before its crowd had to solve harder ones
	full
)

// at returns who by is to challenges of a kind.
func (by solver) at(k kind) solver {
	if k == waiting {
		by.browser, by.network = by.browser.waits(), by.network.waits()
	}
	return by
}

// redeem marks a challenge as solved. Of many calls for one challenge, exactly one is
// granted. The level counts as it is now: who has fetched many challenges beforehand
// gains nothing.
func (m *Memory) redeem(t token, by solver, r rules, now time.Time) redemption {
	by = by.at(t.kind())
	m.mu.Lock()
	defer m.mu.Unlock()
	spent := &m.spent[t.kind()]
	spent.turn(now, challengeTTL+maxSkew)
	if _, ok := spent.get(t.nonce()); ok {
		return replayed
	}
	if m.barredLocked(by, r, t.issued(), now) > 0 {
		return overdone
	}
	if t.level() < m.levelLocked(by, r, now) {
		return outrun
	}
	// Full is closed: to forget a solution would be to take it again. Only those who
	// have solved that many challenges can bring this about, and it lasts minutes.
	if !spent.put(t.nonce(), struct{}{}, maxSpent) {
		return full
	}
	if m.returnsLocked(by, now) && m.returned.put(by.ended, struct{}{}, maxCrowds) {
		return granted
	}
	m.countLocked(t.nonce(), by, r, now)
	return granted
}

// countLocked counts a fresh solution, which has earned a pass with this nonce.
func (m *Memory) countLocked(n nonce, by solver, r rules, now time.Time) {
	if m.isNewLocked(by, r, now) {
		m.addLocked(by.network.newcomers(), 1, r, n, now)
	}
	m.addLocked(by.browser, 1, r, n, now)
	m.addLocked(by.network, crowds, r, n, now)
	m.idle.turn(now, scoreLife)
	m.idle.put(n, struct{}{}, maxCrowds) // full: it counts as used
	m.idling.Store(int64(m.idle.len()))
}

// returns reports whether nobody has returned with a pass that has ended.
func (m *Memory) returns(ended nonce, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.returnsLocked(solver{ended: ended}, now)
}

func (m *Memory) returnsLocked(by solver, now time.Time) bool {
	m.returned.turn(now, returning) // as long as the cookie outlives its pass
	_, before := m.returned.get(by.ended)
	return by.ended != (nonce{}) && !before
}

// addLocked adds a fresh solution to the score of a crowd, which forgets rate points in
// pointLife. Full is open here: a crowd that cannot be counted begins at the lowest
// level with every challenge, but has to solve each. Those counted stay counted.
//
// A score ends a point for each of rate above what matters: what is forgotten in
// pointLife, so that a farm that has gone bars nobody for longer than that.
func (m *Memory) addLocked(c crowd, rate int, r rules, n nonce, now time.Time) {
	t := m.scoreLocked(c, rate, now)
	cost := int32(1)
	if m.isIdleLocked(t.last) {
		cost = whole
	}
	matters := r.bar
	if r.bar < 0 {
		matters = 2 * r.raise // for the highest level
	}
	end := int32(whole*rate*(max(matters, 0)+1)) - 1
	t.quarters = max(t.quarters, min(t.quarters+cost, end)) // gates of other rules share it
	t.last = n
	m.scores.put(c, t, maxCrowds)
}

// isNewLocked reports whether by counts as one of the newcomers of its network: its kind
// of browser has earned no pass lately, and passes are collected there, or were, and what
// newcomers have earned since is not forgotten yet. Who invents a browser each time is one
// of them each time.
func (m *Memory) isNewLocked(by solver, r rules, now time.Time) bool {
	if r.bar < 0 || m.scoreLocked(by.browser, 1, now).last != (nonce{}) {
		return false
	}
	return m.scoreLocked(by.network.newcomers(), 1, now).quarters > 0 ||
		m.scoreLocked(by.network, crowds, now).over(r.bar*crowds, crowds) > 0
}

// isIdleLocked reports whether a pass was earned lately, and no request has had it.
func (m *Memory) isIdleLocked(n nonce) bool {
	_, idle := m.idle.get(n)
	return idle && n != (nonce{})
}

// use notes that a request has a pass with this nonce.
func (m *Memory) use(n nonce) {
	if m.idling.Load() == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.idle.young, n)
	delete(m.idle.old, n)
	m.idling.Store(int64(m.idle.len()))
}

// missed notes that a crowd that has solved challenges brings a wrong solution. It
// makes the next ones harder and never stops anybody: it costs nothing to be wrong.
func (m *Memory) missed(by solver, r rules, now time.Time) {
	if r.raise < 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.scoreLocked(by.browser, 1, now)
	enough := 2 * r.raise // for the highest level
	if r.bar >= 0 {
		enough = min(enough, r.bar-1)
	}
	if t.last == (nonce{}) || t.quarters+1 > int32(whole*enough) {
		return
	}
	t.quarters++
	m.scores.put(by.browser, t, maxCrowds)
}

// level returns the level of the next challenge of this visitor.
func (m *Memory) level(by solver, r rules, now time.Time) Level {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.levelLocked(by, r, now)
}

func (m *Memory) levelLocked(by solver, r rules, now time.Time) Level {
	if r.raise < 0 || m.returnsLocked(by, now) {
		return r.level
	}
	all := m.scoreLocked(by.network, crowds, now)
	if r.bar >= 0 && all.over(r.bar*crowds, crowds) > 0 {
		return High
	}
	browser := m.scoreLocked(by.browser, 1, now).quarters / int32(whole*r.raise)
	if m.isNewLocked(by, r, now) {
		browser = max(browser, m.scoreLocked(by.network.newcomers(), 1, now).quarters/int32(whole*r.raise))
	}
	network := all.quarters / int32(whole*r.raise*crowds)
	return r.level + Level(min(max(browser, network), int32(High-r.level)))
}

// barred returns for how long this visitor cannot earn a pass with a challenge that was
// sent at a time; 0 if that is now.
func (m *Memory) barred(by solver, r rules, sent, now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.barredLocked(by, r, sent, now)
}

// barredLocked bars a kind of browser until enough is forgotten, and so all that is behind
// the address, but for kinds that collect nothing: these are barred at most until their
// turn. Who had it when the challenge was sent has time to solve it. Newcomers are barred
// as one kind, too: an invented browser collects nothing, but its inventor does.
func (m *Memory) barredLocked(by solver, r rules, sent, now time.Time) time.Duration {
	if r.bar < 0 || m.returnsLocked(by, now) {
		return 0
	}
	own := m.scoreLocked(by.browser, 1, now)
	network := m.scoreLocked(by.network, crowds, now).over(r.bar*crowds, crowds)
	if !m.isIdleLocked(own.last) {
		network = min(network, by.browser.turn(sent), by.browser.turn(now))
	}
	if m.isNewLocked(by, r, now) {
		network = max(network, m.scoreLocked(by.network.newcomers(), 1, now).over(r.bar, 1))
	}
	return max(own.over(r.bar, 1), network)
}

// over returns when t, which forgets rate points in pointLife, is below bar points: 0
// if it is.
func (t score) over(bar, rate int) time.Duration {
	quarters := int(t.quarters) - whole*bar + 1
	return time.Duration(max(quarters, 0)) * pointLife / time.Duration(whole*rate)
}

// scoreLocked returns the score of a crowd as it is now.
func (m *Memory) scoreLocked(c crowd, rate int, now time.Time) score {
	m.scores.turn(now, scoreLife)
	t, ok := m.scores.get(c)
	if !ok {
		return score{at: now.UnixMilli()}
	}
	each := pointLife.Milliseconds() / int64(whole*rate)
	forgotten := max(now.UnixMilli()-t.at, 0) / each
	t.quarters = int32(max(int64(t.quarters)-forgotten, 0))
	t.at += forgotten * each
	return t
}
