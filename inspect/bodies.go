package inspect

import (
	"net/netip"
	"sync"
	"time"
)

const (
	firstPiece = 4 << 10  // of a body: enough for most forms
	nextPiece  = 32 << 10 // what it grows by
	shareOf    = 8        // a network has one part in so many of what all share

	// stallTime is how long a body may go without filling a piece before it has
	// to make room for others.
	stallTime = 2 * time.Second
	// roomPause is between two looks for room.
	roomPause = 50 * time.Millisecond
)

// Bodies lend the memory for the beginnings of bodies, in pieces, up to a bound
// for all of them and one for each network. What a body takes grows with what has
// come of it; what a client says about the length costs nothing.
//
// A body that finds no room waits. If another has not filled a piece for longer than
// stallTime, that is cut, and its pieces are free: one of the same network when that
// has used up its share, and any when all have used up the whole.
type Bodies struct {
	free [2]sync.Pool // of *piece

	mu       sync.Mutex
	all      ledger
	share    int64 // bytes of one network
	longest  int64 // bytes of one body
	networks map[netip.Prefix]*ledger
}

// A piece is some memory.
type piece struct {
	home *Bodies
	mem  []byte
	n    int // bytes of the body in it
}

// NewBodies returns Bodies that read up to a limit, with so many bytes of memory. One
// body up to the limit always finds room.
func NewBodies(limit int, most int64) *Bodies {
	p := &Bodies{longest: pieceSpace(limit + 1)}
	most = max(most, p.longest)
	p.share = max(most/shareOf, p.longest)
	p.all = newLedger(most, p.longest)
	p.networks = make(map[netip.Prefix]*ledger)
	return p
}

// pieceSpace returns what the pieces for so many bytes take.
func pieceSpace(length int) int64 {
	rest := max(length-firstPiece, 0)
	return firstPiece + int64((rest+nextPiece-1)/nextPiece)*nextPiece
}

// enter adds b, which is going to grow.
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

// rest notes that b does not grow any more.
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

// grow returns the next piece for b; nil if there is no room now. Then it says
// whether it is the network, or all together, who have used up what they may.
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

// take takes so many bytes for b, or says why it cannot.
func (p *Bodies) take(b *Body, size int64) Cut {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !b.growing {
		return TooSlow // cut meanwhile
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

// room says whether there is room for so many bytes more of b, and if not, which
// ledger is full. Half of all the memory is for networks that have no more than one
// whole body there: so many others as may come leave room for who comes last.
func (p *Bodies) room(b *Body, size int64) (Cut, *ledger) {
	own := b.lines[0].of
	switch {
	case own.used+size > own.most, !own.hasHalf(size) && !own.isElder(b.lines[0]):
		return NoShare, own
	case p.all.used+size > p.all.most, !p.all.hasHalf(size) && own.used+size > p.longest:
		return NoRoom, &p.all
	}
	return Whole, nil
}

// giveBack returns pieces of a body of network to where they are from.
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

// put takes back pieces of a body of network.
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
