package detect

import "sync/atomic"

// pages remember which pages sites have had: what was there before and is not any more,
// or not without a login, is no find for who asks for it. There is a bit for each page,
// so that one in thirty that never was is taken for one that was. Those that were
// there long ago are forgotten when there are many new ones.
type pages struct {
	bits [2][pageWords]atomic.Uint64
	used atomic.Uint32 // the one of the two that is being filled
	set  atomic.Uint32 // bits of that
}

const (
	pageWords = 1 << 14
	pageBits  = 64 * pageWords // 128 KiB
	maxSet    = pageBits / 64  // before the other one is filled
)

// add remembers a page.
func (p *pages) add(page uint64) {
	word, bit := page/64%pageWords, uint64(1)<<(page%64)
	now := &p.bits[p.used.Load()%2][word]
	if now.Load()&bit != 0 {
		return // mostly
	}
	now.Or(bit)
	if p.set.Add(1) >= maxSet {
		p.turn()
	}
}

// turn forgets the older half of the pages. Pages that are added meanwhile may be lost.
func (p *pages) turn() {
	next := p.used.Load() + 1
	for i := range p.bits[next%2] {
		p.bits[next%2][i].Store(0)
	}
	p.set.Store(0)
	p.used.Store(next)
}

// had reports whether a page was there.
func (p *pages) had(page uint64) bool {
	word, bit := page/64%pageWords, uint64(1)<<(page%64)
	return (p.bits[0][word].Load()|p.bits[1][word].Load())&bit != 0
}
