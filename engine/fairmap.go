package engine

import (
	"container/heap"
	"net/netip"

	"github.com/tocsin-project/tocsin/event"
)

// A fairMap is a map of limited size with entries about clients. When it is full, the
// network with the most entries loses its weakest entry, and among equals the oldest.
// So an attacker with many addresses displaces only its own entries.
type fairMap[K comparable, V any] struct {
	isWeaker func(a, b V) bool
	room     int

	byKey map[K]*member[K, V]
	byNet map[netip.Prefix]*netHeap[K, V]
	nets  netHeaps[K, V]
	next  uint64
}

// A member is an entry of a fairMap. Its strength must not change there.
type member[K comparable, V any] struct {
	key   K
	value V
	age   uint64 // greater for younger members
	net   *netHeap[K, V]
	at    int // its index in its netHeap
}

// A netHeap has the entries of one network: a heap with the weakest on top.
type netHeap[K comparable, V any] struct {
	parent  *fairMap[K, V]
	network netip.Prefix
	members []*member[K, V]
	at      int // its index among the netHeaps
}

// netHeaps is a heap with the largest netHeap on top, and among equals the one with
// the weakest member.
type netHeaps[K comparable, V any] []*netHeap[K, V]

func newFairMap[K comparable, V any](room int, isWeaker func(a, b V) bool) *fairMap[K, V] {
	return &fairMap[K, V]{
		isWeaker: isWeaker, room: room,
		byKey: map[K]*member[K, V]{}, byNet: map[netip.Prefix]*netHeap[K, V]{},
	}
}

func (c *fairMap[K, V]) len() int { return len(c.byKey) }

// get returns the entry at k, or the zero V.
func (c *fairMap[K, V]) get(k K) (v V) {
	if m := c.byKey[k]; m != nil {
		v = m.value
	}
	return v
}

// put stores v, about a client of p, at k, and returns the entries that it displaced.
func (c *fairMap[K, V]) put(k K, p netip.Prefix, v V) (gone []V) {
	c.remove(k)
	for len(c.byKey) > 0 && len(c.byKey) >= c.room {
		weakest := c.nets[0].members[0]
		c.remove(weakest.key)
		gone = append(gone, weakest.value)
	}
	at := sharedNetwork(p)
	h := c.byNet[at]
	if h == nil {
		h = &netHeap[K, V]{parent: c, network: at}
		c.byNet[at] = h
		heap.Push(&c.nets, h)
	}
	c.next++
	m := &member[K, V]{key: k, value: v, age: c.next, net: h}
	c.byKey[k] = m
	heap.Push(h, m)
	heap.Fix(&c.nets, h.at)
	return gone
}

// remove deletes the entry at k.
func (c *fairMap[K, V]) remove(k K) {
	m := c.byKey[k]
	if m == nil {
		return
	}
	delete(c.byKey, k)
	h := m.net
	heap.Remove(h, m.at)
	if len(h.members) > 0 {
		heap.Fix(&c.nets, h.at)
		return
	}
	delete(c.byNet, h.network)
	heap.Remove(&c.nets, h.at)
}

// sharedNetwork returns the network of p: that of its owner, or p if it is wider.
func sharedNetwork(p netip.Prefix) netip.Prefix {
	if owner := event.OwnerOf(p.Addr()); owner.Bits() <= p.Bits() {
		return owner
	}
	return p.Masked()
}

func (m *member[K, V]) isWeaker(than *member[K, V], c *fairMap[K, V]) bool {
	switch {
	case c.isWeaker(m.value, than.value):
		return true
	case c.isWeaker(than.value, m.value):
		return false
	}
	return m.age < than.age
}

// Len implements [heap.Interface], as do the others.
func (h *netHeap[K, V]) Len() int { return len(h.members) }

func (h *netHeap[K, V]) Less(i, j int) bool {
	return h.members[i].isWeaker(h.members[j], h.parent)
}

func (h *netHeap[K, V]) Swap(i, j int) {
	h.members[i], h.members[j] = h.members[j], h.members[i]
	h.members[i].at, h.members[j].at = i, j
}

func (h *netHeap[K, V]) Push(x any) {
	m := x.(*member[K, V])
	m.at = len(h.members)
	h.members = append(h.members, m)
}

func (h *netHeap[K, V]) Pop() any {
	last := len(h.members) - 1
	m := h.members[last]
	h.members[last] = nil
	h.members = h.members[:last]
	return m
}

// Len implements [heap.Interface], as do the others.
func (n netHeaps[K, V]) Len() int { return len(n) }

func (n netHeaps[K, V]) Less(i, j int) bool {
	a, b := n[i], n[j]
	if len(a.members) != len(b.members) {
		return len(a.members) > len(b.members)
	}
	return len(a.members) > 0 && a.members[0].isWeaker(b.members[0], a.parent)
}

func (n netHeaps[K, V]) Swap(i, j int) {
	n[i], n[j] = n[j], n[i]
	n[i].at, n[j].at = i, j
}

func (n *netHeaps[K, V]) Push(x any) {
	h := x.(*netHeap[K, V])
	h.at = len(*n)
	*n = append(*n, h)
}

func (n *netHeaps[K, V]) Pop() any {
	last := len(*n) - 1
	h := (*n)[last]
	(*n)[last] = nil
	*n = (*n)[:last]
	return h
}
