package middleware

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tocsin-project/tocsin/lookup"
)

const (
	// maxOrigins limits the pairs of action and origin, because a source can invent
	// origins. Real setups have about a dozen.
	maxOrigins = 256

	// maxOrigin is how many bytes of an origin are kept: the limit of labels in
	// CrowdSec's usage metrics.
	maxOrigin = 255

	// otherOrigins is the origin of all after the first maxOrigins.
	otherOrigins = "other"
)

// origins count requests by decision. One copy for all processors is enough, because a
// stopped request costs microseconds anyway.
type origins struct {
	cur atomic.Pointer[map[verdict]*originCounters] // for readers; never changed once stored
	mu  sync.Mutex                                  // one writer at a time
}

// A verdict is the key of the counts, besides the address family.
type verdict struct {
	action lookup.Action
	origin string
}

// originCounters count the requests that met one verdict, by family.
type originCounters struct {
	stopped, dryRun, passed, solved, relayed, ended [families]atomic.Uint64
}

func (o *origins) all() map[verdict]*originCounters {
	if m := o.cur.Load(); m != nil {
		return *m
	}
	return nil
}

// of returns the counters for requests stopped because of d. An unknown action is
// treated as a ban, and counts as one.
func (o *origins) of(d *lookup.Decision) *originCounters {
	v := verdict{min(d.Action, lookup.Ban), d.Origin[:min(len(d.Origin), maxOrigin)]}
	if t, ok := o.all()[v]; ok {
		return t
	}
	return o.add(v)
}

// add adds counters for v, unless another goroutine has done so, and returns them.
func (o *origins) add(v verdict) *originCounters {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.all()
	if _, ok := all[v]; !ok && len(all) >= maxOrigins {
		v.origin = otherOrigins
	}
	if t, ok := all[v]; ok {
		return t
	}
	next := make(map[verdict]*originCounters, len(all)+1)
	maps.Copy(next, all)
	v.origin = strings.Clone(v.origin) // a copy, so that a cut origin does not keep the long one in memory
	t := new(originCounters)
	next[v] = t
	o.cur.Store(&next)
	return t
}

// counts returns the sorted counts.
func (o *origins) counts() []OriginCount {
	var all []OriginCount
	for v, t := range o.all() {
		for f := range families {
			c := OriginCount{
				v.action, v.origin, f == 1,
				t.stopped[f].Load(), t.dryRun[f].Load(), t.passed[f].Load(), t.solved[f].Load(), t.relayed[f].Load(),
				t.ended[f].Load(),
			}
			if c.Stopped+c.DryRun+c.Passed+c.Solved+c.Ended > 0 {
				all = append(all, c)
			}
		}
	}
	slices.SortFunc(all, func(a, b OriginCount) int {
		return cmp.Or(cmp.Compare(b.Action, a.Action), cmp.Compare(a.Origin, b.Origin), boolCompare(a.IPv6, b.IPv6))
	})
	return all
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
