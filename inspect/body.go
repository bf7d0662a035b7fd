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

// A Part is the beginning of a body. It is valid until someone reads from the body.
type Part struct {
	Bytes [][]byte
	Size  int
	Cut   Cut // why it is not the whole body; Whole if it is
}

// A Cut is a reason why a Part is not the whole body.
type Cut uint8

// The reasons.
const (
	Whole   Cut = iota // it is the whole body
	TooLong            // the body is longer than the limit
	TooSlow            // the client sends it too slowly
	NoRoom             // all requests' bodies together use all the memory
	NoShare            // the bodies of the client's network use its share of the memory
	Evicted            // it made no progress while others waited for memory
)

// Begin reads the beginning of r's body: up to limit+1 bytes, for at most wait. It replaces
// r.Body with a [Body] that returns these bytes first, unless r.Body is one already. If r
// has no body, b is nil. The length, encoding and trailers of r stay as they are. If there
// is an error, it wraps [ErrBody], and r cannot be served.
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

// A Body is the body of a request. It keeps the beginning of it in memory.
//
// A goroutine reads the beginning, because there is no other way to limit the wait: a
// deadline on the connection would also break later reads. The goroutine may stay in its
// last call of Read until the connection ends or the client sends the next byte. Later reads
// wait for that.
type Body struct {
	src     io.ReadCloser
	pool    *Bodies
	network netip.Prefix  // of the client
	limit   int           // how many bytes are inspected
	done    chan struct{} // closed when the goroutine has ended
	halt    chan struct{} // closed when the goroutine should stop reading ahead
	evicted chan struct{} // closed by the pool when others need the memory

	mu       sync.Mutex
	held     []*piece // the bytes read ahead, at most limit+1
	size     int      // how many bytes were read ahead, with those that have left held
	off      int      // how many bytes of the first piece have been read
	err      error    // the error that src ended with
	stopped  bool     // halt is closed
	lack     Cut      // why there was no memory at some time; Whole if there always was
	finished bool     // the goroutine does not touch anything any more
	closed   bool
	closing  bool // the goroutine must close src

	// The pool's data about b. The pool's lock guards it.
	lines   [2]line // in the network's ledger, and in the one for all
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

// extend reads up to a higher limit, with memory from p, if the body stopped at its old
// limit. It does not wait again for a body that was too slow.
func (b *Body) extend(p *Bodies, limit int, wait time.Duration) {
	if !b.isFull(limit) {
		return
	}
	<-b.done // the old goroutine has ended
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

// part returns the beginning of b, at most limit bytes, or the error that reading ended
// with.
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

// wasEvicted reports whether the pool took the memory of b for others. It looks at the
// channel itself, because the select in ahead may pick another case that is ready at the
// same time.
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

// dropLocked gives back all pieces except the one that the goroutine is reading into.
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

// fill reads ahead, in its own goroutine.
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

// space returns the memory to read into, and waits until there is some. It returns nothing
// if the goroutine should stop reading.
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

// free returns the memory to read into, or says that the caller must wait for some.
func (b *Body) free() (space []byte, wait bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped || b.size > b.limit {
		return nil, false
	}
	if last := len(b.held) - 1; last < 0 || b.held[last].n == len(b.held[last].mem) {
		fresh, why := b.pool.grow(b, last < 0)
		if fresh == nil && why == TooSlow {
			return nil, false // too late: b.lack already has the reason, if memory was missing
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

// finish ends the goroutine. It recovers from a panic in src.Read: in a separate goroutine
// that panic would end the whole server.
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
		_ = b.src.Close() // there is no caller to return an error to
	}
	close(b.done)
}
