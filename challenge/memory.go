package challenge

import (
	"sync"
	"sync/atomic"
	"time"
)

// Memory keeps the solved challenges, so that none counts twice, and the scores that
// show farming. It grows with solved challenges, never with sent ones, and only up to a
// limit: 50 MB for the embedded challenge, and 15 MB for each other kind that the gates
// send. For a provider it also keeps the responses that were asked about, at most 30
// MB. The zero value is ready to use, and gates may share it.
//
// Servers of a site need not share one: a client that brings its solution to a second
// server only gets the same pass again.
type Memory struct {
	mu     sync.Mutex
	spent  [kinds]shared[nonce, struct{}] // by kind, because waiting costs a client nothing
	idle   shared[nonce, struct{}]        // passes that were earned and not used yet
	scores shared[group, score]
	idling atomic.Int64 // the size of idle, so that most requests take no lock

	returned shared[nonce, struct{}] // expired passes that counted for a return

	owed  shared[group, struct{}] // browsers with a script that got a challenge: see owed.go
	owing atomic.Int64            // the size of owed

	asked questions // of providers
}

// A score says how much the solutions of a group look like farming, in quarters of a
// point. A solution of a client without a pass adds a quarter: a visitor has come. It
// adds a whole point if the group's latest pass is still unused: a program may collect
// passes. One point expires in three minutes.
type score struct {
	at       int64 // when quarters was computed, in Unix milliseconds (time.Time has a pointer, which slows the garbage collector)
	quarters int32
	last     nonce // of the latest pass
}

const (
	challengeTTL  = 5 * time.Minute // the time to solve a challenge
	pointLife     = 3 * time.Minute // after which a point expires
	scoreLife     = time.Hour       // how long a score is kept: longer than its points live
	whole         = 4               // quarters of a point
	networkFactor = 5               // the limit of a whole network, as a multiple of that of one kind of browser
	turns         = 12              // in a round, behind an address that has collected too many passes
	turnTime      = pointLife / turns
	maxSpent      = 1 << 18 // per generation: about 800 solutions a second
	maxScores     = 1 << 17
)

// A solver identifies the client that sends a solution, by two groups: its kind of
// browser, and its whole network. A returning client has an expired pass that did not
// count for a return before. Its solution is not fresh: it adds nothing to the scores.
type solver struct {
	browser, network group
	area             area  // that the network is in
	expired          nonce // of the expired pass; zero: none
}

// Rules say what follows from scores: see Config. A negative raise or bar means never.
type rules struct {
	level      Level
	raise, bar int
}

// A redemption is the result of a solution.
type redemption int

const (
	granted redemption = iota
	replayed
	overBar // its group has collected too many passes
	tooEasy // the group must solve harder challenges by now
	full
)

// at returns the solver for challenges of a kind: waiting has its own groups.
func (by solver) at(k kind) solver {
	if k == waiting {
		by.browser, by.network = by.browser.waits(), by.network.waits()
	}
	return by
}

// redeem marks a challenge as solved. Of many calls for one challenge, exactly one is
// granted. The current level applies, so that a client gains nothing by fetching many
// challenges in advance.
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
		return overBar
	}
	if t.level() < m.levelLocked(by, r, now) {
		return tooEasy
	}
	// Fail closed if the memory, or the area's share of it, is full: a forgotten solution
	// could be used again. Only clients that solve that many challenges can fill it, and it
	// lasts only minutes.
	if !spent.putFor(by.area, t.nonce(), struct{}{}, maxSpent) {
		return full
	}
	if m.returnsLocked(by, now) && m.returned.putFor(by.area, by.expired, struct{}{}, maxScores) {
		return granted
	}
	m.countLocked(t.nonce(), by, r, now)
	return granted
}

// countLocked counts a fresh solution, whose pass has the nonce n.
func (m *Memory) countLocked(n nonce, by solver, r rules, now time.Time) {
	if m.isNewLocked(by, r, now) {
		m.addLocked(by.area, by.network.newcomers(), 1, r, n, now)
	}
	m.addLocked(by.area, by.browser, 1, r, n, now)
	m.addLocked(by.area, by.network, networkFactor, r, n, now)
	m.idle.turn(now, scoreLife)
	m.idle.putFor(by.area, n, struct{}{}, maxScores) // if idle is full, the pass counts as used
	m.idling.Store(int64(m.idle.len()))
}

// returns reports whether this expired pass counts for a return: it does once.
func (m *Memory) returns(ended nonce, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.returnsLocked(solver{expired: ended}, now)
}

