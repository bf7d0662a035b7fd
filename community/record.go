package community

import (
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// A Record has the latest verdict about a unit.
type Record struct {
	Unit    consensus.Unit
	Version uint64 // the store gives it
	// Verdict has no Contributions: they are computed again from the reports.
	Verdict consensus.Verdict
	// Reporters are those that [consensus.Overlaps] got.
	Reporters  consensus.Reporting
	Behaviours []consensus.Behaviour // known ones, the heaviest first, 4 at most
	Seen       Span                  // of the reports that count
	Listed     Listing               // the entry that members got last; Action Allow: removed
	At         time.Time             // of the verdict
	Next       time.Time             // when it must be judged again; zero: never
	Noticed    time.Time             // last notice to the member that owns the address
}

// A Span is a period of time.
type Span struct{ First, Last time.Time }

// A Listing is an entry of the list.
type Listing struct {
	Unit      consensus.Unit
	Action    consensus.Remediation // Allow: not listed
	List      consensus.List
	Behaviour consensus.Behaviour // the heaviest; empty: unknown
	Until     time.Time
	Surety    consensus.Micro // net weight as a share of the threshold, to sort by
}

// A Change is a change of the list.
type Change struct {
	Seq uint64 // its number, from 1; AppendChange sets it
	At  time.Time
	Listing
	// Was is the previous action.
	Was consensus.Remediation
}

// A Cursor is a reader's position in the list.
type Cursor struct {
	Seq  uint64
	Seen time.Time
}

// A Member has the store's data about a member.
type Member struct {
	ID        consensus.MemberID
	Net       consensus.ASN
	Joined    time.Time
	Vouched   bool
	Suspended bool
	Left      time.Time // zero: it is still a member
	Ties      []string  // keyed hashes of properties that it can share with others: see Centre.ties
	Standing  consensus.Standing
	Seen      time.Time // to the hour
}
