package middleware

import (
	"net/netip"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

const (
	quotaWindow  = time.Minute
	quotaLines   = 5    // lines for one client in a window
	quotaClients = 1024 // clients with their own lines in a window
	quotaNetwork = 128  // of them in one network: an eighth
)

// A quota limits log lines in a flood of requests. A window lasts a minute and begins
// with a request. In it, each client gets five lines. Its other requests are counted in
// one summary for all clients, which is logged at the beginning of a later window,
// because no goroutine writes it earlier. At most 1024 clients have their own lines in
// a window, and at most 128 of one network (a /16, or a /32 of IPv6), so that its flood
// does not hide other clients. That limits the log to 85 lines a second, and the memory to about 100 kB.
// The [Counters] count all requests.
type quota struct {
	mu      sync.Mutex
	since   time.Time             // beginning of the window
	clients map[netip.Addr]logged // the clients of the window, IPv6 by network
	nets    map[netip.Prefix]int  // the number of clients by network
	rest    logged                // the clients above the limit
}

// A logged is the state of a client in the log.
type logged struct {
	requests uint64 // counted in this window
	ref      string // of its last line; for rest: of the summary
}

// A leftOut is the summary of a window.
type leftOut struct {
	since    time.Time
	requests uint64
	clients  int        // clients with requests that were not logged
	loudest  netip.Addr // the client with the most of them; its address, or the first of its network
	most     uint64     // number of that client's requests that were not logged
	rest     logged     // requests of the clients above the limit
}

// take reports whether s may have its own line, and returns the summary of the previous
// window at the first request of a new one. Without its own line, s gets the reference
// of an existing line, so that the reference on the page can be found: that of the last
// line about the same client, or of the coming summary.
func (q *quota) take(s *Stop) (ok bool, left leftOut) {
	client := event.ClientOf(s.Client).Addr()
	q.mu.Lock()
	defer q.mu.Unlock()
	if s.Time.Sub(q.since) >= quotaWindow {
		left = q.turnLocked(s.Time)
	}
	network := event.OwnerOf(client)
	c, known := q.clients[client]
	if !known && (len(q.clients) == quotaClients || q.nets[network] == quotaNetwork) {
		if q.rest.requests == 0 {
			q.rest.ref = s.Ref
		}
		q.rest.requests++
		s.Ref = q.rest.ref
		return false, left
	}
	if c.requests++; !known {
		q.nets[network]++
	}
	if ok = c.requests <= quotaLines; ok {
		c.ref = s.Ref
	}
	s.Ref = c.ref
	q.clients[client] = c
	return ok, left
}

// end returns the summary of the current window, and begins a new one.
func (q *quota) end(now time.Time) leftOut {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.turnLocked(now)
}

// turnLocked begins a new window and returns the summary of the old one.
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
	q.since, q.rest = now, logged{}
	q.clients, q.nets = map[netip.Addr]logged{}, map[netip.Prefix]int{}
	return left
}
