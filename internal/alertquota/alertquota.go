// Package alertquota limits log lines about alerts.
package alertquota

import (
	"net/netip"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

const (
	window   = time.Minute
	lines    = 200 // for all alerts of a window
	netLines = 5   // for the alerts of one network
	netBits4 = 24  // prefix length of a network of IPv4
	netBits6 = 48  // and of IPv6

	ownerLines = 25 // for the alerts of the addresses that one owner may have: an eighth
)

// A Quota limits log lines in a flood of alerts. In a window of a minute, which begins
// with an alert, 200 alerts get a line, five of one network (a /24, or a /48 of IPv6), and
// 25 of a /16, or a /32 of IPv6, so that its flood leaves lines for others. The others are counted, and the caller logs their number when the next window
// begins or the engine ends. The zero Quota is ready to use. It is safe for use by many
// goroutines.
type Quota struct {
	mu     sync.Mutex
	since  time.Time            // beginning of the window; zero: none yet
	lines  int                  // in it
	nets   map[netip.Prefix]int // lines for each network
	owners map[netip.Prefix]int // lines for each /16, or /32 of IPv6
	left   int                  // alerts without a line
}

// Take reports whether an alert about client may have a line now. If left is not zero,
// the caller must log that so many alerts since that time had no line.
func (q *Quota) Take(client netip.Addr, now time.Time) (ok bool, left int, since time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now.Sub(q.since) >= window {
		left, since = q.left, q.since
		q.since, q.lines, q.left = now, 0, 0
		q.nets, q.owners = map[netip.Prefix]int{}, map[netip.Prefix]int{}
	}
	network := lookup.Network(client, netBits4, netBits6) // invalid addresses count as one network
	owner := event.OwnerOf(client)
	if q.lines >= lines || q.nets[network] >= netLines || q.owners[owner] >= ownerLines {
		q.left++
		return false, left, since
	}
	q.lines++
	q.nets[network]++
	q.owners[owner]++
	return true, left, since
}

// End returns the number for the last line.
func (q *Quota) End() (left int, since time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	left, q.left = q.left, 0
	return left, q.since
}
