// Package alertquota bounds log lines about alerts.
package alertquota

import (
	"net/netip"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

const (
	window   = time.Minute
	lines    = 200 // about all alerts of a window
	netLines = 5   // about those of one network
	netBits4 = 24  // of a network of IPv4
	netBits6 = 48  // and of IPv6
)

// A Quota keeps a flood of alerts from being one of log lines too. In a window of a
// minute, which begins with an alert, 200 have a line, and of one network (a /24, or a
// /48 of IPv6) five. The others are counted, and are to be summed up when the next
// window begins or the engine ends. The zero Quota is ready for use, by many
// goroutines at once.
type Quota struct {
	mu    sync.Mutex
	since time.Time            // beginning of the window; zero: there was none
	lines int                  // in it
	nets  map[netip.Prefix]int // lines about each network; no more than there are lines
	left  int                  // alerts without a line
}

// Take reports whether an alert about client may have a line at now. It returns how many
// alerts since a time had none, which is zero unless they are to be summed up.
func (q *Quota) Take(client netip.Addr, now time.Time) (ok bool, left int, since time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now.Sub(q.since) >= window {
		left, since = q.left, q.since
		q.since, q.lines, q.left, q.nets = now, 0, 0, map[netip.Prefix]int{}
	}
	network := lookup.Network(client, netBits4, netBits6) // those without a valid address are one
	if q.lines >= lines || q.nets[network] >= netLines {
		q.left++
		return false, left, since
	}
	q.lines++
	q.nets[network]++
	return true, left, since
}

// End returns what is to be summed up at the end.
func (q *Quota) End() (left int, since time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	left, q.left = q.left, 0
	return left, q.since
}
