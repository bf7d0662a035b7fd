package inspect

import "net/http"

// Read reads what is held, and then what follows.
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

// Where a Read finds what it reads.
const (
	readHere   = iota
	readSource // src, of which nothing is held any more
	readLater  // src, once the goroutine has ended
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

// passLocked gives back the first piece if it has been read to its end, and nobody
// reads into it.
func (b *Body) passLocked() {
	if len(b.held) > 0 && b.off == b.held[0].n && (b.finished || len(b.held) > 1) {
		giveBack(b.network, b.held[:1])
		b.held, b.off = b.held[1:], 0
	}
}

// freeLocked gives back all that is held.
func (b *Body) freeLocked() {
	giveBack(b.network, b.held)
	b.held, b.off = nil, 0
}

// Close is for the site, and also closes the source. While the goroutine reads
// that, it is left to the goroutine: a server's own body would have Close wait.
func (b *Body) Close() error {
	if !b.release(true) {
		return nil
	}
	return b.src.Close()
}

// Release returns the memory that b, which may be nil, holds. What was not read of it is
// lost. The source stays open.
func (b *Body) Release() {
	if b != nil {
		b.release(false)
	}
}

// release gives back the memory, after which nothing can be read any more. It
// reports whether nobody reads from the source; else that is closed later, if
// the source is to be closed.
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
