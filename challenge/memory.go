package challenge

import (
	"sync"
	"time"
)

// Memory keeps what was solved: which challenges, so that none counts twice, and
// how many by which network within an hour. It grows with what was solved, never
// with what was asked or sent, and only up to a bound: 30 MB for the embedded
// challenge, and 13 MB for each other kind that the gates send. Its zero value is
// ready to use, and gates may share it.
//
// Servers of a site need not share one: who has solved a challenge at one of them
// and brings the solution to another gets the pass once more that he has.
type Memory struct {
	mu     sync.Mutex
	spent  [kinds]generations[nonce, struct{}] // by kind, since waiting costs a client nothing
	solves generations[network, tally]
}

// A tally counts the challenges that a network has solved in the hour after the
// first.
type tally struct {
	first  int64 // Unix milliseconds: no pointers for the collector to follow
	solves int32
}

const (
	challengeTTL = 5 * time.Minute // how long a challenge can be solved
	solveHour    = time.Hour
	maxSpent     = 1 << 18 // in a generation: some 800 solutions a second
	maxNetworks  = 1 << 17
)

// A redemption is what becomes of a solution.
type redemption int

const (
	granted redemption = iota
	replayed
	overdone // the network has solved too many
	full
)

// redeem marks a challenge as solved by a network, if that has not solved bar of
// them yet. Of many calls for one challenge, exactly one is granted.
func (m *Memory) redeem(t token, by network, bar int, now time.Time) redemption {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.barredLocked(by, bar, now) {
		return overdone
	}
	spent := &m.spent[t.kind()]
	spent.turn(now, challengeTTL+maxSkew)
	if _, ok := spent.get(t.nonce()); ok {
		return replayed
	}
	// Full is closed: to forget a solution would be to take it again. Only those who
	// have solved that many challenges can bring this about, and it lasts minutes.
	if !spent.put(t.nonce(), struct{}{}, maxSpent) {
		return full
	}
	count := m.tallyLocked(by, now)
	count.solves++
	// Full is open here: a network that cannot be counted begins at the lowest level
	// with every challenge, but has to solve each. Those counted stay counted.
	m.solves.put(by, count, maxNetworks)
	return granted
}

// solved returns how many challenges a network has solved within the hour.
func (m *Memory) solved(by network, now time.Time) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int(m.tallyLocked(by, now).solves)
}

// barred reports whether a network has solved bar challenges within the hour. A
// negative bar is none.
func (m *Memory) barred(by network, bar int, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.barredLocked(by, bar, now)
}

func (m *Memory) barredLocked(by network, bar int, now time.Time) bool {
	return bar >= 0 && int(m.tallyLocked(by, now).solves) >= bar
}

// tallyLocked returns the tally of a network: a new one if its hour is over.
func (m *Memory) tallyLocked(by network, now time.Time) tally {
	m.solves.turn(now, solveHour)
	count, ok := m.solves.get(by)
	if !ok || now.UnixMilli()-count.first >= solveHour.Milliseconds() {
		delete(m.solves.old, by) // the new one is of the young
		return tally{first: now.UnixMilli()}
	}
	return count
}

// generations is a map that forgets: an entry stays for one span at least after it
// was put, and goes after the second, without anybody looking at each.
type generations[K comparable, V any] struct {
	born       time.Time // of young
	young, old map[K]V
}

// turn forgets what is old at now.
func (g *generations[K, V]) turn(now time.Time, span time.Duration) {
	switch age := now.Sub(g.born); {
	case age < span:
		return
	case age < 2*span:
		g.old = g.young
	default:
		g.old = nil
	}
	g.young, g.born = nil, now
}

func (g *generations[K, V]) get(k K) (V, bool) {
	v, ok := g.young[k]
	if !ok {
		v, ok = g.old[k]
	}
	return v, ok
}

// put keeps v for k, and reports whether there was room: at most limit entries are
// born in one span. One that is there always has room.
func (g *generations[K, V]) put(k K, v V, limit int) bool {
	if _, ok := g.old[k]; ok {
		g.old[k] = v
		return true
	}
	if _, ok := g.young[k]; !ok && len(g.young) >= limit {
		return false
	}
	if g.young == nil {
		g.young = map[K]V{}
	}
	g.young[k] = v
	return true
}
