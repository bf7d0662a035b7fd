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
