package community

import (
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// A Case is an appeal, a request for erasure or what a moderator has to look at.
type Case struct {
	ID     uint64
	Ticket string // what the person gets; hard to guess
	Unit   consensus.Unit
	Kind   CaseKind
	Proven bool // the person proved to use the address
	Opened time.Time
	Due    time.Time // a person has to decide by then
	Text   string    // what the person wrote, 2,000 characters at most
	State  CaseState
	// By, Reason and Decided say who decided, why and when.
	By, Reason string
	Decided    time.Time
}

// A CaseKind says what a case is about.
type CaseKind uint8

// Kinds of cases.
const (
	Appeal CaseKind = iota + 1
	Erasure
	Review // a listing or a member that the centre itself wants looked at
)

// A CaseState is how a case stands.
type CaseState uint8

// States of a case.
const (
	Open     CaseState = iota + 1
	Upheld             // with cause: it costs the members that reported the unit trust
	Goodwill           // the listing ends, and costs nobody trust
	Rejected
	Withdrawn
)

// An Entry is a line of the audit log: who did what to which address or member. Entries
// cannot be changed, because each has the hash of the one before it.
type Entry struct {
	Seq    uint64
	At     time.Time
	Actor  string // "centre", or the name of a moderator
	Action string // such as "appeal.accept" or "member.suspend"
	Target string // an address, or a member's keyed hash in hexadecimal
	Detail string
	Prev   []byte // Hash of the entry before it
	Hash   []byte // SHA-256 over all other fields
}

var kindTexts = map[CaseKind]string{Appeal: "appeal", Erasure: "erasure", Review: "review"}

func (k CaseKind) String() string { return kindTexts[k] }

var stateTexts = map[CaseState]string{
	Open: "open", Upheld: "upheld", Goodwill: "goodwill", Rejected: "rejected", Withdrawn: "withdrawn",
}

func (s CaseState) String() string { return stateTexts[s] }
