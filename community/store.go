package community

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// ErrNotFound says that a store has no such thing.
var ErrNotFound = errors.New("not found")

// A Store keeps signals, and what follows from them. It knows members by their keyed hash
// only. All implementations pass the tests of package internal/storetest.
//
// Times come back in UTC, and those of a report to the minute (Arrived: to the second),
// whatever was given. Texts come back as [StoredText] returns them.
type Store interface {
	// Update calls f in a transaction that is alone: no other writer, on this server or
	// another with the same database, is in one at that time. If f returns nil, all that it
	// wrote is on disk when Update returns; otherwise nothing of it is, and Update returns
	// f's error. f may be called again if the database asks for that, so it must have no
	// effect beside those on tx, and it must not call the store itself.
	Update(ctx context.Context, f func(tx Tx) error) error
	// View calls f with a consistent state of the store. f must not call the store itself.
	View(ctx context.Context, f func(tx ReadTx) error) error
	// Wait returns when there is a change with a number above after, of any server, or when
	// ctx ends, with its error. It may return too early.
	Wait(ctx context.Context, after uint64) error
	// Check returns why the store cannot write, or nil.
	Check(ctx context.Context) error
	Close() error
}

// A ReadTx reads a store.
type ReadTx interface {
	// Reports returns the reports about a unit in the order of their numbers.
	Reports(unit consensus.Unit) ([]Report, error)
	// ReportsOf returns a member's latest reports, newest first, limit at most.
	ReportsOf(member consensus.MemberID, limit int) ([]Report, error)
	// ReportsAfter returns the reports with a number above after in their order, limit at
	// most.
	ReportsAfter(after uint64, limit int) ([]Report, error)
	// Ordinary returns what members say of ordinary use by a unit.
	Ordinary(unit consensus.Unit) ([]Ordinary, error)
	// Record returns what is decided about a unit, or ErrNotFound.
	Record(unit consensus.Unit) (Record, error)
	// Records calls with each record, in the order of units. The loop must not use the
	// transaction.
	Records() iter.Seq2[Record, error]
	// RecordsAfter returns the records that were put after the given version, in the order
	// of versions, limit at most. So servers learn what others decided.
	RecordsAfter(version uint64, limit int) ([]Record, error)
	// Due returns the units whose Record.Next is at or before now, earliest first, limit at
	// most.
	Due(now time.Time, limit int) ([]consensus.Unit, error)

	// Changes returns the changes of the list with a number above after, in their order,
	// limit at most. ErrNotFound says that the reader needs the whole list: changes above
	// after were deleted already, or after is above the latest change, so that it is a number
	// of another database or of one that was lost.
	Changes(after uint64, limit int) ([]Change, error)
	// LastChange returns the number of the latest change; 0: there was none.
	LastChange() (uint64, error)
	// Cursor returns the position of a reader, or ErrNotFound.
	Cursor(reader string) (Cursor, error)

	// Members returns all members by their ids.
	Members() ([]Member, error)
	// Credits and Faults return what members are judged by, in the order they were added.
	Credits() ([]consensus.Credit, error)
	Faults() ([]consensus.Fault, error)
	// Volumes returns how many reports of each member arrived in [from, to), and how many of
	// those are about a unit that another member reports too. Void reports do not count.
	Volumes(from, to time.Time) (map[consensus.MemberID]Volume, error)
	// Spread returns the members that report by a scenario with this hash, limit at most. Void
	// reports do not count.
	Spread(hash string, limit int) ([]consensus.MemberID, error)

	// Case returns a case by its id, or ErrNotFound.
	Case(id uint64) (Case, error)
	// CaseByTicket returns a case by its ticket, or ErrNotFound.
	CaseByTicket(ticket string) (Case, error)
	// Cases returns the cases, the ones due first at the front: open ones only, or all.
	Cases(all bool, limit int) ([]Case, error)
	// CasesOf returns the cases about a unit, newest first.
	CasesOf(unit consensus.Unit) ([]Case, error)

	// Suppressed returns until when a unit with this keyed hash may not be relisted by old
	// evidence; zero: it may.
	Suppressed(hash []byte) (time.Time, error)
	// Audit returns entries with a number above after in their order, limit at most.
	Audit(after uint64, limit int) ([]Entry, error)
	// Setting returns a setting, or ErrNotFound.
	Setting(name string) ([]byte, error)
	// Totals counts what is there. It can take long.
	Totals() (Totals, error)
}

// A Tx reads and writes a store.
type Tx interface {
	ReadTx

	// Append adds a report and returns its number. If the store has a report of the same
	// member, unit, scenario and last minute, fresh is false and nothing is added.
	Append(r Report) (seq uint64, fresh bool, err error)
	// Void takes back all reports that match: of a member, by a scenario with this hash, or
	// both; 0 and "" match all, but one of the two must be given. It returns the units of those
	// that were not void before, each once and in their order.
	Void(member consensus.MemberID, hash string) (units []consensus.Unit, err error)
	// PutOrdinary replaces what a member says of a unit.
	PutOrdinary(o Ordinary) error
	// PutRecord replaces a record, and gives it the next version.
	PutRecord(r Record) error
	// AppendChange adds a change of the list, and returns its number: they have no gaps.
	AppendChange(c Change) (uint64, error)
	// PutCursor replaces the position of a reader.
	PutCursor(reader string, c Cursor) error

	// PutMember replaces a member.
	PutMember(m Member) error
	// DeleteMember deletes a member. Its reports stay until they are too old.
	DeleteMember(id consensus.MemberID) error
	AddCredit(c consensus.Credit) error
	AddFault(f consensus.Fault) error
	// PutCase adds a case with the id 0 and returns its id, or replaces one.
	PutCase(c Case) (uint64, error)
	// Suppress keeps the keyed hash of a unit. A later end that it has already stays.
	Suppress(hash []byte, until time.Time) error
	// Erase deletes all reports, ordinary use, records and cases about a unit. Credits and
	// faults stay without the unit, and so do changes of the list with it until they are purged:
	// readers that have it must hear that it is gone.
	Erase(unit consensus.Unit) error
	// AppendAudit adds an entry, and returns it with its number and hashes: see [Entry].
	AppendAudit(e Entry) (Entry, error)
	// PutSetting replaces a setting; a nil or empty value deletes it.
	PutSetting(name string, value []byte) error
	// Purge deletes what is older than its limit. It returns how much it deleted, and true
	// if there is more: it deletes limited numbers at a time.
	Purge(p Limits, max int) (deleted int, more bool, err error)
}

// Limits are the times before which data is too old.
type Limits struct {
	Reports time.Time // also ordinary use, by their last minute
	// Episodes is for records whose times are all older, credits and faults, the oldest changes
	// of the list, and suppressions, by their end.
	Episodes time.Time
	// Cases is for closed cases, by their decision, and for audit entries: the last of those
	// that are too old stays, since the chain goes on from it.
	Cases   time.Time
	Cursors time.Time
}

// A Volume counts a member's reports.
type Volume struct{ Reports, Corroborated int64 }

// Totals counts what a store holds.
type Totals struct {
	Reports, Units, Members, OpenCases int64 // Units: those with a record
	Tiers                              map[consensus.Tier]int64
	Oldest                             time.Time // report
}
