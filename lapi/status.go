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

	Rows Rows // what was in the answers
}

// Rows counts the rows of answers.
type Rows struct {
	Read        uint64 // all of them
	NotAddress  uint64 // the value is no address and no range: a country, a user name
	UnknownType uint64 // the type is none of ours, and the fallback stood in
	Malformed   uint64 // the duration can't be read, or a field is endless; left out
	Simulated   uint64 // CrowdSec only tries the scenario out; left out
}

func (r *Rows) add(o Rows) {
	r.Read += o.Read
	r.NotAddress += o.NotAddress
	r.UnknownType += o.UnknownType
	r.Malformed += o.Malformed
	r.Simulated += o.Simulated
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
