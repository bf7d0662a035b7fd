package challenge

import "time"

// generations is a map whose entries expire: each entry stays for at least one span,
// and at most two. Expired entries go all at once, so the map never walks over them.
type generations[K comparable, V any] struct {
	born       time.Time // of young
	young, old map[K]V
}

// turn removes the expired entries.
func (g *generations[K, V]) turn(now time.Time, span time.Duration) {
	switch age := now.Sub(g.born); {
	case age < span:
		return
	case age < 2*span:
		g.old = g.young
	default:
		g.old = nil
	}
	g.young, g.born = nil, now
}

func (g *generations[K, V]) len() int { return len(g.young) + len(g.old) }

func (g *generations[K, V]) get(k K) (V, bool) {
	v, ok := g.young[k]
	if !ok {
		v, ok = g.old[k]
	}
	return v, ok
}

// put stores v for k and reports whether there was room: each span has at most limit
// new entries. An existing entry always has room, and starts a new span.
func (g *generations[K, V]) put(k K, v V, limit int) bool {
	_, young := g.young[k]
	_, old := g.old[k]
	switch {
	case young || len(g.young) < limit:
		delete(g.old, k)
	case old:
		g.old[k] = v
		return true
	default:
		return false
	}
	if g.young == nil {
		g.young = map[K]V{}
	}
	g.young[k] = v
	return true
}

// The areas of one owner have at most this part of the new entries of each span, so that
// a flood from there leaves room for others.
const ofAll = 8

// shared is generations in which each area has a share.
type shared[K comparable, V any] struct {
	generations[K, V]
	begun time.Time      // the span of of
	of    map[area]int32 // the number of new entries in this span
}

// putFor is put for an entry of an area.
func (s *shared[K, V]) putFor(a area, k K, v V, limit int) bool {
	if !s.hasRoom(a, limit) {
		limit = 0 // existing entries stay
	}
	before := len(s.young)
	ok := s.put(k, v, limit)
	if len(s.young) > before {
		s.of[a]++
	}
	return ok
}

// hasRoom reports whether there is room for a new entry of an area.
func (s *shared[K, V]) hasRoom(a area, limit int) bool {
	if s.of == nil || !s.begun.Equal(s.born) {
		s.of, s.begun = map[area]int32{}, s.born
	}
	return len(s.young) < limit && int(s.of[a]) < limit/ofAll
}
