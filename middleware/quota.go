package middleware

import (
	"net/netip"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

const (
	quotaWindow  = time.Minute
	quotaLines   = 5    // lines that one client gets in a window
	quotaClients = 1024 // clients that are told apart in a window
)

// A quota keeps a flood of requests from being one of log lines too. Time is
// cut into windows of a minute, which begin with a request. In each a client
// gets five lines, and what it asks after that is summed up in one line for all
// clients, at the beginning of a later window: there is no goroutine to write it
// before. At most 1024 clients have lines in a window, which bounds both the
// log, to 85 lines a second, and the memory, to some 100 kB. The numbers of all
// requests are in the [Counters].
type quota struct {
	mu      sync.Mutex
	since   time.Time             // beginning of the window
	clients map[netip.Addr]logged // those that came in it, IPv6 by network
	rest    logged                // those that came when there were too many
}

// A logged says what of a client's requests is in the log.
type logged struct {
	requests uint64 // counted in this window
	ref      string // of its last line; of the rest: of the line that sums up
}

// A leftOut sums up what of a window is not in the log.
type leftOut struct {
	since    time.Time
	requests uint64
	clients  int        // known ones with requests left out
	loudest  netip.Addr // the one of them with the most; its address or the first of its network
	most     uint64     // requests of that one left out
	rest     logged     // requests of clients that were not told apart
}

// take reports whether s may have a line of its own, and sums up the window
// that is over if this is the first request of the next. If s may not have a
// line it gets the reference of one that is there, so that whoever shows the
// reference of the page is found: of the last one about the same client, or of
// the one that will sum up.
func (q *quota) take(s *Stop) (ok bool, left leftOut) {
	client := event.ClientOf(s.Client).Addr()
	q.mu.Lock()
	defer q.mu.Unlock()
	if s.Time.Sub(q.since) >= quotaWindow {
		left = q.turnLocked(s.Time)
	}
	c, known := q.clients[client]
	if !known && len(q.clients) == quotaClients {
		if q.rest.requests == 0 {
			q.rest.ref = s.Ref
		}
		q.rest.requests++
		s.Ref = q.rest.ref
		return false, left
	}
	c.requests++
	if ok = c.requests <= quotaLines; ok {
		c.ref = s.Ref
	}
	s.Ref = c.ref
	q.clients[client] = c
	return ok, left
}

// end sums up the window that is under way, and begins another.
func (q *quota) end(now time.Time) leftOut {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.turnLocked(now)
}

// turnLocked begins a new window and sums up the old one.
func (q *quota) turnLocked(now time.Time) leftOut {
	left := leftOut{since: q.since, requests: q.rest.requests, rest: q.rest}
	for client, c := range q.clients {
		if c.requests <= quotaLines {
			continue
		}
		n := c.requests - quotaLines
		left.clients++
		left.requests += n
		if n > left.most {
			left.loudest, left.most = client, n
		}
	}
	q.since, q.rest, q.clients = now, logged{}, map[netip.Addr]logged{}
	return left
}
