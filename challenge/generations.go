package challenge

import "time"

// generations is a map that forgets: an entry stays for one span at least after it
// was put, and goes after the second, without anybody looking at each.
type generations[K comparable, V any] struct {
	born       time.Time // of young
	young, old map[K]V
}

// turn forgets what is old at now.
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

// put keeps v for k, and reports whether there was room: at most limit entries are
// born in one span. One that is there always has room, and lives on.
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
