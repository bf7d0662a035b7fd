package engine

import (
	"container/list"
	"net/netip"
	"time"
)

const maxOffenders = 100_000

// offenders remembers for how long something was decided about clients, so that
// a relapse can lead to more. It holds the last ones only, and its methods are
// for one goroutine at a time.
type offenders struct {
	window  time.Duration // after an end, in which a relapse is one; 0: nobody is remembered
	longest time.Duration
	room    int
	known   map[netip.Prefix]*list.Element // of *offender
	byAge   list.List                      // the one with the oldest decision first
}

type offender struct {
	prefix   netip.Prefix
	until    time.Time // when the last decision ends
	relapses int
}

// sentence returns how long a decision about p is to last that is made now, and
// would last for length the first time. What happens while the last decision is
// in force belongs to that, since requests may have been under way, unless again says
// that the client has been warned.
func (o *offenders) sentence(p netip.Prefix, length time.Duration, again bool, now time.Time) time.Duration {
	if o.window <= 0 {
		return length
	}
	who := o.get(p)
	switch {
	case again:
		who.relapses++
	case who.until.IsZero() || now.Before(who.until):
	case now.Before(who.until.Add(o.window)):
		who.relapses++
	default:
		who.relapses = 0
	}
	for range who.relapses {
		if length >= o.longest {
			break
		}
		length = min(2*length, o.longest)
	}
	if end := now.Add(length); end.After(who.until) {
		who.until = end
	}
	return length
}

// get returns what is known about p, the last of all to be forgotten.
func (o *offenders) get(p netip.Prefix) *offender {
	if e := o.known[p]; e != nil {
		o.byAge.MoveToBack(e)
		return e.Value.(*offender)
	}
	if o.known == nil {
		o.known = map[netip.Prefix]*list.Element{}
	}
	if len(o.known) >= o.room {
		oldest := o.byAge.Remove(o.byAge.Front()).(*offender)
		delete(o.known, oldest.prefix)
	}
	who := &offender{prefix: p}
	o.known[p] = o.byAge.PushBack(who)
	return who
}
