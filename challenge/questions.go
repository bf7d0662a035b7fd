package challenge

import (
	"crypto/sha256"
	"errors"
	"sync"
	"time"
)

// questions limit the requests to a provider: each response is sent once, unless it was
// right, and a network may send maxWrong wrong ones in five to ten minutes. After that,
// the network gets the embedded challenge, and so does one that cannot be counted,
// because there is no room or its area has used up its share. The provider itself makes sure that a right
// response counts once.
type questions struct {
	mu    sync.Mutex
	seen  generations[digest, struct{}] // responses that were sent, and were not right
	wrong shared[network, int32]        // the number of them by network
}

// A digest is a hash of a response.
type digest [16]byte

const (
	maxWrong  = 20
	maxSeen   = 1 << 17 // responses per generation
	maxAskers = 1 << 17 // networks per generation
)

var errTooMany = errors.New("too many wrong answers came from this network: try again in a few minutes")

func digestOf(response string) digest {
	sum := sha256.Sum256([]byte(response))
	return digest(sum[:16])
}

// begin counts a response of a network before it is sent to the provider. It counts as
// wrong until forgive. On an error it must not be sent.
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
	case !q.wrong.putFor(by.area(), by, n+1, maxAskers):
		return errBusy // without a count there would be no limit
	}
	// Fail open if seen is full: the limit of the network still holds.
	q.seen.put(d, struct{}{}, maxSeen)
	return nil
}

// spent reports whether the provider cannot be asked about answers of a network: it has
// reached its limit, or cannot be counted.
func (q *questions) spent(by network, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wrong.turn(now, challengeTTL)
	n, counted := q.wrong.get(by)
	return n >= maxWrong || !counted && !q.wrong.hasRoom(by.area(), maxAskers)
}

// forgive uncounts a response that was not wrong. A right one may be sent again: test
// keys give all visitors the same response.
func (q *questions) forgive(d digest, by network, right bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n, ok := q.wrong.get(by); ok && n > 0 {
		q.wrong.putFor(by.area(), by, n-1, maxAskers)
	}
	if right {
		delete(q.seen.young, d)
		delete(q.seen.old, d)
	}
}

// used reports whether a challenge was solved before, so that the provider need not be
// asked.
func (m *Memory) used(t token, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	spent := &m.spent[t.kind()]
	spent.turn(now, challengeTTL+maxSkew)
	_, ok := spent.get(t.nonce())
	return ok
}
