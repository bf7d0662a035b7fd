package engine

import "github.com/tocsin-project/tocsin/lookup"

// isWeaker reports whether d is weaker than o, or equal and ends earlier.
func (d *local) isWeaker(o *local) bool {
	if d.Action != o.Action {
		return d.Action < o.Action
	}
	return !d.Until.IsZero() && (o.Until.IsZero() || d.Until.Before(o.Until))
}

// holdLocked stores a local decision in place of an earlier one.
func (l *locals) holdLocked(d *local) {
	for _, gone := range l.held.put(holding{d.Prefix, d.Action}, d.Prefix, d) {
		l.displaced = append(l.displaced, gone.Decision)
	}
}

// dropLocked removes a local decision.
func (l *locals) dropLocked(d *local) {
	if at := (holding{d.Prefix, d.Action}); l.held.get(at) == d {
		l.held.remove(at)
	}
}

func (l *locals) isHeldLocked(at holding, d *lookup.Decision) bool {
	one := l.held.get(at)
	return one != nil && one.Decision == *d
}

// netLocked resolves contradictory changes: a decision that was displaced meanwhile is
// not added, and one that is held again is only removed if it is added again. So the
// table has only decisions that are held. Later displacements are in a later order.
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
