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
	maxGuards    = 16_384 // of each kind; one that ends soon makes room
	maxAbused    = 8      // places that a guard remembers; who abuses more has no excuse
	defaultGuard = 10 * time.Minute
)

// guards are what wants a pass from whoever asks, since there is no client to be
// blamed: a place that many addresses abuse, such as a login; a network whose
// addresses are used once each; and what a client sends by way of other pages, which
// may not be its own doing.
//
// A guard is no decision about a client. It leads to one about a request: its
// prefix is the zero Prefix.
type guards struct {
	last atomic.Int64 // when the last of them ends: before the first, and mostly, there are none

	mu      sync.Mutex
	places  map[string]guard
	nets    map[netip.Prefix]guard
	foreign map[netip.Prefix]guard // by client
}

type guard struct {
	since, until time.Time
	reason       string

	// What a client sends by way of other pages is excused where such pages are
	// served. Where it has done what the guard is up for is no such place, or whoever
	// forges whose requests are could go on there; and what asks for a ban has no
	// excuse anywhere.
	places  []string
	certain bool
}

// add puts up what a asks for, and returns the decision about requests that meet it.
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

// abuse remembers places where the client has done what the guard is up for.
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

// excuses reports whether g, which is about what other pages have a client do, leaves
// a request alone that asks for a place.
func (g guard) excuses(ev *event.Event, place string, w Reputation) bool {
	switch {
	case !ev.Attribution.IsReflected():
		return true
	case g.certain:
		return false
	}
	return detect.Harmless(ev) || w != nil && w.Works(ev) && !slices.Contains(g.places, place)
}

// putGuard puts up a guard, in place of the one that is there.
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

// makeGuardRoom takes down the guard that ends first of a few: to look at all of them
// would hold requests up.
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

// decision returns what requests meet. A pass from before counts, unless the guard is
// about what one client does.
func (g guard) decision(afresh bool) lookup.Decision {
	d := lookup.Decision{Action: lookup.Captcha, Source: LocalSource, Origin: LocalOrigin, Reason: g.reason, Until: g.until}
	if afresh {
		d.Since = g.since
	}
	return d
}

// A Reputation is a [Detector] that knows what clients did well. The one in package
// detect is one.
type Reputation interface {
	// Known reports whether the client has shown credentials that the site accepted:
	// guards of places and networks leave it alone.
	Known(ip netip.Addr, at time.Time) bool
	// Area names the part of a site whose password by HTTP a request shows: guesses at
	// that put up a guard for all of it. Empty: it shows none.
	Area(ev *event.Event) string
	// Works reports whether what a request asks for serves pages of other origins.
	Works(ev *event.Event) bool
	// Vouch says that somebody at ip has solved a challenge.
	Vouch(ip netip.Addr, at time.Time)
}

// find returns the decision that a guard leads to about a request.
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

// areaOf returns the part of a site whose password by HTTP a request shows, if any does.
func areaOf(ev *event.Event, w Reputation) string {
	if w == nil || len(ev.Request["Authorization"]) == 0 {
		return ""
	}
	return w.Area(ev)
}

// tries reports whether a request can be a try to log in: one that only reads brings
// what it tries in a header.
func tries(ev *event.Event) bool {
	return ev.Method != "GET" && ev.Method != "HEAD" || len(ev.Request["Authorization"]) > 0
}

// sweep takes down the guards that have ended.
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

// count returns how many guards there are.
func (g *guards) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.places) + len(g.nets) + len(g.foreign)
}
