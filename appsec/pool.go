package appsec

import (
	"sync"
	"sync/atomic"
)

// A pool lends the memory for the beginnings of bodies, up to a bound for all of
// them. What a body takes grows with what has come of it: what a client says
// about the length costs nothing.
type pool struct {
	most  int64
	used  atomic.Int64
	sizes []int // of buffers, growing; the last is for the longest beginning
	free  []sync.Pool
}

// A buffer is memory of a pool; the zero one is none.
type buffer struct {
	bytes []byte
	mem   *[]byte // the whole of it
	class int     // index of its size
}

// init sets p up for beginnings up to a length. A buffer that grows is there
// twice for a moment, so that one body of that length always finds room.
func (p *pool) init(longest int, most int64) {
	p.most = max(most, 2*int64(longest))
	for size := 4 << 10; size < longest; size *= 8 {
		p.sizes = append(p.sizes, size)
	}
	p.sizes = append(p.sizes, longest)
	p.free = make([]sync.Pool, len(p.sizes))
}

// grow moves b to the next size. It reports false if there is no room, or if
// there is no such size; b is as it was then.
func (p *pool) grow(b *buffer) bool {
	class := 0
	if b.mem != nil {
		class = b.class + 1
	}
	if class == len(p.sizes) {
		return false
	}
	size := int64(p.sizes[class])
	if p.used.Add(size) > p.most {
		p.used.Add(-size)
		return false
	}
	mem, ok := p.free[class].Get().(*[]byte)
	if !ok {
		fresh := make([]byte, size)
		mem = &fresh
	}
	grown := buffer{bytes: (*mem)[:len(b.bytes)], mem: mem, class: class}
	copy(grown.bytes, b.bytes)
	p.put(b)
	*b = grown
	return true
}

// put takes b back.
func (p *pool) put(b *buffer) {
	if b.mem != nil {
		p.used.Add(-int64(p.sizes[b.class]))
		p.free[b.class].Put(b.mem)
	}
	*b = buffer{}
}
