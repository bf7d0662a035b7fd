package detect

import "sync/atomic"

// pages remembers which pages the sites have had. A page that existed before, and is now
// gone or needs a login, is not a discovery for the client. There is one bit for each page,
// so about one in thirty pages that never existed counts as existing. If there are many new
// pages, the oldest ones are forgotten.
type pages struct {
	bits [2][pageWords]atomic.Uint64
	used atomic.Uint32 // the index of the half that is being filled
	set  atomic.Uint32 // how many bits are set in it
}

const (
	pageWords = 1 << 14
	pageBits  = 64 * pageWords // 128 KiB
	maxSet    = pageBits / 64  // after this many, the other half is filled
)

// add remembers a page.
func (p *pages) add(page uint64) {
	word, bit := page/64%pageWords, uint64(1)<<(page%64)
	now := &p.bits[p.used.Load()%2][word]
	if now.Load()&bit != 0 {
		return // the usual case
	}
	now.Or(bit)
	if p.set.Add(1) >= maxSet {
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
	word, bit := page/64%pageWords, uint64(1)<<(page%64)
	return (p.bits[0][word].Load()|p.bits[1][word].Load())&bit != 0
}
