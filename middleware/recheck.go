package middleware

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

const (
	// recheckInterval is how often the clients of long requests are looked up again.
	// The first lookup is after one to two intervals, so short requests cost none.
	recheckInterval = time.Second

	// recheckTimeout limits the time of all lookups in a round, because a lookup may
	// ask another server. The next round continues after the lookup that took too long.
	recheckTimeout = 2 * time.Second
)

// arm sets the timer, unless it is set.
func (e *Established) arm() {
	if e.armed.Load() || !e.armed.CompareAndSwap(false, true) {
		return
	}
	e.wind()
}

// wind starts the timer. Only the goroutine that has set armed may call it.
func (e *Established) wind() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.timer == nil {
		e.timer = time.AfterFunc(recheckInterval, e.recheck)
		return
	}
	e.timer.Reset(recheckInterval)
}

// recheck is one round.
func (e *Established) recheck() {
	ctx, cancel := context.WithTimeout(context.Background(), recheckTimeout)
	defer cancel()
	round := e.round.Add(1)
	for i := range e.stripe {
		at := (e.from + i) % stripes
		if !e.stripe[at].recheck(ctx, round) {
			e.from = at + 1 // the rest of this stripe comes after the other stripes
			break
		}
	}
	if !e.idle() {
		e.wind()
		return
	}
	e.armed.Store(false)
	// A request that arrived before that has set no timer.
	if !e.idle() {
		e.arm()
	}
}

// idle reports whether there are no requests.
func (e *Established) idle() bool {
	for i := range e.stripe {
		s := &e.stripe[i]
		s.mu.Lock()
		empty := s.oldest == nil
		s.mu.Unlock()
		if !empty {
			return false
		}
	}
	return true
}

// A suspect is a request to look up again.
type suspect struct {
	h      *openRequest
	serial uint64
	order  uint64
	m      *Middleware
	client netip.Addr
}

// recheck ends the requests of banned clients, and reports whether there was time for
// all. If not, the next round continues after the lookup that took too long, so that a
// slow lookup does not block the others.
func (s *requestStripe) recheck(ctx context.Context, round uint32) bool {
	all := s.lasting(round)
	first := max(0, slices.IndexFunc(all, func(p suspect) bool { return p.order >= s.next }))
	for i := range all {
		p := all[(first+i)%len(all)]
		d, ok := p.m.decision.recheck(ctx, p.client)
		if ctx.Err() != nil { // the lookup may have been cut off
			s.next = p.order + 1
			return false
		}
		if ok && isRefusal(d) && !p.m.allow.contain(p.client) {
			s.end(p, d)
		}
	}
	return true
}

// lasting returns the requests that began at least one whole round ago. It removes
// closed connections.
func (s *requestStripe) lasting(round uint32) []suspect {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []suspect
	for h := s.oldest; h != nil && round-h.round >= 2; {
		at := h
		h = h.newer
		if at.w == nil && isClosed(at.conn) {
			s.removeLocked(at)
			at.home.rest.Put(at)
			continue
		}
		all = append(all, suspect{at, at.serial, at.order, at.m, at.client})
	}
	return all
}

// end ends the request p because of d, unless it has ended.
func (s *requestStripe) end(p suspect, d lookup.Decision) {
	s.mu.Lock()
	if p.h.serial != p.serial {
		s.mu.Unlock()
		return
	}
	// This repeats in each round, because a handler may set its own deadline.
	first := p.h.endLocked() && !p.h.ended
	p.h.ended = p.h.ended || first
	asked, visit := p.h.asked, p.h.visit
	s.mu.Unlock()
	if first && visit.cutOff() {
		p.m.results.ended(newStop(d, p.client), asked)
	}
}

// endLocked ends the request, whatever its handler does, and reports whether that is
// possible. It does not wait.
//
// An expired deadline makes every read and write fail. Over HTTP/2 it resets the
// stream. Over HTTP/1 the server's own read of the connection fails. Both cancel the
// request.
func (h *openRequest) endLocked() bool {
	done := h.conn != nil || h.cancel != nil
	if h.conn != nil {
		// A TLS connection would first send a close message, and wait for that.
		_ = innermost(h.conn).Close()
	}
	if h.w != nil {
		c, over := http.NewResponseController(serversOwn(h.w)), time.Unix(1, 0)
		done = c.SetReadDeadline(over) == nil || done
		done = c.SetWriteDeadline(over) == nil || done
	}
	if h.cancel != nil {
		h.cancel()
	}
	return done
}

// serversOwn returns the server's own writer inside w. Its deadlines may be set while
// the handler writes. Wrappers around it are not safe for that.
func serversOwn(w http.ResponseWriter) http.ResponseWriter {
	for {
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = outer.Unwrap()
	}
}

// innermost returns the connection inside all wrappers: NetConn is the method of TLS and
// of a [Listener], Raw that of the PROXY protocol in Caddy.
func innermost(conn net.Conn) net.Conn {
	for {
		switch outer := conn.(type) {
		case interface{ NetConn() net.Conn }:
			conn = outer.NetConn()
		case interface{ Raw() net.Conn }:
			conn = outer.Raw()
		default:
			return conn
		}
	}
}

// isClosed reports whether a connection was closed here, or whether that is unknown.
func isClosed(conn net.Conn) bool {
	c, ok := innermost(conn).(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := c.SyscallConn()
	return err != nil || raw.Control(func(uintptr) {}) != nil
}

// isRefusal reports whether d ends requests in progress. A captcha applies to the next
// request, and a throttle does not refuse a client for good. If the source did not answer,
// nothing is known about the client.
func isRefusal(d lookup.Decision) bool { return d.Action >= lookup.Ban && !d.Assumed }
