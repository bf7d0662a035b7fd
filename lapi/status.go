package lapi

import (
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// Stats are the counts of a client since its start. Each answer counts its rows, so a
// row counts again in each full answer.
type Stats struct {
	Pulls    uint64    // requested answers
	Failures uint64    // pulls without an answer, or with a malformed one
	LastFull time.Time // when the last full answer was applied; zero: never

	// Held is how many full answers in a row were much smaller than the decisions in
	// force, so that nothing was removed. A server whose database fails during an
	// answer ends it properly, with status 200, and such an answer must not lift all
	// bans. The third answer of a similar size is accepted.
	Held int

	// Missed is how many older decisions (by their ids) scheduled full answers have
	// brought that no delta contained. A few are normal, because a server can be late
	// to write. Some each time mean that a second instance with the same key gets the
	// deltas. The real number may be higher.
	Missed uint64

	Rows      Rows      // the rows of the answers
	Allowlist Allowlist // the state of the allowlists
	Usage     Usage     // the state of the usage reports
}

// Allowlist is the state of the server's allowlists. It is empty without a machine, and
// with CrowdSec before 1.6.6, which has no allowlists.
type Allowlist struct {
	Entries int       // number of entries
	Fetched time.Time // when they were last read; zero: never
	Err     error     // of the last try; nil if it succeeded
}

// Usage is the state of the usage reports.
type Usage struct {
	Sent time.Time // when the last one was accepted; zero: never
	Err  error     // of the last one; nil if it was accepted

	Reports  uint64 // that were accepted
	Failures uint64 // failed tries
}

// Rows counts the rows of answers.
type Rows struct {
	Read        uint64 // all of them
	OtherScope  uint64 // not about an address, range, country or autonomous system, but for example a user name
	UnknownType uint64 // the type is unknown, so the fallback applied
	LetIn       uint64 // the type lets clients in, such as allow or bypass; left out
	TooWide     uint64 // a range that covers too much for a live answer; left out
	Malformed   uint64 // the duration is invalid, or a field is too long; left out
	Simulated   uint64 // CrowdSec only simulates the scenario; left out
	Filtered    uint64 // the origin or scenario does not match the filters; left out
	Allowed     uint64 // the whole target is on an allowlist; left out
}

func (r *Rows) add(o Rows) {
	r.Read += o.Read
	r.OtherScope += o.OtherScope
	r.UnknownType += o.UnknownType
	r.LetIn += o.LetIn
	r.TooWide += o.TooWide
	r.Malformed += o.Malformed
	r.Simulated += o.Simulated
	r.Filtered += o.Filtered
	r.Allowed += o.Allowed
}

// Status returns the state of the source. It is out of sync when its last good answer
// is older than ten intervals, and older than five minutes.
func (c *Client) Status() lookup.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// Stats returns the details that Status lacks.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// note changes what Status and Stats return.
func (c *Client) note(f func(*lookup.Status, *Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.status, &c.stats)
}
