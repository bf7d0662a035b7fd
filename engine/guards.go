package engine

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

const (
	maxGuards    = 16_384 // of each kind; beyond it, one that ends soon is removed
	maxAbused    = 8      // places that a guard stores; a client that abuses more has no exemption
	defaultGuard = 10 * time.Minute
)

// guards require a pass from any client, because no single client is to blame. There
// are three kinds: for a place that many addresses abuse, such as a login; for a
// network that uses each of its addresses once; and for a client's cross-site requests,
// which may not be its own.
//
// A guard is not a decision about a client. It leads to a decision about a request,
// with the zero Prefix.
type guards struct {
	last atomic.Int64 // when the last of them ends: a fast check, because usually there are none

	mu      sync.Mutex
	places  map[string]guard
	nets    map[netip.Prefix]guard
	foreign map[netip.Prefix]guard // by client
}

type guard struct {
	since, until time.Time
	reason       string

	// Cross-site requests of a client are exempt at places that serve other sites'
	// pages. The places that it abused are not exempt, otherwise a client with forged
	// Fetch metadata could continue there. After an alert that asks for a ban, no place
	// is exempt.
	places  []string
	certain bool
}

// add adds the guard for a, and returns its decision about requests.
func (g *guards) add(a *event.Alert, now time.Time) lookup.Decision {
	length := defaultGuard
	if a.Guard != event.NoGuard && a.Duration > 0 {
		length = a.Duration
	}
	one := guard{since: now, until: now.Add(length), reason: a.Scenario}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch p, _ := meant(a); a.Guard {
	case event.GuardPlace:
		g.places = putGuard(g.places, a.Place, one)
	case event.GuardNetwork:
		g.nets = putGuard(g.nets, p, one)
	default:
		one.certain = a.Action == lookup.Ban
		one.abuse(a.Places...)
		if earlier := g.foreign[p]; now.Before(earlier.until) {
			one.certain = one.certain || earlier.certain
			one.abuse(earlier.places...)
		}
		g.foreign = putGuard(g.foreign, p, one)
	}
	g.last.Store(max(g.last.Load(), one.until.UnixNano()))
	return one.decision(false)
}

// abuse stores places that the client has abused.
func (g *guard) abuse(places ...string) {
	for _, p := range places {
		if !slices.Contains(g.places, p) {
			g.places = append(g.places, p)
		}
	}
	if g.certain = g.certain || len(g.places) > maxAbused; g.certain {
		g.places = nil
	}
}

// excuses reports whether a request for a place is exempt from g, a guard on cross-site
// requests.
func (g guard) excuses(ev *event.Event, place string, w Reputation) bool {
	switch {
	case !ev.Attribution.IsReflected():
		return true
	case g.certain:
		return false
	}
	return detect.Harmless(ev) || w != nil && w.Works(ev) && !slices.Contains(g.places, place)
}

// putGuard stores a guard in place of an existing one.
func putGuard[K comparable](all map[K]guard, k K, one guard) map[K]guard {
	if all == nil {
		all = map[K]guard{}
	}
	if _, ok := all[k]; !ok && len(all) >= maxGuards {
		makeGuardRoom(all)
	}
	all[k] = one
	return all
}

// makeGuardRoom removes one guard: of a few, the one that ends first. A search over all
// would delay requests.
func makeGuardRoom[K comparable](all map[K]guard) {
	const few = 16
	var first K
	n := 0
	for k, g := range all {
		if n == 0 || g.until.Before(all[first].until) {
			first = k
		}
		if n++; n == few {
			break
		}
	}
	delete(all, first)
}

// decision returns the decision about requests. An earlier pass counts, unless the
// guard is about one client.
func (g guard) decision(afresh bool) lookup.Decision {
	d := lookup.Decision{Action: lookup.Captcha, Source: LocalSource, Origin: LocalOrigin, Reason: g.reason, Until: g.until}
	if afresh {
		d.Since = g.since
	}
	return d
}

// A Reputation is a [Detector] that also knows good behaviour of clients. The one in
// package detect implements it.
type Reputation interface {
	// Known reports whether the client has sent credentials that the site accepted. It
	// is then exempt from guards of places and networks.
	Known(ip netip.Addr, at time.Time) bool
	// Area returns the part of a site for which a request sends HTTP credentials:
	// guesses at them lead to a guard for the whole part. Empty: none.
	Area(ev *event.Event) string
	// Works reports whether the requested resource serves pages of other origins.
	Works(ev *event.Event) bool
	// Vouch records that a client at ip has solved a challenge.
	Vouch(ip netip.Addr, at time.Time)
}

// find returns the decision of a guard about a request.
func (g *guards) find(ev *event.Event, w Reputation, now time.Time) (lookup.Decision, bool) {
	if last := g.last.Load(); last == 0 || now.UnixNano() >= last || !ev.Client.IsValid() {
		return lookup.Decision{}, false
	}
	place, area, net, client := detect.PlaceOf(ev), areaOf(ev, w), event.NetworkOf(ev.Client), event.ClientOf(ev.Client)
	g.mu.Lock()
	foreign, isForeign := g.foreign[client]
	one, isPlace := g.onPlace(place, area, now)
	isNet := !isPlace
	if isNet {
		one = g.nets[net]
	}
	g.mu.Unlock()
	switch {
	case isForeign && now.Before(foreign.until) && !foreign.excuses(ev, place, w):
		return foreign.decision(true), true
	case now.Before(one.until) && (isNet || tries(ev)) && (w == nil || !w.Known(ev.Client, now)):
		return one.decision(false), true
	}
	return lookup.Decision{}, false
}

// onPlace returns the guard in force on a place, or else on the area that it is in.
func (g *guards) onPlace(place, area string, now time.Time) (guard, bool) {
	for _, at := range []string{place, area} {
		if one := g.places[at]; now.Before(one.until) {
			return one, true
		}
	}
	return guard{}, false
}

// areaOf returns the part of a site for which a request sends HTTP credentials, or "".
func areaOf(ev *event.Event, w Reputation) string {
	if w == nil || len(ev.Request["Authorization"]) == 0 {
		return ""
	}
	return w.Area(ev)
}

// tries reports whether a request can be a login attempt: a GET or HEAD is one only
// with credentials in a header.
func tries(ev *event.Event) bool {
	return ev.Method != "GET" && ev.Method != "HEAD" || len(ev.Request["Authorization"]) > 0
}

// sweep removes expired guards.
func (g *guards) sweep(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	sweepGuards(g.places, now)
	sweepGuards(g.nets, now)
	sweepGuards(g.foreign, now)
}

func sweepGuards[K comparable](all map[K]guard, now time.Time) {
	for k, one := range all {
		if !now.Before(one.until) {
			delete(all, k)
		}
	}
}

// count returns the number of guards.
func (g *guards) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.places) + len(g.nets) + len(g.foreign)
}
