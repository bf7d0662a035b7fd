package middleware

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Established knows the requests that are being served, and ends those of clients
// that are banned meanwhile: see [Config].Established. The zero value is ready.
// Several middlewares may share one, and it may outlive them. It must not be copied.
//
// It has no goroutine, and nothing to close: a timer runs while there are requests.
// It holds as many of them as the server serves at once, and connections that
// handlers took over and did not close yet.
type Established struct {
	stripe [stripes]heldStripe
	taken  atomic.Uint32 // stripes given out so far
	rest   sync.Pool     // of *held, each of them used last by the same processor

	round atomic.Uint32 // of lookups
	armed atomic.Bool   // the timer is set, or a round is under way
	from  int           // the stripe that the next round begins with

	mu    sync.Mutex
	timer *time.Timer // nil: it was never set
}

// A heldStripe is one of the lists. It has cache lines of its own: see [stripe].
type heldStripe struct {
	mu             sync.Mutex
	newest, oldest *held
	added          uint64 // requests so far
	next           uint64 // the first that the last round did not reach; for rounds alone
	_              [128 - 40]byte
}

// A held is a request that is being served, or a connection that its handler has
// taken over. It is used again for another one of the same stripe.
type held struct {
	home   *Established
	stripe *heldStripe

	// Guarded by the stripe's mutex.
	newer, older *held
	serial       uint64 // tells the requests apart that it was used for
	order        uint64 // among those of the stripe
	round        uint32 // in which it began
	m            *Middleware
	visit        *Visit
	client       netip.Addr
	asked        requested
	w            http.ResponseWriter // nil: the handler has returned
	conn         net.Conn            // that it took over; nil: none
	cancel       context.CancelFunc  // of the request; nil: deadlines do
	ended        bool
}

// established returns the set of requests in progress, nil if no request is ended.
func (cfg *Config) established() *Established {
	switch {
	case cfg.KeepEstablished || cfg.DryRun:
		return nil
	case cfg.Established == nil:
		return new(Established)
	}
	return cfg.Established
}

// An ending says which requests end when their client is banned while they are served.
type ending struct {
	established *Established // nil: none
	spared      func(*http.Request, netip.Addr) bool
}

// hold has m end r if its client is banned while it is served. It returns what is to be
// released when r has been served, nil if m does not end r, and r as it is to be served.
func (l *ending) hold(m *Middleware, w http.ResponseWriter, r *http.Request, f *finding) (*held, *http.Request) {
	if l.established == nil || !f.client.IsValid() || f.visit.hasEnded() || l.spared(r, f.client) {
		return nil, r
	}
	h := l.established.take()
	var cancel context.CancelFunc
	if r.ProtoMajor > 2 {
		// Over HTTP/3 a deadline ends no request whose handler neither reads nor writes.
		var ctx context.Context
		ctx, cancel = context.WithCancel(r.Context())
		r = r.WithContext(ctx)
	}
	s := h.stripe
	s.mu.Lock()
	h.serial++
	h.round = h.home.round.Load()
	h.m, h.visit, h.client = m, f.visit, f.client
	h.asked = requested{r.Method, r.Host, r.URL.Path} // others may change r meanwhile
	h.w, h.cancel = w, cancel
	s.addLocked(h)
	s.mu.Unlock()
	h.home.arm()
	return h, r
}

// take returns one that is at rest.
func (e *Established) take() *held {
	if h, ok := e.rest.Get().(*held); ok {
		return h
	}
	return &held{home: e, stripe: &e.stripe[e.taken.Add(1)%stripes]}
}

// release says that the handler has returned. A connection that it took over may
// live on.
func (h *held) release() {
	if h == nil {
		return
	}
	h.stripe.mu.Lock()
	cancel := h.cancel
	h.w, h.cancel = nil, nil
	free := h.conn == nil || isClosed(h.conn)
	if free {
		h.stripe.removeLocked(h)
	}
	h.stripe.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	if free {
		h.home.rest.Put(h)
	}
}

// takenOver says that the handler has conn now. It may be nil.
func (h *held) takenOver(conn net.Conn) {
	if h == nil {
		return
	}
	h.stripe.mu.Lock()
	h.conn = conn
	h.stripe.mu.Unlock()
}

// isTakenOver reports whether the handler of r is likely to take the connection over.
func isTakenOver(r *http.Request) bool {
	return r.ProtoMajor == 1 && (len(r.Header["Upgrade"]) > 0 || r.Method == http.MethodConnect)
}

func (s *heldStripe) addLocked(h *held) {
	s.added++
	h.order = s.added
	h.older = s.newest
	if s.newest != nil {
		s.newest.newer = h
	} else {
		s.oldest = h
	}
	s.newest = h
}

// removeLocked takes h out, and lets go of all that it was about.
func (s *heldStripe) removeLocked(h *held) {
	if h.newer != nil {
		h.newer.older = h.older
	} else {
		s.newest = h.older
	}
	if h.older != nil {
		h.older.newer = h.newer
	} else {
		s.oldest = h.newer
	}
	*h = held{home: h.home, stripe: h.stripe, serial: h.serial + 1}
}
