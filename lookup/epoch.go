package lookup

import (
	"math"
	"time"
)

// An epoch is what times are counted from, in nanoseconds. It has a monotonic
// reading, so that a step of the wall clock neither ends decisions nor prolongs
// them.
type epoch time.Time

const (
	always = math.MinInt64 // earlier than anything
	never  = math.MaxInt64 // end of a decision without end
)

// nanos returns t in nanoseconds since e. Where t has a monotonic reading, as
// times made from time.Now have, the wall clock does not matter.
func (e epoch) nanos(t time.Time) int64 {
	return int64(t.Sub(time.Time(e))) // which stops at the 292 years that 63 bits hold: as good as never
}

// now is nanos of the present, for half the price.
func (e epoch) now() int64 { return int64(time.Since(time.Time(e))) }

// end is nanos for the end of a decision.
func (e epoch) end(t time.Time) int64 {
	if t.IsZero() {
		return never
	}
	return e.nanos(t)
}

func (e epoch) time(ns int64) time.Time { return time.Time(e).Add(time.Duration(ns)) }

// shift returns ns moved by the distance of two epochs. Never stays never.
func shift(ns, by int64) int64 {
	switch {
	case ns == never || by > 0 && ns > never-by:
		return never
	case by < 0 && ns < always-by:
		return always
	}
	return ns + by
}
