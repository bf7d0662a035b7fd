package inspect

import (
	"net/netip"
	"sync"
	"time"
)

const (
	firstPiece = 4 << 10  // the first piece of a body: enough for most forms
	nextPiece  = 32 << 10 // each further piece
	shareOf    = 8        // one network may use 1/8 of all the memory

	// stallTime is how long a body may take to fill a piece. After that it loses its memory
	// if other bodies need it.
	stallTime = 2 * time.Second
	// roomPause is the time between two attempts to get memory.
	roomPause = 50 * time.Millisecond
)

// Bodies lends memory for the beginnings of bodies, in pieces. There is a limit for all
// bodies together and one for each network. A body gets memory only for bytes that have
// arrived: the length that a client announces reserves nothing.
//
// A body that gets no memory waits. If another body has not filled a piece for longer than
// stallTime, that one is cut off, and its pieces become free. If a network has used its
// share, this happens only to a body of that network. If the whole memory is in use, it can
// happen to any body.
type Bodies struct {
	free [2]sync.Pool // of *piece

	mu       sync.Mutex
	all      ledger
	share    int64 // bytes of one network
	longest  int64 // bytes of one body
	networks map[netip.Prefix]*ledger
}

// A piece is a block of memory.
type piece struct {
	home *Bodies
	mem  []byte
	n    int // bytes of the body in it
}

// NewBodies returns Bodies for bodies of up to limit bytes, which use at most most bytes of
// memory. If most is too small for one whole body, it is raised to that.
func NewBodies(limit int, most int64) *Bodies {
	p := &Bodies{longest: pieceSpace(limit + 1)}
	most = max(most, p.longest)
	p.share = max(most/shareOf, p.longest)
	p.all = newLedger(most, p.longest)
	p.networks = make(map[netip.Prefix]*ledger)
	return p
}

// pieceSpace returns how much memory the pieces for a body of this length need.
func pieceSpace(length int) int64 {
	rest := max(length-firstPiece, 0)
	return firstPiece + int64((rest+nextPiece-1)/nextPiece)*nextPiece
}

// enter adds b to the bodies that still grow.
func (p *Bodies) enter(b *Body) {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.networks[b.network]
	if own == nil {
		fresh := newLedger(p.share, p.longest)
		own = &fresh
		p.networks[b.network] = own
	}
	b.grown = time.Now()
	b.lines = [2]line{own.enter(b), p.all.enter(b)}
	b.growing = true
}

// rest records that b does not grow any more.
func (p *Bodies) rest(b *Body) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.restLocked(b)
}

func (p *Bodies) restLocked(b *Body) {
	if !b.growing {
		return
	}
	b.growing = false
	for i := range b.lines {
		b.lines[i].leave()
	}
	p.forgetLocked(b.network)
}

func (p *Bodies) forgetLocked(network netip.Prefix) {
	if own := p.networks[network]; own.used == 0 && own.entered.Len() == 0 {
		delete(p.networks, network)
	}
}

// grow returns the next piece for b, or nil if there is no memory now. Then the Cut says
// whether the network or all bodies together have reached their limit.
func (p *Bodies) grow(b *Body, first bool) (*piece, Cut) {
	class := 1
	if first {
		class = 0
	}
	if why := p.take(b, pieceSizes[class]); why != Whole {
		return nil, why
	}
	if old, ok := p.free[class].Get().(*piece); ok {
		return old, Whole
	}
	return &piece{home: p, mem: make([]byte, pieceSizes[class])}, Whole
}

var pieceSizes = [2]int64{firstPiece, nextPiece}

// take reserves size bytes for b, or says why it cannot.
func (p *Bodies) take(b *Body, size int64) Cut {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !b.growing {
		return TooSlow // it was cut off in the meantime
	}
	if why, full := p.room(b, size); why != Whole {
		for i := range b.lines {
			b.lines[i].starve()
		}
		if slow := full.stalled(); slow != nil {
			p.restLocked(slow)
			close(slow.evicted)
		}
		return why
	}
	b.grown = time.Now()
	for i := range b.lines {
		b.lines[i].take(size)
	}
	return Whole
}

// room says whether size more bytes are available for b, and if not, which ledger is full.
// Half of all the memory is kept for networks that use no more than one whole body there. So
// even when many networks send bodies, some memory is left for a new client.
func (p *Bodies) room(b *Body, size int64) (Cut, *ledger) {
	own := b.lines[0].of
	switch {
	case own.used+size > own.most, !own.hasHalf(size) && !own.isOldest(b.lines[0]):
		return NoShare, own
	case p.all.used+size > p.all.most, !p.all.hasHalf(size) && own.used+size > p.longest:
		return NoRoom, &p.all
	}
	return Whole, nil
}

// giveBack returns pieces of a body of this network to the Bodies that lent them.
func giveBack(network netip.Prefix, pieces []*piece) {
	for len(pieces) > 0 {
		n := 1
		for n < len(pieces) && pieces[n].home == pieces[0].home {
			n++
		}
		pieces[0].home.put(network, pieces[:n])
		pieces = pieces[n:]
	}
}

// put takes back pieces of a body of this network.
func (p *Bodies) put(network netip.Prefix, pieces []*piece) {
	var size int64
	for _, old := range pieces {
		size += int64(len(old.mem))
	}
	p.mu.Lock()
	p.all.used -= size
	p.networks[network].used -= size
	p.forgetLocked(network)
	p.mu.Unlock()
	for _, old := range pieces {
		old.n = 0
		class := 1
		if len(old.mem) == firstPiece {
			class = 0
		}
		p.free[class].Put(old)
	}
}

// InUse returns how many bytes all bodies use now.
func (p *Bodies) InUse() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all.used
}
