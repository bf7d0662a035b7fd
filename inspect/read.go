package inspect

import "net/http"

// Read returns the bytes in memory first, and then reads on from the source.
func (b *Body) Read(p []byte) (int, error) {
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

// Where Read gets the next bytes.
const (
	readHere   = iota
	readSource // from src: nothing is left in memory
	readLater  // from src, after the goroutine has ended
)

func (b *Body) readHeld(p []byte) (n, state int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return 0, readHere, http.ErrBodyReadAfterClose
	case len(b.held) > 0 && b.off < b.held[0].n:
		n = copy(p, b.held[0].mem[b.off:b.held[0].n])
		b.off += n
	case !b.finished:
		return 0, readLater, nil
	case b.err != nil:
		return 0, readHere, b.err
	default:
		state = readSource
	}
	b.passLocked()
	return n, state, nil
}

// passLocked gives back the first piece if all of it has been read and the goroutine does
// not read into it.
func (b *Body) passLocked() {
	if len(b.held) > 0 && b.off == b.held[0].n && (b.finished || len(b.held) > 1) {
		giveBack(b.network, b.held[:1])
		b.held, b.off = b.held[1:], 0
	}
}

// freeLocked gives back all pieces.
func (b *Body) freeLocked() {
	giveBack(b.network, b.held)
	b.held, b.off = nil, 0
}

// Close is for the site. It also closes the source. If the goroutine is still reading from
// the source, the goroutine closes it later, because Close of a server's own body would wait
// for that read.
func (b *Body) Close() error {
	if !b.release(true) {
		return nil
	}
	return b.src.Close()
}

// Release returns the memory that b holds. Bytes that were not read by then are lost. The
// source stays open. b may be nil.
func (b *Body) Release() {
	if b != nil {
		b.release(false)
	}
}

// release gives back the memory. After that nothing can be read from b. It reports whether
// the goroutine has ended, so that the caller may close the source. If it has not, and
// source is set, the goroutine closes the source when it ends.
func (b *Body) release(source bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopLocked()
	b.closed = true
	if !b.finished {
		b.closing = b.closing || source
		return false
	}
	b.freeLocked()
	return true
}
