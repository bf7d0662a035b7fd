package community

import (
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// A Record is what the centre keeps of the latest verdict about a unit.
type Record struct {
	Unit    consensus.Unit
	Version uint64 // the store gives it
	// Verdict without Contributions, which are made again from the reports.
	Verdict consensus.Verdict
	// Reporters is what was told to [consensus.Overlaps].
	Reporters  consensus.Reporting
	Behaviours []consensus.Behaviour // known ones, most weighty first, 4 at most
	Seen       Span                  // of the reports that count
	Listed     Listing               // what members got last; its Action says whether they still have it
	At         time.Time             // of the verdict
	Next       time.Time             // when it must be judged again; zero: never
	Noticed    time.Time             // when a member was told that it is its own address
}

// A Span is a time from the first to the last.
type Span struct{ First, Last time.Time }

// A Listing is an entry of the list that readers get.
type Listing struct {
	Unit      consensus.Unit
	Action    consensus.Remediation // Allow: not listed
	List      consensus.List
	Behaviour consensus.Behaviour // the weightiest; empty: none that is known
	Until     time.Time
	Surety    consensus.Micro // net weight as a share of the threshold, to order by
}

// A Change is a change of the list.
type Change struct {
	Seq uint64 // its number, from 1; AppendChange sets it
	At  time.Time
	Listing
	// Was is the action before it.
	Was consensus.Remediation
}

// A Cursor is how far a reader has read the list.
type Cursor struct {
	Seq  uint64
	Seen time.Time
}

// A Member is what the store knows of a member.
type Member struct {
	ID        consensus.MemberID
	Net       consensus.ASN
	Joined    time.Time
	Vouched   bool
	Suspended bool
	Left      time.Time // zero: it is still a member
	Ties      []string  // keyed hashes of what it has in common with others
	Standing  consensus.Standing
	Seen      time.Time // to the hour
}
