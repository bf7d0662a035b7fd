package detect

import "math/bits"

// fair holds things of clients, within a bound, so that nobody makes others' be
// forgotten. When there is one too many, the network goes first that has the most of
// them, and of these the thing that was not used for the longest time. Those that have
// a few each are alike: among them the one goes that was quiet the longest. So whoever
// fills it from one network, such as a /48 of IPv6, forgets his own things. Users lock.
type fair[K comparable, V any] struct {
	room    int
	forgot  func(V) // called with what is forgotten for want of room
	things  map[K]*held[K, V]
	nets    map[clientKey]*owner[K, V]
	classes [maxClass]list[*owner[K, V]] // by how many things the networks in it have
}

// fewThings is how many things a network may have and be as others.
const fewThings = 8

// maxClass bounds the classes: of a network with n things it is the length of n/fewThings.
const maxClass = 32

// A held is a thing, in the list of its network.
type held[K comparable, V any] struct {
	links[*held[K, V]]
	key   K
	value V
	of    *owner[K, V]
}

// An owner is a network that has things, in the list of its class.
type owner[K comparable, V any] struct {
	links[*owner[K, V]]
	net    clientKey
	n      int // of its things
	things list[*held[K, V]]
}

func newFair[K comparable, V any](room int, forgot func(V)) *fair[K, V] {
	return &fair[K, V]{
		room: max(1, room), forgot: forgot,
		things: make(map[K]*held[K, V]), nets: make(map[clientKey]*owner[K, V]),
	}
}

func (f *fair[K, V]) len() int { return len(f.things) }

func (o *owner[K, V]) class() int { return min(bits.Len(uint(o.n/fewThings)), maxClass-1) }

// peek returns a thing and leaves it as old as it is.
func (f *fair[K, V]) peek(k K) (value V, ok bool) {
	if h := f.things[k]; h != nil {
		return h.value, true
	}
	return value, false
}

// get returns a thing, which is then the last one that was used.
func (f *fair[K, V]) get(k K) (value V, ok bool) {
	h := f.things[k]
	if h == nil {
		return value, false
	}
	h.of.things.touch(h)
	f.classes[h.of.class()].touch(h.of)
	return h.value, true
}

// add puts a new thing in, which counts for the network of client.
func (f *fair[K, V]) add(client clientKey, k K, value V) {
	if len(f.things) >= f.room {
		f.forget()
	}
	net := networkOf(client)
	o := f.nets[net]
	if o == nil {
		o = &owner[K, V]{net: net}
		f.nets[net] = o
	} else {
		f.classes[o.class()].remove(o)
	}
	h := &held[K, V]{key: k, value: value, of: o}
	o.things.push(h)
	o.n++
	f.classes[o.class()].push(o)
	f.things[k] = h
}

// forget forgets what is to go first.
func (f *fair[K, V]) forget() {
	for i := range f.classes {
		if o := f.classes[maxClass-1-i].first; o != nil {
			h := o.things.first
			f.remove(h.key)
			f.forgot(h.value)
			return
		}
	}
}

// remove takes a thing out.
func (f *fair[K, V]) remove(k K) {
	h := f.things[k]
	if h == nil {
		return
	}
	delete(f.things, k)
	o := h.of
	o.things.remove(h)
	f.classes[o.class()].remove(o)
	if o.n--; o.n == 0 {
		delete(f.nets, o.net)
		return
	}
	f.classes[o.class()].push(o)
}

// A list is doubly linked, by what its elements have in them. The first one is the one
// that was not used for the longest time.
type list[E linked[E]] struct{ first, last E }

// A linked has links.
type linked[E any] interface {
	comparable
	around() *links[E]
}

// links are the neighbours of an element of a list.
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

// remove takes e out.
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

// touch puts e at the end, where it mostly is.
func (l *list[E]) touch(e E) {
	if l.last != e {
		l.remove(e)
		l.push(e)
	}
}
