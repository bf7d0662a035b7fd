package caddymodule

import (
	"time"

	"github.com/tocsin-project/tocsin/admin"
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

func newAllowlist(l guest.Allowlist, now time.Time) *admin.Allowlist {
	a := &admin.Allowlist{Entries: l.Entries, Read: admin.InSeconds(l.Read)}
	if !l.Read.IsZero() {
		age := int64(max(now.Sub(l.Read), 0) / time.Second)
		a.AgeSeconds = &age
	}
	if l.Err != nil {
		a.Error = l.Err.Error()
	}
	return a
}

// pendingAllowlist returns what is said of a source whose allowlists were not read
// since, and nil if they were.
func pendingAllowlist(s *engine.SourceStats, l guest.Allowlist, since time.Time) *admin.Pending {
	if l.Read.After(since) {
		return nil
	}
	a := admin.NewPending(s)
	if l.Err != nil {
		a.Error = l.Err.Error()
	}
	return &a
}
