package appsec

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// A part of a body is what is inspected. It is valid until the body is read.
type part struct {
	bytes [][]byte
	size  int
	cut   Skip // why it is not the whole
	fault bool // that is the client's own doing: the request is refused, whatever BodyOver says
}

// readBody reads what is to be inspected of r's body, and has r's body begin
// with it again. A request without a body keeps what it has, and so does one of
// whose body nothing is read; b is nil then.
func (c *Client) readBody(r *http.Request, network netip.Prefix) (b *body, p part, err error) {
	strict := c.cfg.BodyOver == lookup.Ban
	switch {
	case r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0:
		return nil, part{}, nil
	case r.ContentLength < 0 && isStream(r, strict):
		return nil, part{cut: Stream}, nil
	case strict && r.ContentLength > int64(c.cfg.BodyLimit):
		return nil, part{cut: LongBody}, nil // not even a 100 Continue
	}
	b = newBody(r.Body, &c.bodies, network, c.cfg.BodyLimit)
	r.Body = b
	if p, err = b.begin(c.cfg.BodyTimeout); err != nil {
		c.counts.broken.Add(1)
		b.release(false)
		return nil, part{}, fmt.Errorf("%w: %w", ErrBody, err)
	}
	return b, p, nil
}

// isStream reports whether r's body, of unknown length, is one that may not come
// before something has been answered. A tunnel is like what follows an Upgrade:
// there is no request in it, and nothing to inspect. That a body is a gRPC call,
// anybody can say: that is good enough only where long bodies may pass too.
func isStream(r *http.Request, strict bool) bool {
	if r.Method == http.MethodConnect && (!strict || r.Header[":protocol"] != nil) {
		return true // RFC 8441; net/http and quic-go file the protocol as a header
	}
	kind, isGRPC := strings.CutPrefix(r.Header.Get("Content-Type"), "application/grpc")
	return !strict && isGRPC && r.ProtoMajor >= 2 && (kind == "" || kind[0] == '+' || kind[0] == ';')
}

// A body is a client's, of which the beginning is held.
//
// A goroutine reads the beginning, for there is no other way to bound the wait:
// a deadline would break what is read later. At most it stays in its last call
// of Read, which ends with the connection, or when the client sends the next
// byte; whoever reads on comes after it.
type body struct {
	src     io.ReadCloser
	pool    *pool
	network netip.Prefix  // of the client
	limit   int           // of what is inspected
	done    chan struct{} // closed when the goroutine has ended
	halt    chan struct{} // closed when no more is to be read ahead
	evicted chan struct{} // closed by the pool when others need the room

	mu       sync.Mutex
	held     []*piece // what has been read ahead; no longer than limit+1
	size     int      // of it, with what has been read meanwhile
	off      int      // up to where the first piece has been read
	err      error    // what src has ended with
	stopped  bool     // halt is closed
	lack     Skip     // why there was no room at some time; uncut: there always was
	finished bool     // the goroutine is not to touch anything any more
	closed   bool
	closing  bool // the goroutine is to close src

	// What the pool knows of b, under its own lock.
	lines   [2]line // in the ledger of the network, and in that of all
	grown   time.Time
	growing bool
}

func newBody(src io.ReadCloser, p *pool, network netip.Prefix, limit int) *body {
	b := &body{
		src: src, pool: p, network: network, limit: limit,
		done: make(chan struct{}), halt: make(chan struct{}), evicted: make(chan struct{}),
	}
	p.enter(b)
	return b
}

// begin reads up to one byte more than limit, but no longer than wait.
func (b *body) begin(wait time.Duration) (part, error) {
	go b.fill()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-b.done:
	case <-b.evicted:
	case <-timer.C:
	}
	b.pool.rest(b)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopLocked()
	if b.err != nil && !errors.Is(b.err, io.EOF) {
		return part{}, b.err
	}
	if b.err == nil && b.wasEvicted() {
		b.dropLocked()
		return part{cut: SlowBody, fault: true}, nil
	}
	return b.partLocked(), nil
}

// wasEvicted reports whether others needed the room. That may be so whichever of several
// things begin has seen first.
func (b *body) wasEvicted() bool {
	select {
	case <-b.evicted:
		return true
	default:
		return false
	}
}

// partLocked returns what is to be inspected.
func (b *body) partLocked() part {
	p := part{size: b.size}
	for _, held := range b.held {
		p.bytes = append(p.bytes, held.mem[:held.n])
	}
	switch {
	case b.size > b.limit:
		p.size, p.cut = b.limit, LongBody
		p.bytes = cutTo(p.bytes, b.limit)
	case b.err != nil:
	case b.lack != uncut:
		p.cut, p.fault = b.lack, b.lack == NoShare
	default:
		p.cut = SlowBody
	}
	return p
}

// cutTo returns pieces, which have one byte more than size, without that.
func cutTo(pieces [][]byte, size int) [][]byte {
	last := len(pieces) - 1
	pieces[last] = pieces[last][:len(pieces[last])-1]
	return pieces
}

func (b *body) stopLocked() {
	if !b.stopped {
		b.stopped = true
		close(b.halt)
	}
}

// dropLocked gives back all but the piece that is being read into.
func (b *body) dropLocked() {
	b.closed = true
	if b.finished {
		b.freeLocked()
		return
	}
	if n := len(b.held) - 1; n > 0 {
		b.pool.put(b.network, b.held[:n]...)
		b.held = b.held[n:]
	}
}

// fill reads ahead.
func (b *body) fill() {
	defer b.finish()
	for {
		space := b.space()
		if len(space) == 0 {
			return
		}
		n, err := b.src.Read(space)
		b.mu.Lock()
		b.held[len(b.held)-1].n += n
		b.size += n
		b.err = err
		b.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// space returns where to read to, and waits until there is room; nothing: read no
// more.
func (b *body) space() []byte {
	for {
		space, wait := b.free()
		if !wait {
			return space
		}
		timer := time.NewTimer(roomPause)
		select {
		case <-timer.C:
		case <-b.halt:
			timer.Stop()
			return nil
		}
	}
}

// free returns where to read to, or whether to wait for room.
func (b *body) free() (space []byte, wait bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped || b.size > b.limit {
		return nil, false
	}
	if last := len(b.held) - 1; last < 0 || b.held[last].n == len(b.held[last].mem) {
		fresh, why := b.pool.grow(b, last < 0)
		if fresh == nil && why == SlowBody {
			return nil, false // time is up: for lack of room, if there was any
		}
		if fresh == nil {
			b.lack = why
			return nil, true
		}
		b.held = append(b.held, fresh)
	}
	last := b.held[len(b.held)-1]
	left := b.limit + 1 - b.size
	return last.mem[last.n:min(len(last.mem), last.n+left)], false
}

// finish ends the goroutine. In one of its own a panic of a foreign Read would
// end the whole server.
func (b *body) finish() {
	p := recover()
	b.mu.Lock()
	defer b.mu.Unlock()
	if p != nil {
		b.err = fmt.Errorf("panic: %v", p)
	}
	b.finished = true
	if b.closed {
		b.freeLocked()
	}
	if b.closing {
		_ = b.src.Close() // nobody is left to hear of it
	}
	close(b.done)
}
