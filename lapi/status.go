package lapi

import (
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// Stats says what a client has seen since it was made. The counters of rows
// grow with each answer, so that a row counts again in each full one.
type Stats struct {
	Pulls    uint64    // answers asked for
	Failures uint64    // pulls without an answer, or with one that is broken
	LastFull time.Time // when the last full answer was put into force; zero: never

	// Held is how many full answers in a row were so much smaller than what is
	// in force that nothing was removed. A server whose database fails in the
	// midst of an answer ends it properly, with status 200, and such a one must
	// not let everybody in. The third that agrees with the two before is believed.
	Held int

	// Missed is how many decisions scheduled full answers have found that were
	// there before, by their ids, but that no delta had told of. Few are a matter
	// of chance, since a server can be late to write. Some each time mean that
	// somebody else takes the deltas: a second instance with the same key. It is
	// a lower bound.
	Missed uint64

	Rows      Rows      // what was in the answers
	Allowlist Allowlist // what may not be stopped
	Usage     Usage     // what CrowdSec was told
}

// Allowlist says how the allowlists of the server stand. It stays empty without
// a machine to log in as, and with CrowdSec before 1.6.6, which has none.
type Allowlist struct {
	Entries int       // held
	Fetched time.Time // when they were last read; zero: never
	Err     error     // why the last try failed; nil if it did not
}

// Usage says how the reports of usage stand.
type Usage struct {
	Sent time.Time // when the last one was taken; zero: never
	Err  error     // why the last one was not; nil if it was

	Reports  uint64 // that were taken
	Failures uint64 // tries that failed
}

// Rows counts the rows of answers.
type Rows struct {
	Read        uint64 // all of them
	OtherScope  uint64 // about no address, range, country or autonomous system: a user name, say
	UnknownType uint64 // the type is none of ours, and the fallback stood in
	LetIn       uint64 // the type says to let clients in, such as allow or bypass; left out
	TooWide     uint64 // a range that covers too much for a live answer; left out
	Malformed   uint64 // the duration can't be read, or a field is endless; left out
	Simulated   uint64 // CrowdSec only tries the scenario out; left out
	Filtered    uint64 // of an origin or a scenario that is not wanted; left out
	Allowed     uint64 // about clients that are all on an allowlist; left out
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

// Status says how the source stands. It counts as out of step when its last
// good answer is ten intervals old, or five minutes if that is more.
func (c *Client) Status() lookup.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// Stats returns what Status has no room for.
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
