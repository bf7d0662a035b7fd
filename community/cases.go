package community

import (
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// A Case is an appeal, a request for erasure, or a review by a moderator.
type Case struct {
	ID     uint64
	Ticket string // given to the person; hard to guess
	Unit   consensus.Unit
	Kind   CaseKind
	Proven bool // the person proved to use the address
	Opened time.Time
	Due    time.Time // deadline for the decision
	Text   string    // what the person wrote, 2,000 characters at most
	State  CaseState
	// By, Reason and Decided: who decided, why and when.
	By, Reason string
	Decided    time.Time
}

// A CaseKind is the subject of a case.
type CaseKind uint8

// Kinds of cases.
const (
	Appeal CaseKind = iota + 1
	Erasure
	Review // the centre asks a moderator to check a listing or a member
)

// A CaseState is the state of a case.
type CaseState uint8

// States of a case.
const (
	Open     CaseState = iota + 1
	Upheld             // the appeal was right: members that reported the unit lose trust
	Goodwill           // the listing ends; no member loses trust
	Rejected
	Withdrawn
)

// An Entry is a line of the audit log: who did what to which address or member. Each has the
// hash of the entry before it, so that a change is visible.
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
