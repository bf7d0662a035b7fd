package detect

import (
	"math/bits"
	"sync/atomic"
)

// pages remembers which pages the sites have had. A page that existed before, and is now
// gone or needs a login, is not a discovery for the client. There are two bits for each page:
// with a few hundred pages, a page that never existed almost never counts as existing, and
// about one in 500 does if there are many. The oldest ones are then forgotten.
type pages struct {
	bits [2][pageWords]atomic.Uint64
	used atomic.Uint32 // the index of the half that is being filled
	set  atomic.Uint32 // how many bits are set in it
}

const (
	pageWords = 1 << 14
	pageBits  = 64 * pageWords // 128 KiB
	maxSet    = pageBits / 32  // after this many, the other half is filled
)

// A pageBit is where one of the two bits of a page is.
type pageBit struct {
	word uint64
	bit  uint64
}

// bitsOf returns the two bits of a page, from different parts of its hash.
func bitsOf(page uint64) [2]pageBit {
	at := func(h uint64) pageBit { return pageBit{h / 64 % pageWords, 1 << (h % 64)} }
	return [2]pageBit{at(page), at(bits.RotateLeft64(page, 32))}
}

// add remembers a page.
func (p *pages) add(page uint64) {
	now, more := &p.bits[p.used.Load()%2], uint32(0)
	for _, at := range bitsOf(page) {
		if now[at.word].Load()&at.bit == 0 { // unusual
			now[at.word].Or(at.bit)
			more++
		}
	}
	if more > 0 && p.set.Add(more) >= maxSet {
		p.turn()
	}
}

// turn clears the older half of the pages. Pages that are added at the same time may be
// lost.
func (p *pages) turn() {
	next := p.used.Load() + 1
	for i := range p.bits[next%2] {
		p.bits[next%2][i].Store(0)
	}
	p.set.Store(0)
	p.used.Store(next)
}

// had reports whether a page has existed.
func (p *pages) had(page uint64) bool {
	at := bitsOf(page)
	for i := range p.bits {
		half := &p.bits[i]
		if half[at[0].word].Load()&at[0].bit != 0 && half[at[1].word].Load()&at[1].bit != 0 {
			return true
		}
	}
	return false
}
