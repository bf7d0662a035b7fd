package detect

import "math/bits"

// A fairStore is a bounded store of entries that belong to clients. No client can push out the
// entries of others. If it is full, it evicts from the provider (a /16, or a /32 of IPv6)
// with the most entries; there from the network (a /24, or a /48) with the most; and there
// the least recently used entry. Providers and networks with a few entries count as equal:
// among them, the one that was idle longest loses an entry. So a client that fills the store
// from one network, or from all networks of a provider, loses its own entries. The caller
// must hold a lock.
type fairStore[K comparable, V any] struct {
	room      int
	onEvict   func(V) // called with each entry that is evicted
	entries   map[K]*fairEntry[K, V]
	nets      map[clientKey]*owner[K, V]
	providers map[clientKey]*provider[K, V]
	classes   classes[*provider[K, V]]
}

// fewEntries is how many entries an owner may have to count as equal to all others.
const fewEntries = 8

// classOf returns the class of an owner with n entries: the length in bits of n/fewEntries.
func classOf(n int) int { return bits.Len(uint(n / fewEntries)) }

// classes are lists of owners, grouped by how many entries they have.
type classes[E linked[E]] []list[E]

func (c *classes[E]) push(e E, n int) {
	for len(*c) <= classOf(n) {
		*c = append(*c, list[E]{})
	}
	(*c)[classOf(n)].push(e)
}

func (c classes[E]) remove(e E, n int) { c[classOf(n)].remove(e) }

func (c classes[E]) touch(e E, n int) { c[classOf(n)].touch(e) }

// first returns the owner that must give up an entry first.
func (c classes[E]) first() (e E) {
	var none E
	for i := range c {
		if e = c[len(c)-1-i].first; e != none {
			return e
		}
	}
	return none
}

// A fairEntry is an entry in the list of its network.
type fairEntry[K comparable, V any] struct {
	links[*fairEntry[K, V]]
	key   K
	value V
	of    *owner[K, V]
}

// An owner is a network that has entries. It is in a class of its provider.
type owner[K comparable, V any] struct {
	links[*owner[K, V]]
	net     clientKey
	n       int // how many entries it has
	entries list[*fairEntry[K, V]]
	of      *provider[K, V]
}

// A provider is a group of networks.
type provider[K comparable, V any] struct {
	links[*provider[K, V]]
	net     clientKey
	n       int // how many entries all its networks have
	classes classes[*owner[K, V]]
}

func newFairStore[K comparable, V any](room int, forgot func(V)) *fairStore[K, V] {
	return &fairStore[K, V]{
		room: max(1, room), onEvict: forgot,
		entries: make(map[K]*fairEntry[K, V]), nets: make(map[clientKey]*owner[K, V]), providers: make(map[clientKey]*provider[K, V]),
	}
}

// networkOf returns the client's /24, or its /48 of IPv6, which any customer can get.
func networkOf(client clientKey) clientKey {
	if client.isIPv4() {
		return clientKey{0, client.lo &^ 0xff}
	}
	return clientKey{client.hi &^ 0xffff, 0}
}

// providerOf returns the client's /16, or its /32 of IPv6. A provider has a few of these.
func providerOf(client clientKey) clientKey {
	if client.isIPv4() {
		return clientKey{0, client.lo &^ 0xffff}
	}
	return clientKey{client.hi &^ 0xffffffff, 0}
}

func (k clientKey) isIPv4() bool { return k.hi == 0 && k.lo>>32 == 0xffff }

func (f *fairStore[K, V]) len() int { return len(f.entries) }

// peek returns an entry without marking it as used.
func (f *fairStore[K, V]) peek(k K) (value V, ok bool) {
	if h := f.entries[k]; h != nil {
		return h.value, true
	}
	return value, false
}

// get returns an entry and marks it as used.
func (f *fairStore[K, V]) get(k K) (value V, ok bool) {
	h := f.entries[k]
	if h == nil {
		return value, false
	}
	o := h.of
	o.entries.touch(h)
	o.of.classes.touch(o, o.n)
	f.classes.touch(o.of, o.of.n)
	return h.value, true
}

// add adds a new entry, which counts for the network of client.
func (f *fairStore[K, V]) add(client clientKey, k K, value V) {
	if len(f.entries) >= f.room {
		f.evict()
	}
	o := f.ownerOf(client)
	h := &fairEntry[K, V]{key: k, value: value, of: o}
	f.entries[k] = h
	o.entries.push(h)
	f.addCount(o, 1)
}

// ownerOf returns the owner for a client's network, which may have no entries yet.
func (f *fairStore[K, V]) ownerOf(client clientKey) *owner[K, V] {
	net, wide := networkOf(client), providerOf(client)
	if o := f.nets[net]; o != nil {
		return o
	}
	p := f.providers[wide]
	if p == nil {
		p = &provider[K, V]{net: wide}
		f.providers[wide] = p
	}
	o := &owner[K, V]{net: net, of: p}
	f.nets[net] = o
	return o
}

// addCount adds n to the entries of a network. A network that gains entries becomes the most
// recently used. A network that loses some keeps its place, unless its class changes.
func (f *fairStore[K, V]) addCount(o *owner[K, V], more int) {
	p := o.of
	if more < 0 && o.n+more > 0 && classOf(o.n) == classOf(o.n+more) && classOf(p.n) == classOf(p.n+more) {
		o.n, p.n = o.n+more, p.n+more
		return
	}
	if o.n > 0 {
		p.classes.remove(o, o.n)
	}
	if p.n > 0 {
		f.classes.remove(p, p.n)
	}
	o.n += more
	p.n += more
	if o.n > 0 {
		p.classes.push(o, o.n)
	} else {
		delete(f.nets, o.net)
	}
	if p.n > 0 {
		f.classes.push(p, p.n)
	} else {
		delete(f.providers, p.net)
	}
}

// evict evicts one entry.
func (f *fairStore[K, V]) evict() {
	if p := f.classes.first(); p != nil {
		f.drop(p.classes.first().entries.first)
	}
}

// drop removes an entry and calls forgot.
func (f *fairStore[K, V]) drop(h *fairEntry[K, V]) {
	f.remove(h.key)
	f.onEvict(h.value)
}

// remove removes an entry.
func (f *fairStore[K, V]) remove(k K) {
	h := f.entries[k]
	if h == nil {
		return
	}
	delete(f.entries, k)
	h.of.entries.remove(h)
	f.addCount(h.of, -1)
}

// A list is doubly linked through its elements. The first element is the least recently
// used.
type list[E linked[E]] struct{ first, last E }

// A linked is an element of a list.
type linked[E any] interface {
	comparable
	around() *links[E]
}

// links point to the neighbours of an element in a list.
type links[E any] struct{ before, after E }

func (l *links[E]) around() *links[E] { return l }

// push puts e at the end.
func (l *list[E]) push(e E) {
	var none E
	at := e.around()
	at.before, at.after = l.last, none
	if l.last == none {
		l.first = e
	} else {
		l.last.around().after = e
	}
	l.last = e
}

// remove removes e.
func (l *list[E]) remove(e E) {
	var none E
	at := e.around()
	if at.before == none {
		l.first = at.after
	} else {
		at.before.around().after = at.after
	}
	if at.after == none {
		l.last = at.before
	} else {
		at.after.around().before = at.before
	}
	at.before, at.after = none, none
}

// touch moves e to the end, where it usually is already.
func (l *list[E]) touch(e E) {
	if l.last != e {
		l.remove(e)
		l.push(e)
	}
}
