package engine

import (
	"net/netip"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// decidedBy returns the decisions of authorities about exactly this prefix.
func (l *locals) decidedBy(p netip.Prefix) []lookup.Decision {
	if len(l.authorities) == 0 {
		return nil
	}
	if _, ok := l.table.Lookup(p.Addr()); !ok {
		return nil // the common case, which costs almost nothing
	}
	return slices.DeleteFunc(l.table.Covering(p.Addr()), func(d lookup.Decision) bool {
		return d.Prefix != p || !slices.Contains(l.authorities, d.Source)
	})
}

// settles reports whether r is at least as strong as d and lasts as long: then d is not
// needed.
func settles(r, d *lookup.Decision) bool {
	return r.Action >= d.Action && (r.Until.IsZero() || r.Until.After(d.Until.Add(-endTolerance)))
}

// isAnswer reports whether r, about the same prefix, is an authority's answer to d: see
// [locals].
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

// settle ends the local decisions that an authority has answered or an allowlist lifts,
// and removes expired ones.
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

// isHolding reports whether there are local decisions.
func (l *locals) isHolding() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held.len() > 0
}

// inForce returns the decisions that were put into the table.
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

// whyEnd returns why d ends now, or "".
func (l *locals) whyEnd(d *local) string {
	if l.isAllowlisted(d.Prefix.Addr()) || l.isAllowlisted(d.client) {
		return "the client is on an allowlist"
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
		return "it has expired or was deleted"
	}
	return ""
}
