package appsec

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// A part of a body is what is inspected. It is valid until the body is read.
type part struct {
	bytes []byte
	cut   Skip // why it is not the whole
}

// readBody reads what is to be inspected of r's body, and has r's body begin
// with it again. A request without a body keeps what it has, and so does one of
// whose body nothing is read; b is nil then.
func (c *Client) readBody(r *http.Request) (b *body, p part, err error) {
	strict := c.cfg.BodyOver == lookup.Ban
	switch {
	case r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0:
		return nil, part{}, nil
	case r.ContentLength < 0 && isStream(r, strict):
		return nil, part{cut: Stream}, nil
	case strict && r.ContentLength > int64(c.cfg.BodyLimit):
		return nil, part{cut: LongBody}, nil // not even a 100 Continue
	}
	b = &body{src: r.Body, pool: &c.bodies, limit: c.cfg.BodyLimit, done: make(chan struct{})}
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
	src   io.ReadCloser
	pool  *pool
	limit int           // of what is inspected
	done  chan struct{} // closed when the goroutine has ended

	mu       sync.Mutex
	held     buffer // what has been read ahead; no longer than limit+1
	off      int    // up to where it has been read
	err      error  // what src has ended with
	stopped  bool   // no more is to be read ahead
	full     bool   // there was no room for more
	finished bool   // the goroutine is not to touch anything any more
	closed   bool
	closing  bool // the goroutine is to close src
}

// begin reads up to one byte more than limit, but no longer than wait.
func (b *body) begin(wait time.Duration) (part, error) {
	go b.fill()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-b.done:
	case <-timer.C:
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	p := part{bytes: b.held.bytes}
	switch {
	case b.err != nil && !errors.Is(b.err, io.EOF):
		return part{}, b.err
	case len(p.bytes) > b.limit:
		p.bytes, p.cut = p.bytes[:b.limit], LongBody
	case b.full:
		p.cut = NoRoom
	case b.err == nil:
		p.cut = SlowBody
	}
	return p, nil
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
		b.held.bytes = b.held.bytes[:len(b.held.bytes)+n]
		b.err = err
		b.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// space returns where to read to; nothing: read no more.
func (b *body) space() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	held := len(b.held.bytes)
	if b.stopped || held > b.limit {
		return nil
	}
	if held == cap(b.held.bytes) && !b.pool.grow(&b.held) {
		b.full = true
		return nil
	}
	return b.held.bytes[held:cap(b.held.bytes)]
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
		b.pool.put(&b.held)
	}
	if b.closing {
		_ = b.src.Close() // nobody is left to hear of it
	}
	close(b.done)
}

// Read reads what is held, and then what follows.
func (b *body) Read(p []byte) (int, error) {
	for {
		n, state, err := b.readHeld(p)
		switch state {
		case readHere:
			return n, err
		case readSource:
			return b.src.Read(p)
		}
		<-b.done
	}
}

// Where a Read finds what it reads.
const (
	readHere   = iota
	readSource // src, of which nothing is held any more
	readLater  // src, once the goroutine has ended
)

func (b *body) readHeld(p []byte) (n, state int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return 0, readHere, http.ErrBodyReadAfterClose
	case b.off < len(b.held.bytes):
		n = copy(p, b.held.bytes[b.off:])
		b.off += n
	case !b.finished:
		return 0, readLater, nil
	case b.err != nil:
		return 0, readHere, b.err
	default:
		state = readSource
	}
	if b.finished && b.off == len(b.held.bytes) {
		b.pool.put(&b.held)
		b.off = 0
	}
	return n, state, nil
}

// Close is for the site, and also closes the source. While the goroutine reads
// that, it is left to the goroutine: a server's own body would have Close wait.
func (b *body) Close() error {
	if !b.release(true) {
		return nil
	}
	return b.src.Close()
}

// release gives back the memory, after which nothing can be read any more. It
// reports whether nobody reads from the source; else that is closed later, if
// the source is to be closed.
func (b *body) release(source bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped, b.closed = true, true
	if !b.finished {
		b.closing = b.closing || source
		return false
	}
	b.pool.put(&b.held)
	return true
}