func (m *Memory) returnsLocked(by solver, now time.Time) bool {
	m.returned.turn(now, returning) // as long as browsers keep the cookie of an expired pass
	_, before := m.returned.get(by.expired)
	return by.expired != (nonce{}) && !before
}

// addLocked adds a fresh solution to the score of a group. Rate points expire in each
// pointLife. It fails open if the memory is full: a group that cannot be counted gets
// challenges of the lowest level, but must solve each. Existing scores stay.
//
// A score grows at most rate points above the highest limit. These expire in one
// pointLife, so a farm that has stopped bars no others for longer than that.
func (m *Memory) addLocked(a area, c group, rate int, r rules, n nonce, now time.Time) {
	t := m.scoreLocked(c, rate, now)
	cost := int32(1)
	if m.isIdleLocked(t.last) {
		cost = whole
	}
	matters := r.bar
	if r.bar < 0 {
		matters = 2 * r.raise // the limit for the highest level
	}
	end := int32(whole*rate*(max(matters, 0)+1)) - 1
	t.quarters = max(t.quarters, min(t.quarters+cost, end)) // a gate with other rules may share it
	t.last = n
	m.scores.putFor(a, c, t, maxScores)
}

// isNewLocked reports whether by counts as one of the newcomers of its network. Its
// kind of browser has earned no pass lately, and the network collects passes, or
// newcomers' points from such a time have not expired yet. A program that invents a
// browser each time is a newcomer each time.
func (m *Memory) isNewLocked(by solver, r rules, now time.Time) bool {
	if r.bar < 0 || m.scoreLocked(by.browser, 1, now).last != (nonce{}) {
		return false
	}
	return m.scoreLocked(by.network.newcomers(), 1, now).quarters > 0 ||
		m.scoreLocked(by.network, networkFactor, now).over(r.bar*networkFactor, networkFactor) > 0
}

// isIdleLocked reports whether a pass was earned lately and has not been used yet.
func (m *Memory) isIdleLocked(n nonce) bool {
	_, idle := m.idle.get(n)
	return idle && n != (nonce{})
}

// use records that a request used the pass with the nonce n.
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

// missed records a wrong solution, if the group has solved challenges before. It makes
// the next challenges harder but bars no client, because a wrong answer costs an
// attacker nothing.
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
	m.scores.putFor(by.area, by.browser, t, maxScores)
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
	all := m.scoreLocked(by.network, networkFactor, now)
	if r.bar >= 0 && all.over(r.bar*networkFactor, networkFactor) > 0 {
		return High
	}
	browser := m.scoreLocked(by.browser, 1, now).quarters / int32(whole*r.raise)
	if m.isNewLocked(by, r, now) {
		browser = max(browser, m.scoreLocked(by.network.newcomers(), 1, now).quarters/int32(whole*r.raise))
	}
	network := all.quarters / int32(whole*r.raise*networkFactor)
	return r.level + Level(min(max(browser, network), int32(High-r.level)))
}

// barred returns how long this visitor cannot earn a pass with a challenge sent at that
// time; 0: it can now.
func (m *Memory) barred(by solver, r rules, sent, now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.barredLocked(by, r, sent, now)
}

// barredLocked bars a kind of browser until enough points have expired. If the whole
// address is over its limit, it bars all kinds there. A kind that collects no passes is
// barred at most until its turn, and a challenge that was sent in the turn can be
// solved after it. Newcomers count as one kind: an invented browser collects nothing by
// itself, but the program that invents them does.
func (m *Memory) barredLocked(by solver, r rules, sent, now time.Time) time.Duration {
	if r.bar < 0 || m.returnsLocked(by, now) {
		return 0
	}
	own := m.scoreLocked(by.browser, 1, now)
	network := m.scoreLocked(by.network, networkFactor, now).over(r.bar*networkFactor, networkFactor)
	if !m.isIdleLocked(own.last) {
		network = min(network, by.browser.turn(sent), by.browser.turn(now))
	}
	if m.isNewLocked(by, r, now) {
		network = max(network, m.scoreLocked(by.network.newcomers(), 1, now).over(r.bar, 1))
	}
	return max(own.over(r.bar, 1), network)
}

// over returns the time until t is below bar points, or 0 if it is. Rate points expire
// in each pointLife.
func (t score) over(bar, rate int) time.Duration {
	quarters := int(t.quarters) - whole*bar + 1
	return time.Duration(max(quarters, 0)) * pointLife / time.Duration(whole*rate)
}

// scoreLocked returns the current score of a group.
func (m *Memory) scoreLocked(c group, rate int, now time.Time) score {
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
