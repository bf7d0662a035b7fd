package caddymodule

import (
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/lapi"
)

// allowlists returns how the allowlists stand of the Local APIs that have a machine to
// read them, by the names of these.
func (p *pooled) allowlists() map[string]lapi.Allowlist {
	all := map[string]lapi.Allowlist{}
	for _, c := range p.streams {
		if c.Reports() {
			all[c.Name()] = c.Stats().Allowlist
		}
	}
	for _, l := range p.live {
		if l.HasMachine() {
			all[l.Name()] = l.Stats().Allowlist
		}
	}
	return all
}

func newAllowlistAnswer(l lapi.Allowlist, now time.Time) *allowlistAnswer {
	a := &allowlistAnswer{Entries: l.Entries, Read: inSeconds(l.Fetched)}
	if !l.Fetched.IsZero() {
		age := int64(max(now.Sub(l.Fetched), 0) / time.Second)
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
func pendingAllowlist(s *engine.SourceStats, l lapi.Allowlist, since time.Time) *pendingAnswer {
	if l.Fetched.After(since) {
		return nil
	}
	a := newPendingAnswer(s)
	if l.Err != nil {
		a.Error = l.Err.Error()
	}
	return &a
}
