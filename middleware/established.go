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

// Established knows the requests in progress, and ends those of clients that are banned
// meanwhile: see [Config].Established. The zero value is ready to use. Several
// middlewares may share one, and it may outlive them. Do not copy it.
//
// It has no goroutine, and nothing to close: a timer runs while there are requests. It
// holds the requests in progress, and hijacked connections that are still open.
type Established struct {
	stripe [stripes]requestStripe
	taken  atomic.Uint32 // stripes given out so far
	rest   sync.Pool     // of *openRequest: each processor reuses its own

	round atomic.Uint32 // of lookups
	armed atomic.Bool   // the timer is set, or a round is in progress
	from  int           // the first stripe of the next round

	mu    sync.Mutex
	timer *time.Timer // nil: never set
}

// A requestStripe is one of the lists. It has its own cache lines: see [stripe].
type requestStripe struct {
	mu             sync.Mutex
	newest, oldest *openRequest
	added          uint64 // requests so far
	next           uint64 // the first that the last round did not reach; only rounds use it
	_              [128 - 40]byte
}

// An openRequest is a request in progress, or its hijacked connection. It is reused for later
// ones of the same stripe.
type openRequest struct {
	home   *Established
	stripe *requestStripe

	// Guarded by the stripe's mutex.
	newer, older *openRequest
	serial       uint64 // identifies the request, because an openRequest is reused
	order        uint64 // the position in the stripe
	round        uint32 // in which it began
	m            *Middleware
	visit        *Visit
	client       netip.Addr
	asked        requested
	w            http.ResponseWriter // nil: the handler has returned
	conn         net.Conn            // the hijacked connection; nil: none
	cancel       context.CancelFunc  // of the request; nil: deadlines suffice
	ended        bool
}

// established returns the set of requests in progress, or nil if requests are never
// ended.
func (cfg *Config) established() *Established {
	switch {
	case cfg.KeepEstablished || cfg.DryRun:
		return nil
	case cfg.Established == nil:
		return new(Established)
	}
	return cfg.Established
}

// An ending ends requests in progress whose client is banned meanwhile.
type ending struct {
	established *Established // nil: none
	spared      func(*http.Request, netip.Addr) bool
}

// hold makes m end r if its client is banned meanwhile. It returns a value to release
// after r, or nil if m does not end r, and the request to serve.
func (l *ending) hold(m *Middleware, w http.ResponseWriter, r *http.Request, f *finding) (*openRequest, *http.Request) {
	if l.established == nil || !f.client.IsValid() || f.visit.hasEnded() || l.spared(r, f.client) {
		return nil, r
	}
	h := l.established.take()
	var cancel context.CancelFunc
	if r.ProtoMajor > 2 {
		// Over HTTP/3 a deadline does not end a request whose handler neither reads nor
		// writes, so the context is cancelled.
		var ctx context.Context
		ctx, cancel = context.WithCancel(r.Context())
		r = r.WithContext(ctx)
	}
	s := h.stripe
	s.mu.Lock()
	h.serial++
	h.round = h.home.round.Load()
	h.m, h.visit, h.client = m, f.visit, f.client
	h.asked = requested{r.Method, r.Host, r.URL.Path} // other handlers may change r meanwhile
	h.w, h.cancel = w, cancel
	s.addLocked(h)
	s.mu.Unlock()
	h.home.arm()
	return h, r
}

// take returns an unused held.
func (e *Established) take() *openRequest {
	if h, ok := e.rest.Get().(*openRequest); ok {
		return h
	}
	return &openRequest{home: e, stripe: &e.stripe[e.taken.Add(1)%stripes]}
}

// release records that the handler has returned. A hijacked connection may continue.
func (h *openRequest) release() {
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

// takenOver records that the handler has hijacked conn. h may be nil.
func (h *openRequest) takenOver(conn net.Conn) {
	if h == nil {
		return
	}
	h.stripe.mu.Lock()
	h.conn = conn
	h.stripe.mu.Unlock()
}

// isTakenOver reports whether the handler of r will probably hijack the connection.
func isTakenOver(r *http.Request) bool {
	return r.ProtoMajor == 1 && (len(r.Header["Upgrade"]) > 0 || r.Method == http.MethodConnect)
}

func (s *requestStripe) addLocked(h *openRequest) {
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

// removeLocked removes h from the list, and clears it.
func (s *requestStripe) removeLocked(h *openRequest) {
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
	*h = openRequest{home: h.home, stripe: h.stripe, serial: h.serial + 1}
}
