package engine

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// A Guard requires a challenge for some requests from any client. It is not a decision
// about a client, so it is not in the table.
type Guard struct {
	Scope  GuardScope
	Target string       // the target: "POST example.com/login", 192.0.2.0/24, 192.0.2.1
	Prefix netip.Prefix // the addresses of the target; the zero Prefix for a place
	Reason string       // the scenario
	Since  time.Time
	Until  time.Time
}

// A GuardScope says which requests a guard applies to.
type GuardScope string

// The scopes of guards.
const (
	GuardedPlace   GuardScope = "place"   // one method, host and path
	GuardedNetwork GuardScope = "network" // all requests of one network
	GuardedClient  GuardScope = "client"  // cross-site requests of one client
)

// Guards returns the guards in force. Those that end last come first.
func (e *Engine) Guards() []Guard {
	all := e.guards.list(time.Now())
	slices.SortFunc(all, func(a, b Guard) int {
		return cmp.Or(b.Until.Compare(a.Until), cmp.Compare(a.Target, b.Target))
	})
	return all
}

// GuardsOn returns the guards in force on the network and on the client of ip.
func (e *Engine) GuardsOn(ip netip.Addr) []Guard {
	return slices.DeleteFunc(e.Guards(), func(g Guard) bool { return !g.Prefix.Contains(ip) })
}

// Unguard ends the guards on a place, as in [Guard].Target, and returns their number.
// [Engine.Unban] ends those on networks and clients.
func (e *Engine) Unguard(place string) int { return e.guards.removePlace(place) }

func (g *guards) list(now time.Time) []Guard {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]Guard, 0, len(g.places)+len(g.nets)+len(g.foreign))
	for place, one := range g.places {
		all = append(all, one.listed(Guard{Scope: GuardedPlace, Target: place}))
	}
	for net, one := range g.nets {
		all = append(all, one.listed(Guard{Scope: GuardedNetwork, Target: targetOf(net), Prefix: net}))
	}
	for client, one := range g.foreign {
		all = append(all, one.listed(Guard{Scope: GuardedClient, Target: targetOf(client), Prefix: client}))
	}
	return slices.DeleteFunc(all, func(one Guard) bool { return !now.Before(one.Until) })
}

// listed returns to with the other fields from g.
func (g guard) listed(to Guard) Guard {
	to.Reason, to.Since, to.Until = g.reason, g.since, g.until
	return to
}

// targetOf formats a prefix like the targets of decisions.
func targetOf(p netip.Prefix) string {
	d := lookup.Decision{Prefix: p}
	return d.Target()
}

func (g *guards) removePlace(place string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := len(g.places)
	delete(g.places, place)
	return n - len(g.places)
}

// removeAbout ends the guards on the network p, and on the client of p.
func (g *guards) removeAbout(p netip.Prefix) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := len(g.nets) + len(g.foreign)
	delete(g.nets, p)
	delete(g.foreign, p)
	if p.IsSingleIP() {
		delete(g.foreign, event.ClientOf(p.Addr()))
	}
	return n - len(g.nets) - len(g.foreign)
}
