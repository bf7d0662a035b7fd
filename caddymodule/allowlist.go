package caddymodule

import (
	"time"

	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/engine"
)

// allowlists returns the state of the allowlists by the name of their source.
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

// pendingAllowlist returns the entry of a source whose allowlists have not been read
// since, or nil if they have.
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
