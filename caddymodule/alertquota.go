package caddymodule

import (
	"net/netip"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/detect"
)

const (
	alertWindow     = time.Minute
	alertLines      = 200 // about all alerts of a window
	alertNetLines   = 5   // about those of one network
	alertClientBits = 48  // of a network of IPv6
	alertBits4      = 24  // and of IPv4
)

// An alertQuota keeps a flood of alerts from being one of log lines too. In a window of
// a minute, which begins with an alert, 200 have a line, and of one network five. The
// others are counted, and summed up when the next window begins or the engine ends.
type alertQuota struct {
	mu    sync.Mutex
	since time.Time            // beginning of the window; zero: there was none
	lines int                  // in it
	nets  map[netip.Prefix]int // lines about each network; no more than there are lines
	left  int                  // alerts without a line
}

// take reports whether an alert may have a line, and returns what of the window before
// is to be summed up.
func (q *alertQuota) take(a *detect.Alert, now time.Time) (ok bool, left int, since time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now.Sub(q.since) >= alertWindow {
		left, since = q.left, q.since
		q.since, q.lines, q.left, q.nets = now, 0, 0, map[netip.Prefix]int{}
	}
	bits := alertBits4
	if a.Client.Is6() {
		bits = alertClientBits
	}
	network, _ := a.Client.Prefix(bits) // fails on an invalid address only, and those are one network
	if q.lines >= alertLines || q.nets[network] >= alertNetLines {
		q.left++
		return false, left, since
	}
	q.lines++
	q.nets[network]++
	return true, left, since
}

// end returns what is to be summed up at the end.
func (q *alertQuota) end() (left int, since time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	left, q.left = q.left, 0
	return left, q.since
}
