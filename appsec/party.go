package appsec

import (
	"net/netip"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

const (
	shareOf = 8 // a network has one part in so many of what all share

	// lateTwice is how often a network has to make AppSec late, within memory, until
	// its questions wait alone.
	lateTwice = 2
	memory    = 10 * time.Minute

	// restFactor is how many times as long as AppSec was late a network asks nothing
	// large any more, so that it has a fifth of AppSec's time at most.
	restFactor = 4
	maxRest    = 5 * time.Minute

	maxParties = 4096 // networks with a record that are kept in mind
)

// A party is a network with its share of the places and of the work.
type party struct {
	network netip.Prefix
	places  budget // questions under way
	work    budget // the weight of these, in nanoseconds

	// What follows is under the lock of parties.
	here  int       // its requests that are being inspected
	late  int       // how often it has made AppSec late
	until time.Time // until when that is remembered
	rests time.Time // until when it asks nothing large
}

// parties are the networks with requests under way, and those with a record.
type parties struct {
	places, work int64 // of each

	mu sync.Mutex
	by map[netip.Prefix]*party
}

// enter returns the party of network; leave has to be called once its request is
// through.
func (ps *parties) enter(network netip.Prefix) *party {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.by[network]
	if p == nil {
		p = &party{network: network, places: budget{most: ps.places}, work: budget{most: ps.work}}
		ps.by[network] = p
	}
	p.here++
	return p
}

func (ps *parties) leave(p *party) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p.here--
	if p.here == 0 && (p.late == 0 || !time.Now().Before(p.until)) {
		delete(ps.by, p.network)
	}
}

// blame notes that a question of p has made AppSec late, and kept it busy for so
// long. A private address may be that of a proxy in front of everybody, and has no
// record.
func (ps *parties) blame(p *party, busy time.Duration) {
	if !lookup.IsPublic(p.network.Addr()) {
		return
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	now := time.Now()
	if !now.Before(p.until) {
		p.late = 0
	}
	p.late++
	p.until = now.Add(memory)
	p.rests = now.Add(min(restFactor*busy, maxRest))
	ps.by[p.network] = p
	ps.shrinkLocked(now)
}

// shrinkLocked keeps the number of records within its bound: those whose time is over
// go, or else the one that ends first.
func (ps *parties) shrinkLocked(now time.Time) {
	if len(ps.by) <= maxParties {
		return
	}
	var first *party
	for _, p := range ps.by {
		switch {
		case p.here > 0:
		case !now.Before(p.until):
			delete(ps.by, p.network)
		case first == nil || p.until.Before(first.until):
			first = p
		}
	}
	if first != nil && len(ps.by) > maxParties {
		delete(ps.by, first.network)
	}
}

// record says whether the questions of p wait alone, and for how long it is to ask
// nothing large.
func (ps *parties) record(p *party) (alone bool, rest time.Duration) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p.late == 0 || !time.Now().Before(p.until) {
		return false, 0
	}
	return p.late >= lateTwice, max(time.Until(p.rests), 0)
}
