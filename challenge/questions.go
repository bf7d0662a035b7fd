package challenge

import (
	"crypto/sha256"
	"errors"
	"sync"
	"time"
)

// questions bound what visitors can have a provider asked: each response once, unless it
// was right, and no more than maxWrong wrong ones of a network in five to ten minutes. At
// the bound the network gets the embedded challenge.
// That a right one counts once is the provider's part.
type questions struct {
	mu    sync.Mutex
	seen  generations[digest, struct{}] // responses that are asked about, or earned nothing
	wrong generations[network, int32]   // how many of them each network has sent
}

// A digest stands for a response.
type digest [16]byte

const (
	maxWrong  = 20
	maxSeen   = 1 << 17 // responses in a generation,
	maxAskers = 1 << 17 // and networks
)

var errTooMany = errors.New("too many answers that were none came from this network; try again in some minutes")

func digestOf(response string) digest {
	sum := sha256.Sum256([]byte(response))
	return digest(sum[:16])
}

// begin says that a response of a network is about to be asked about, and counts it
// as wrong until somebody knows better. An error says that it must not be.
func (q *questions) begin(d digest, by network, now time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.seen.turn(now, challengeTTL)
	q.wrong.turn(now, challengeTTL)
	if _, ok := q.seen.get(d); ok {
		return errReplayed
	}
	n, _ := q.wrong.get(by)
	switch {
	case n >= maxWrong:
		return errTooMany
	case !q.wrong.put(by, n+1, maxAskers):
		return errBusy // who cannot be counted could ask without end
	}
	// Full is open here: the number that a network has is bounded all the same.
	q.seen.put(d, struct{}{}, maxSeen)
	return nil
}

// spent reports whether nothing more of a network is asked about for now.
func (q *questions) spent(by network, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wrong.turn(now, challengeTTL)
	n, _ := q.wrong.get(by)
	return n >= maxWrong
}

// forgive says that a response was not wrong. One that was right may be asked about
// again: keys for tests give everybody the same.
func (q *questions) forgive(d digest, by network, right bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n, ok := q.wrong.get(by); ok && n > 0 {
		q.wrong.put(by, n-1, maxAskers)
	}
	if right {
		delete(q.seen.young, d)
		delete(q.seen.old, d)
	}
}

// used reports whether a challenge was solved already, so that nobody need be asked.
func (m *Memory) used(t token, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	spent := &m.spent[t.kind()]
	spent.turn(now, challengeTTL+maxSkew)
	_, ok := spent.get(t.nonce())
	return ok
}
