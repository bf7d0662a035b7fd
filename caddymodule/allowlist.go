package caddymodule

import (
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/engine"
)

// allowlists returns how the allowlists stand of the sources that read any, by the names
// of these.
func (p *pooled) allowlists() map[string]guest.Allowlist {
	all := map[string]guest.Allowlist{}
	for _, o := range p.opened {
		if a, ok := o.(guest.Allowlisted); ok {
			if list, reads := a.Allowlist(); reads {
				all[o.Name()] = list
			}
		}
	}
	return all
}

func newAllowlistAnswer(l guest.Allowlist, now time.Time) *allowlistAnswer {
	a := &allowlistAnswer{Entries: l.Entries, Read: inSeconds(l.Read)}
	if !l.Read.IsZero() {
		age := int64(max(now.Sub(l.Read), 0) / time.Second)
		a.AgeSeconds = &age
	}
	if l.Err != nil {
		a.Error = l.Err.Error()
	}
	return a
}

// allowlists prints how the allowlists of sources stand, if any has one.
func (t table) allowlists(sources []sourceAnswer) {
	if !slices.ContainsFunc(sources, func(s sourceAnswer) bool { return s.Allowlist != nil }) {
		return
	}
	t.row()
	t.row("ALLOWLISTS OF", "ENTRIES", "READ", "LAST ERROR")
	for _, s := range sources {
		if a := s.Allowlist; a != nil {
			t.row(s.Name, a.Entries, t.ago(a.Read), a.Error)
		}
	}
}

// pendingAllowlist returns what is said of a source whose allowlists were not read
// since, and nil if they were.
func pendingAllowlist(s *engine.SourceStats, l guest.Allowlist, since time.Time) *pendingAnswer {
	if l.Read.After(since) {
		return nil
	}
	a := newPendingAnswer(s)
	if l.Err != nil {
		a.Error = l.Err.Error()
	}
	return &a
}
