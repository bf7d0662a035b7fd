package appsec

import (
	"net/netip"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

const (
	shareOf = 8 // one network gets 1/shareOf the share of each shared budget

	// lateTwice is how often a network must make AppSec late, while its record lasts,
	// until its questions get only the shared single place.
	lateTwice = 2
	memory    = 10 * time.Minute

	// After a network has made AppSec late, it may send nothing large for restFactor
	// times that delay. So it gets at most a fifth of AppSec's time.
	restFactor = 4
	maxRest    = 5 * time.Minute

	maxNetworks = 4096 // networks with a record that are kept
)

// A networkShare is a network with its share of the budgets.
type networkShare struct {
	network netip.Prefix
	places  budget // questions in progress
	work    budget // the weight of these, in nanoseconds

	// The lock of networkShares guards the following fields.
	inProgress int       // its requests in progress
	late       int       // how often it has made AppSec late
	until      time.Time // until when its record lasts
	rests      time.Time // until when it may send nothing large
}

// networkShares are the networks with requests in progress, and those with a record.
type networkShares struct {
	places, work int64 // of each

	mu sync.Mutex
	by map[netip.Prefix]*networkShare
}

// enter returns the share of network. The caller must call leave at the end of the
// request.
func (ps *networkShares) enter(network netip.Prefix) *networkShare {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.by[network]
	if p == nil {
		p = &networkShare{network: network, places: budget{most: ps.places}, work: budget{most: ps.work}}
		ps.by[network] = p
	}
	p.inProgress++
	return p
}

func (ps *networkShares) leave(p *networkShare) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p.inProgress--
	if p.inProgress == 0 && (p.late == 0 || !time.Now().Before(p.until)) {
		delete(ps.by, p.network)
	}
}

// blame records that a question of p has made AppSec late, and how long it kept AppSec
// busy. A private address gets no record: it may be a proxy in front of all clients.
func (ps *networkShares) blame(p *networkShare, busy time.Duration) {
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

// shrinkLocked limits the number of records. It removes expired ones, or else the one
// that expires first.
func (ps *networkShares) shrinkLocked(now time.Time) {
	if len(ps.by) <= maxNetworks {
		return
	}
	var first *networkShare
	for _, p := range ps.by {
		switch {
		case p.inProgress > 0:
		case !now.Before(p.until):
			delete(ps.by, p.network)
		case first == nil || p.until.Before(first.until):
			first = p
		}
	}
	if first != nil && len(ps.by) > maxNetworks {
		delete(ps.by, first.network)
	}
}

// record reports whether the questions of p get only the shared single place, and how
// long it may send nothing large.
func (ps *networkShares) record(p *networkShare) (alone bool, rest time.Duration) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p.late == 0 || !time.Now().Before(p.until) {
		return false, 0
	}
	return p.late >= lateTwice, max(time.Until(p.rests), 0)
}
