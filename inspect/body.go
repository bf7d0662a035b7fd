package inspect

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// A Part is the beginning of a body. It is valid until the body is read.
type Part struct {
	Bytes [][]byte
	Size  int
	Cut   Cut // why it is not the whole body
}

// A Cut is a reason why a Part is not the whole body.
type Cut uint8

// The reasons.
const (
	Whole   Cut = iota // it is the whole body
	TooLong            // the body is longer than the limit
	TooSlow            // it takes too long to arrive
	NoRoom             // the bodies of all requests use up the memory
	NoShare            // those of its network use up their share of it
	Evicted            // it stalled while others waited for memory
)

// Begin reads the beginning of r's body: up to one byte more than limit, within wait. It
// puts a [Body] that starts with these bytes into r, unless there is one, or r has no
// body: then b is nil. Length, encoding and trailers of r stay as they are. The error
// wraps [ErrBody], and r cannot be served.
func (p *Bodies) Begin(r *http.Request, network netip.Prefix, limit int, wait time.Duration) (b *Body, part Part, err error) {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil, Part{}, nil
	}
	b, ok := r.Body.(*Body)
	if ok {
		b.extend(p, limit, wait)
	} else {
		b = newBody(r.Body, p, network, limit)
		r.Body = b
		b.ahead(wait)
	}
	if part, err = b.part(limit); err != nil {
		b.Release()
		return nil, Part{}, fmt.Errorf("%w: %w", ErrBody, err)
	}
	return b, part, nil
}

// A Body is the body of a request, of which the beginning is held.
//
// A goroutine reads the beginning, for there is no other way to bound the wait:
// a deadline would break what is read later. At most it stays in its last call
// of Read, which ends with the connection, or when the client sends the next
// byte; whoever reads on comes after it.
type Body struct {
	src     io.ReadCloser
	pool    *Bodies
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
	lack     Cut      // why there was no room at some time; Whole: there always was
	finished bool     // the goroutine is not to touch anything any more
	closed   bool
	closing  bool // the goroutine is to close src

	// What the pool knows of b, under its own lock.
	lines   [2]line // in the ledger of the network, and in that of all
	grown   time.Time
	growing bool
}

func newBody(src io.ReadCloser, p *Bodies, network netip.Prefix, limit int) *Body {
	b := &Body{
		src: src, pool: p, network: network, limit: limit,
		done: make(chan struct{}), halt: make(chan struct{}), evicted: make(chan struct{}),
	}
	p.enter(b)
	return b
}

// extend reads up to a higher limit than before, with the memory of p, if that limit is
// the reason why there is no more. A body that was late is not waited for again.
func (b *Body) extend(p *Bodies, limit int, wait time.Duration) {
	if !b.isFull(limit) {
		return
	}
	<-b.done // it does not read any more
	b.mu.Lock()
	b.pool, b.limit, b.stopped, b.finished = p, limit, false, false
	b.done, b.halt, b.evicted = make(chan struct{}), make(chan struct{}), make(chan struct{})
	b.mu.Unlock()
	p.enter(b)
	b.ahead(wait)
}

// isFull reports whether b has reached its limit, and may read on to a higher one.
func (b *Body) isFull(limit int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return limit > b.limit && b.size > b.limit && b.err == nil && !b.closed
}

// ahead reads up to the limit, but no longer than wait.
func (b *Body) ahead(wait time.Duration) {
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
	if b.err == nil && b.wasEvicted() {
		b.dropLocked()
	}
}

// part returns the beginning of b, at most limit bytes, or why b cannot be read.
func (b *Body) part(limit int) (Part, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.err != nil && !errors.Is(b.err, io.EOF):
		return Part{}, b.err
	case b.err == nil && b.wasEvicted():
		return Part{Cut: Evicted}, nil
	}
	return b.partLocked(limit), nil
}

// wasEvicted reports whether others needed the room. That may be so whichever of several
// things begin has seen first.
func (b *Body) wasEvicted() bool {
	select {
	case <-b.evicted:
		return true
	default:
		return false
	}
}

func (b *Body) partLocked(limit int) Part {
	p := Part{Size: min(b.size, limit)}
	left := p.Size
	for _, held := range b.held {
		bytes := held.mem[:min(held.n, left)]
		if left -= len(bytes); len(bytes) > 0 {
			p.Bytes = append(p.Bytes, bytes)
		}
	}
	switch {
	case b.size > limit:
		p.Cut = TooLong
	case b.err != nil:
	case b.lack != Whole:
		p.Cut = b.lack
	default:
		p.Cut = TooSlow
	}
	return p
}

func (b *Body) stopLocked() {
	if !b.stopped {
		b.stopped = true
		close(b.halt)
	}
}

// dropLocked gives back all but the piece that is being read into.
func (b *Body) dropLocked() {
	b.closed = true
	if b.finished {
		b.freeLocked()
		return
	}
	if n := len(b.held) - 1; n > 0 {
		giveBack(b.network, b.held[:n])
		b.held = b.held[n:]
	}
}

// fill reads ahead.
func (b *Body) fill() {
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
func (b *Body) space() []byte {
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
func (b *Body) free() (space []byte, wait bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped || b.size > b.limit {
		return nil, false
	}
	if last := len(b.held) - 1; last < 0 || b.held[last].n == len(b.held[last].mem) {
		fresh, why := b.pool.grow(b, last < 0)
		if fresh == nil && why == TooSlow {
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
func (b *Body) finish() {
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
