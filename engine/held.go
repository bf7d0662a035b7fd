package engine

import "github.com/tocsin-project/tocsin/lookup"

// isWeaker reports whether d asks for less than o, or for as much and ends sooner.
func (d *local) isWeaker(o *local) bool {
	if d.Action != o.Action {
		return d.Action < o.Action
	}
	return !d.Until.IsZero() && (o.Until.IsZero() || d.Until.Before(o.Until))
}

// holdLocked remembers a local decision in place of the one before it.
func (l *locals) holdLocked(d *local) {
	for _, gone := range l.held.put(holding{d.Prefix, d.Action}, d.Prefix, d) {
		l.displaced = append(l.displaced, gone.Decision)
	}
}

// dropLocked forgets a local decision.
func (l *locals) dropLocked(d *local) {
	if at := (holding{d.Prefix, d.Action}); l.held.get(at) == d {
		l.held.remove(at)
	}
}

func (l *locals) isHeldLocked(at holding, d *lookup.Decision) bool {
	one := l.held.get(at)
	return one != nil && one.Decision == *d
}

// netLocked returns what remains to be done of changes that may contradict each other,
// in whatever order they came: a decision that had to make room meanwhile is not added,
// and one that is held again is only removed to be added anew. So nothing is in the
// table that is not held. What has to make room from now on is in a later order.
func (l *locals) netLocked(add, remove []lookup.Decision) (added, removed []lookup.Decision) {
	anew := map[holding]bool{}
	for _, d := range add {
		if at := (holding{d.Prefix, d.Action}); l.held.get(at) != nil {
			added = append(added, d)
			anew[at] = true
		}
	}
	for _, d := range remove {
		if at := (holding{d.Prefix, d.Action}); anew[at] || l.held.get(at) == nil {
			removed = append(removed, d)
		}
	}
	return added, removed
}
