package caddymodule

import (
	"net/netip"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/middleware"
)

// witness begins to remember the clients that behave well if a source asks about them. If
// none does any more, it forgets them.
func (s *shared) witness(opened []guest.Opened) {
	on := slices.ContainsFunc(opened, func(o guest.Opened) bool {
		w, ok := o.(guest.Witness)
		return ok && w.Witnesses()
	})
	if s.witnesses.Store(on); !on {
		s.good.Clear()
	}
}

// noteGood remembers a client that behaved well.
func (s *shared) noteGood(client netip.Addr, at time.Time) {
	if s.witnesses.Load() {
		s.good.Note(client, at)
	}
}

// explain returns who made a decision about ip, and the address of a page about it, if it is
// from a source that has such pages.
func (p *parts) explain(d *lookup.Decision, ip netip.Addr) (by, link string) {
	e, ok := p.named(d.Source).(guest.Explainer)
	if !ok || !ip.IsValid() {
		return "", ""
	}
	return e.Explain(ip)
}

// explainStop is the [middleware.PageConfig.Explain] of the pages.
func (p *parts) explainStop(s *middleware.Stop) (by, link string) {
	return p.explain(&s.Decision, s.Client)
}

// explained adds to decisions about ip who made them, and the page about it.
func (p *parts) explained(all []admin.Decision, ip netip.Addr) {
	for i := range all {
		all[i].By, all[i].Explain = p.explain(&lookup.Decision{Source: all[i].Source}, ip)
	}
}

// newMembership returns the standing in a community, or nil if the source is not a community.
func newMembership(o guest.Opened) *admin.Membership {
	c, ok := o.(guest.Communal)
	if !ok {
		return nil
	}
	m := admin.Membership(c.Membership())
	return &m
}

// notices returns what the communities want the operator to know.
func (p *parts) notices() (all []string) {
	for _, o := range p.opened {
		if c, ok := o.(guest.Communal); ok {
			all = append(all, c.Membership().Notices...)
		}
	}
	return all
}
