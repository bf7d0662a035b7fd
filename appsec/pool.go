package appsec

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

// A pool lends the memory for the beginnings of bodies, in pieces, up to a bound
// for all of them and one for each network. What a body takes grows with what has
// come of it; what a client says about the length costs nothing.
//
// A body that finds no room waits. If another has not filled a piece for longer than
// stallTime, that is cut, and its pieces are free: one of the same network when that
// has used up its share, and any when all have used up the whole.
type pool struct {
	free [2]sync.Pool // of *piece

	mu       sync.Mutex
	all      ledger
	share    int64 // bytes of one network
	longest  int64 // bytes of one body
	networks map[netip.Prefix]*ledger
}

// A piece is memory of a pool.
type piece struct {
	mem []byte
	n   int // bytes of the body in it
}

// init sets p up for beginnings up to a length. Whatever the bounds say, one body of
// that length finds room.
func (p *pool) init(longest int, most int64) {
	p.longest = pieceSpace(longest)
	most = max(most, p.longest)
	p.share = max(most/shareOf, p.longest)
	p.all = newLedger(most, p.longest)
	p.networks = make(map[netip.Prefix]*ledger)
}

// pieceSpace returns what the pieces for so many bytes take.
func pieceSpace(length int) int64 {
	rest := max(length-firstPiece, 0)
	return firstPiece + int64((rest+nextPiece-1)/nextPiece)*nextPiece
}

// enter adds b, which is going to grow.
func (p *pool) enter(b *body) {
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
func (p *pool) rest(b *body) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.restLocked(b)
}

func (p *pool) restLocked(b *body) {
	if !b.growing {
		return
	}
	b.growing = false
	for i := range b.lines {
		b.lines[i].leave()
	}
	p.forgetLocked(b.network)
}

func (p *pool) forgetLocked(network netip.Prefix) {
	if own := p.networks[network]; own.used == 0 && own.entered.Len() == 0 {
		delete(p.networks, network)
	}
}

// grow returns the next piece for b; nil if there is no room now. Then it says
// whether it is the network, or all together, who have used up what they may.
func (p *pool) grow(b *body, first bool) (*piece, Skip) {
	class := 1
	if first {
		class = 0
	}
	if why := p.take(b, pieceSizes[class]); why != uncut {
		return nil, why
	}
	if old, ok := p.free[class].Get().(*piece); ok {
		return old, uncut
	}
	return &piece{mem: make([]byte, pieceSizes[class])}, uncut
}

var pieceSizes = [2]int64{firstPiece, nextPiece}

// take takes so many bytes for b, or says why it cannot.
func (p *pool) take(b *body, size int64) Skip {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !b.growing {
		return SlowBody // cut meanwhile
	}
	if why, full := p.room(b, size); why != uncut {
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
	return uncut
}

// room says whether there is room for so many bytes more of b, and if not, which
// ledger is full. Half of all the memory is for networks that have no more than one
// whole body there: so many others as may come leave room for who comes last.
func (p *pool) room(b *body, size int64) (Skip, *ledger) {
	own := b.lines[0].of
	switch {
	case own.used+size > own.most, !own.hasHalf(size) && !own.isElder(b.lines[0]):
		return NoShare, own
	case p.all.used+size > p.all.most, !p.all.hasHalf(size) && own.used+size > p.longest:
		return NoRoom, &p.all
	}
	return uncut, nil
}

// put takes back pieces of a body of network.
func (p *pool) put(network netip.Prefix, pieces ...*piece) {
	if len(pieces) == 0 {
		return
	}
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

// bytes returns what all bodies take.
func (p *pool) bytes() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all.used
}
