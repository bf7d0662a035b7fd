package middleware

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

const (
	maxHeld       = 1024 // connections that a tarpit holds
	maxHeldClient = 4    // of one client
)

// A tarpit holds connections open for some time, and then resets them. All are held for
// the same time, so the oldest is always the next one to reset.
type tarpit struct {
	lasts time.Duration

	mu     sync.Mutex
	held   []heldConn
	of     map[netip.Prefix]int // the number of connections by client
	timer  *time.Timer          // nil: none is held
	closed bool
}

type heldConn struct {
	net.Conn
	client netip.Prefix
	until  time.Time
}

// hold takes c if there is room, and reports whether it did.
func (t *tarpit) hold(c net.Conn, client netip.Addr) bool {
	if t.lasts <= 0 {
		return false
	}
	of := event.ClientOf(client)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.held) == maxHeld || t.of[of] == maxHeldClient {
		return false
	}
	if t.of == nil {
		t.of = make(map[netip.Prefix]int)
	}
	t.of[of]++
	t.held = append(t.held, heldConn{c, of, time.Now().Add(t.lasts)})
	if t.timer == nil {
		t.timer = time.AfterFunc(t.lasts, t.release)
	}
	return true
}

// release resets the connections whose time is over.
func (t *tarpit) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for now := time.Now(); len(t.held) > 0 && !t.held[0].until.After(now); t.held = t.held[1:] {
		t.letGo(&t.held[0])
	}
	t.timer = nil
	if len(t.held) > 0 && !t.closed {
		t.timer = time.AfterFunc(time.Until(t.held[0].until), t.release)
	}
}

// letGo resets a connection. The caller holds mu.
func (t *tarpit) letGo(c *heldConn) {
	reset(c.Conn)
	c.Conn = nil // so that the array of held does not keep it in memory
	if t.of[c.client]--; t.of[c.client] == 0 {
		delete(t.of, c.client)
	}
}

// close resets all connections, and accepts no more.
func (t *tarpit) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.timer != nil {
		t.timer.Stop()
	}
	for i := range t.held {
		t.letGo(&t.held[i])
	}
	t.held = nil
}
