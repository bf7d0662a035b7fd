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
	// recheckInterval is how often the clients of requests that last are looked up
	// again. A request is seen for the first time when it has lasted one to two of
	// them, so that short ones cost no lookup.
	recheckInterval = time.Second

	// recheckTimeout bounds what all lookups of one round take together, since a
	// lookup may ask another server. The next round goes on behind what took too long.
	recheckTimeout = 2 * time.Second
)

// arm sets the timer, unless it is set.
func (e *Established) arm() {
	if e.armed.Load() || !e.armed.CompareAndSwap(false, true) {
		return
	}
	e.wind()
}

// wind sets the timer. Only the goroutine that has set armed may call it.
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
			e.from = at + 1 // its rest comes behind the other stripes
			break
		}
	}
	if !e.idle() {
		e.wind()
		return
	}
	e.armed.Store(false)
	// A request that came before that has set no timer.
	if !e.idle() {
		e.arm()
	}
}

// idle reports whether there is nothing to look at.
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

// A suspect is a request that has lasted for a while.
type suspect struct {
	h      *held
	serial uint64
	order  uint64
	m      *Middleware
	client netip.Addr
}

// recheck ends the requests that are to be ended, and reports whether there was
// time for all. If not, the next round goes on behind the one whose lookup took too
// long, so that a slow one keeps none from its turn.
func (s *heldStripe) recheck(ctx context.Context, round uint32) bool {
	all := s.lasting(round)
	first := max(0, slices.IndexFunc(all, func(p suspect) bool { return p.order >= s.next }))
	for i := range all {
		p := all[(first+i)%len(all)]
		d, ok := p.m.decision.recheck(ctx, p.client)
		if ctx.Err() != nil { // the answer may be none
			s.next = p.order + 1
			return false
		}
		if ok && isRefusal(d) && !p.m.allow.contain(p.client) {
			s.end(p, d)
		}
	}
	return true
}

// lasting returns the requests that began at least one whole round ago. It forgets
// connections that are closed.
func (s *heldStripe) lasting(round uint32) []suspect {
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

// end ends the request that p is, unless it is over, because of d.
func (s *heldStripe) end(p suspect, d lookup.Decision) {
	s.mu.Lock()
	if p.h.serial != p.serial {
		s.mu.Unlock()
		return
	}
	// Again and again, for a handler may set a deadline of its own.
	first := p.h.endLocked() && !p.h.ended
	p.h.ended = p.h.ended || first
	asked, visit := p.h.asked, p.h.visit
	s.mu.Unlock()
	if first && visit.cutOff() {
		p.m.notes.ended(newStop(d, p.client), asked)
	}
}

// endLocked breaks off the request, whatever its handler does, and reports whether
// there is a way to. It waits for nobody.
//
// A deadline that is over makes every read and write fail. Over HTTP/2 it resets the
// stream, and over HTTP/1 the server's own read of the connection fails: both cancel
// the request.
func (h *held) endLocked() bool {
	done := h.conn != nil || h.cancel != nil
	if h.conn != nil {
		// TLS would say goodbye first, and wait until that is sent.
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

// serversOwn returns the writer that those of handlers are made of. Its deadlines may be
// set while the handler writes; those around it are for one goroutine.
func serversOwn(w http.ResponseWriter) http.ResponseWriter {
	for {
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = outer.Unwrap()
	}
}

// innermost returns the connection that others are made of.
func innermost(conn net.Conn) net.Conn {
	for {
		outer, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return conn
		}
		conn = outer.NetConn()
	}
}

// isClosed reports whether a connection was closed here, or cannot be told to be.
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
