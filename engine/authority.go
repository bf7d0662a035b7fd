package engine

import (
	"net/netip"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// decidedBy returns what authorities say about the very prefix.
func (l *locals) decidedBy(p netip.Prefix) []lookup.Decision {
	if len(l.authorities) == 0 {
		return nil
	}
	if _, ok := l.table.Lookup(p.Addr()); !ok {
		return nil // the common case, and free of charge
	}
	return slices.DeleteFunc(l.table.Covering(p.Addr()), func(d lookup.Decision) bool {
		return d.Prefix != p || !slices.Contains(l.authorities, d.Source)
	})
}

// settles reports whether r asks for as much as d, and for as long: then there is
// nothing to add.
func settles(r, d *lookup.Decision) bool {
	return r.Action >= d.Action && (r.Until.IsZero() || r.Until.After(d.Until.Add(-slack)))
}

// isAnswer reports whether r, about the same prefix, is the authority's word on d:
// see [locals].
func (d *local) isAnswer(r *lookup.Decision) bool {
	if settles(r, &d.Decision) {
		return true
	}
	if r.Action < d.Action && r.Reason != d.Reason {
		return false
	}
	for _, b := range d.before {
		if b.Source == r.Source && b.Action == r.Action {
			return !b.Until.Equal(r.Until) // it was announced again
		}
	}
	return !r.Since.Before(d.first)
}

// settle ends the local decisions that authorities have answered or an allowlist
// forbids, and forgets those that are over.
func (l *locals) settle(now time.Time) {
	if l.table.Version() == l.seen && now.Before(l.next) {
		return
	}
	l.next = now.Add(recheck)
	var gone []*local
	reasons := map[string]int{}
	var remove []lookup.Decision
	for _, d := range l.inForce() {
		why := l.whyEnd(d)
		if why == "" {
			continue
		}
		gone, remove = append(gone, d), append(remove, d.Decision)
		reasons[why]++
	}
	if len(gone) > 0 {
		l.log.Debug("local decisions end", zap.Any("decisions", reasons))
		l.table.Update(LocalSource, nil, remove)
		l.mu.Lock()
		for _, d := range gone {
			l.dropLocked(d)
		}
		l.mu.Unlock()
	}
	l.seen = l.table.Version()
}

// isHolding reports whether there is anything to look after.
func (l *locals) isHolding() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held.len() > 0
}

// inForce returns the decisions that are in the table, or were put there.
func (l *locals) inForce() []*local {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]*local, 0, l.held.len())
	for _, m := range l.held.byKey {
		if m.value.inForce {
			all = append(all, m.value)
		}
	}
	return all
}

// whyEnd returns why d is to end now, or "".
func (l *locals) whyEnd(d *local) string {
	if l.isAllowlisted(d.Prefix.Addr()) || l.isAllowlisted(d.client) {
		return "an allowlist has the client"
	}
	held := false
	for _, r := range l.table.Covering(d.Prefix.Addr()) {
		switch {
		case r.Prefix != d.Prefix:
		case r.Source == LocalSource:
			held = held || r.Action == d.Action
		case slices.Contains(l.authorities, r.Source) && d.isAnswer(&r):
			return r.Source + " has decided"
		}
	}
	if !held {
		return "it is over, or was taken back"
	}
	return ""
}
