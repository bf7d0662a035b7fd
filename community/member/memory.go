package member

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
	"github.com/tocsin-project/tocsin/event"
)

const (
	turning       = witnessWindow / 2
	maxKnown      = 100_000 // units, of which one owner's network has a hundredth at most
	ownerShare    = maxKnown / 100
	maxGoodCount  = 1 << 20
	witnessedHour = time.Hour
)

// A Memory remembers for up to 14 days which units used a site in a good way that cannot be
// faked. It keeps hashes of addresses, with a random key that never leaves it, so it can answer
// about an address but cannot list addresses. It keeps at most 100,000 units, of which at most
// 1,000 are of one network (a /16, or a /32 of IPv6). The zero Memory is empty and ready to
// use. It is safe for concurrent use.
type Memory struct {
	mu         sync.Mutex
	key        []byte
	young, old map[[16]byte]good // two generations: a unit that is noted moves into the young one
	shares     map[netip.Prefix]int
	turned     time.Time
}

// A good is the good use by a unit.
type good struct {
	hour  int64 // of the last one, since 1970
	count int32
}

// Note records that a client at ip solved a challenge or logged in. It counts once an hour.
func (m *Memory) Note(ip netip.Addr, at time.Time) {
	unit := unitOf(ip)
	if !unit.IsValid() || !consensus.Listable(unit) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turnLocked(at)
	k := m.hashLocked(unit)
	g, isYoung := m.young[k]
	if !isYoung {
		g = m.old[k]
		owner := event.OwnerOf(unit.Addr())
		if m.shares[owner] >= ownerShare || len(m.young) >= maxKnown/2 {
			return
		}
		m.shares[owner]++
	}
	if hour := at.Unix() / int64(witnessedHour/time.Second); hour > g.hour {
		g.hour, g.count = hour, min(g.count+1, maxGoodCount)
	}
	m.young[k] = g
}

// Witness returns when a unit was last noted, to the hour, and in how many hours. It is a
// [Config].Witness.
func (m *Memory) Witness(unit netip.Prefix) (last time.Time, count int, ok bool) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turnLocked(now)
	k := m.hashLocked(unit)
	g, ok := m.young[k]
	if !ok {
		g, ok = m.old[k]
	}
	last = time.Unix(g.hour*int64(witnessedHour/time.Second), 0)
	if !ok || now.Sub(last) >= witnessWindow {
		return time.Time{}, 0, false
	}
	return last, int(g.count), true
}

// Clear forgets everything.
func (m *Memory) Clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.young, m.old, m.shares, m.key = nil, nil, nil, nil
}

// Len returns the number of remembered units.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.young)
	for k := range m.old {
		if _, both := m.young[k]; !both {
			n++
		}
	}
	return n
}

// turnLocked makes the young generation the old one every seven days.
func (m *Memory) turnLocked(now time.Time) {
	switch age := now.Sub(m.turned); {
	case m.young == nil || age >= 2*turning:
		m.old = nil
	case age < turning:
		return
	default:
		m.old = m.young
	}
	m.young, m.shares, m.turned = map[[16]byte]good{}, map[netip.Prefix]int{}, now
}

func (m *Memory) hashLocked(unit netip.Prefix) (k [16]byte) {
	if m.key == nil {
		m.key = make([]byte, sha256.Size)
		rand.Read(m.key) // never fails
	}
	h := hmac.New(sha256.New, m.key)
	text, _ := unit.MarshalBinary() // never fails
	h.Write(text)
	copy(k[:], h.Sum(nil))
	return k
}
