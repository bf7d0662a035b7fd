package appsec

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// A Failure is a reason why there is no answer.
type Failure uint8

// The failures.
const (
	Late         Failure = iota // no answer within the timeout
	Unreachable                 // no connection, or a broken one
	Unauthorized                // status 401, twice
	ServerError                 // status 5xx, also for other requests
	BadAnswer                   // an answer that is not AppSec's, or is malformed
	Busy                        // all MaxInFlight places were in use
	Paused                      // not asked, because AppSec hangs: see Config.KeepAsking
	TooSlow                     // late because the request is large
	Held                        // late because AppSec inspected a large request of another client
	Crowded                     // late because of other requests of its network
	PutOff                      // large, and not asked, because its network has just made AppSec late
	ByRequest                   // AppSec fails on this request, and answers others
	InDoubt                     // AppSec failed, and it is unknown whether it answers others
	Overloaded                  // late while AppSec answers others, or has just answered
	failures                    // the number of failures
)

var failureNames = [failures]string{
	"late", "unreachable", "unauthorized", "server_error", "bad_answer", "busy", "paused", "too_slow", "held", "crowded", "put_off",
	"by_request", "in_doubt", "overloaded",
}

var failureReasons = [failures]string{
	"AppSec does not answer in time", "AppSec is unreachable", "AppSec does not accept the key",
	"AppSec fails", "AppSec gives an invalid answer", "AppSec is busy", "AppSec hangs",
	"too large for AppSec to inspect in time", "AppSec is busy with a large request", "too many requests of one network at once",
	"large, and the one before made AppSec late", "AppSec fails on this request, and answers others",
	"AppSec fails, and it is unknown whether only on this request",
	"AppSec is busy with other requests",
}

// ofRequests reports whether requests are the cause of f, and not AppSec: see
// Config.PassOverload.
func (f Failure) ofRequests() bool { return f >= TooSlow && f < failures }

// heard reports whether AppSec has answered, or the connection has failed.
func (f Failure) heard() bool { return f != Late && f != TooSlow && f != Held && f != Overloaded }

// outcome returns the outcome of f for a breaker.
func (f Failure) outcome() outcome {
	switch {
	case f.ofRequests():
		return unclear
	case f == Late || f == Busy:
		return timedOut
	}
	return answered
}

// String returns the name of f, such as "late".
func (f Failure) String() string { return name(failureNames[:], int(f)) }

// A Skip is a reason why a request is not inspected as a whole.
type Skip uint8

// The reasons.
const (
	uncut     Skip = iota // the whole request is inspected
	LongBody              // the body is longer than Config.BodyLimit
	SlowBody              // it takes longer than Config.BodyTimeout to arrive
	NoRoom                // the bodies of all requests use up Config.BodyMemory
	NoShare               // the bodies of its network use up its share of that; always refused
	Stream                // the body is the stream of a gRPC call or of a CONNECT
	LargeHead             // the head has more than 512 KiB; always refused
	BadTarget             // the target is not a URL; always refused
	skips                 // how many there are
)

var skipNames = [skips]string{"", "long_body", "slow_body", "no_room", "no_share", "stream", "large_head", "bad_target"}

var skipReasons = [skips]string{
	"", "body longer than AppSec inspects", "body too slow for AppSec", "no memory for the body", "too many bodies of one network at once", "stream",
	"head longer than AppSec reads", "target that AppSec cannot parse",
}

// String returns the name of s, such as "long_body".
func (s Skip) String() string { return name(skipNames[:], int(s)) }

func name(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "unknown"
}

// Stats are the counts of a Client since its start.
type Stats struct {
	Asked      uint64                 // requests that AppSec was asked about
	Retried    uint64                 // those of them that were asked again, after a 401
	Stopped    [lookup.Ban + 1]uint64 // requests that AppSec stopped, by action, except challenges
	Challenged uint64                 // requests that AppSec answered with its own response
	Unknown    uint64                 // answers that Fallback replaced; also in Stopped
	Failed     [failures]uint64       // requests without an answer, by Failure
	Skipped    [skips]uint64          // requests inspected in part, by Skip
	Refused    [skips]uint64          // requests refused without asking, by Skip
	Broken     uint64                 // requests whose body could not be read (ErrBody)
	BodyMemory int64                  // bytes that bodies use now

	// Latency is a histogram of the time until the answer, including the wait for a
	// connection and a second attempt. The buckets are cumulative, and the last one has
	// no limit.
	Latency    []Bucket
	LatencySum time.Duration
}

// A Bucket counts answers that took at most UpTo.
type Bucket struct {
	UpTo time.Duration
	N    uint64
}

type counts struct {
	asked, retried, challenged, unknown, broken atomic.Uint64

	stopped [lookup.Ban + 1]atomic.Uint64
	failed  [failures]atomic.Uint64
	skipped [skips]atomic.Uint64
	refused [skips]atomic.Uint64
	latency histogram
}

// Stats returns the counts of c so far.
func (c *Client) Stats() Stats {
	n := &c.counts
	s := Stats{
		Asked: n.asked.Load(), Retried: n.retried.Load(), Challenged: n.challenged.Load(),
		Unknown: n.unknown.Load(), Broken: n.broken.Load(), BodyMemory: c.bodies.InUse(),
		LatencySum: time.Duration(n.latency.sum.Load()), Latency: n.latency.buckets(),
	}
	loadAll(s.Stopped[:], n.stopped[:])
	loadAll(s.Failed[:], n.failed[:])
	loadAll(s.Skipped[:], n.skipped[:])
	loadAll(s.Refused[:], n.refused[:])
	return s
}

func loadAll(to []uint64, from []atomic.Uint64) {
	for i := range from {
		to[i] = from[i].Load()
	}
}

// bounds are the upper limits of the buckets, except the last.
var bounds = [...]time.Duration{
	250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	200 * time.Millisecond, 500 * time.Millisecond, time.Second, 5 * time.Second,
}

// A histogram counts durations by size.
type histogram struct {
	n   [len(bounds) + 1]atomic.Uint64
	sum atomic.Int64
}

func (h *histogram) add(d time.Duration) {
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	h.n[i].Add(1)
	h.sum.Add(int64(d))
}

func (h *histogram) buckets() []Bucket {
	all := make([]Bucket, len(h.n))
	var n uint64
	for i := range h.n {
		n += h.n[i].Load()
		all[i] = Bucket{UpTo: math.MaxInt64, N: n}
		if i < len(bounds) {
			all[i].UpTo = bounds[i]
		}
	}
	return all
}
