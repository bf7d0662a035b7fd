package engine

import (
	"net/netip"
	"time"
)

const maxOffenders = 100_000

// offenders stores the durations of earlier decisions about clients, so that a relapse
// leads to a longer one. Their number is limited, and those with the fewest relapses
// are displaced: see fairMap. Only one goroutine may use it at a time.
type offenders struct {
	window  time.Duration // how long after a decision a new offence counts as a relapse; 0: never
	longest time.Duration
	room    int
	known   *fairMap[netip.Prefix, offender]
}

type offender struct {
	until    time.Time // when the last decision ends
	relapses int
}

// isWeaker reports whether o is less important than other.
func (o offender) isWeaker(other offender) bool {
	if o.relapses != other.relapses {
		return o.relapses < other.relapses
	}
	return o.until.Before(other.until)
}

// sentence returns the duration of a new decision about p. Length is the duration for
// the first offence. An offence while the last decision is in force is not a relapse,
// because requests may have been in progress, unless again says that the client was
// warned.
func (o *offenders) sentence(p netip.Prefix, length time.Duration, again bool, now time.Time) time.Duration {
	if o.window <= 0 {
		return length
	}
	if o.known == nil {
		o.known = newFairMap[netip.Prefix](o.room, offender.isWeaker)
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
