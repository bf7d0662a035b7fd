package engine

import (
	"net/netip"
	"time"
)

const maxOffenders = 100_000

// offenders remembers for how long something was decided about clients, so that
// a relapse can lead to more. It holds a bounded number, of which those with the fewest
// relapses make room: see crowd. Its methods are for one goroutine at a time.
type offenders struct {
	window  time.Duration // after an end, in which a relapse is one; 0: nobody is remembered
	longest time.Duration
	room    int
	known   *crowd[netip.Prefix, offender]
}

type offender struct {
	until    time.Time // when the last decision ends
	relapses int
}

// isWeaker reports whether less is lost with o than with other.
func (o offender) isWeaker(other offender) bool {
	if o.relapses != other.relapses {
		return o.relapses < other.relapses
	}
	return o.until.Before(other.until)
}

// sentence returns how long a decision about p is to last that is made now, and
// would last for length the first time. What happens while the last decision is
// in force belongs to that, since requests may have been under way, unless again says
// that the client has been warned.
func (o *offenders) sentence(p netip.Prefix, length time.Duration, again bool, now time.Time) time.Duration {
	if o.window <= 0 {
		return length
	}
	if o.known == nil {
		o.known = newCrowd[netip.Prefix](o.room, offender.isWeaker)
	}
	who := o.known.get(p)
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
	o.known.put(p, p, who)
	return length
}
