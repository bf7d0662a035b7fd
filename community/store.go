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

// A Store keeps signals and the verdicts and listings that follow. It knows members only by
// their keyed hash. All implementations pass the tests of package internal/storetest.
//
// A store returns times in UTC, those of a report in minutes (Arrived: in seconds), and texts
// as [StoredText] returns them.
type Store interface {
	// Update calls f in a transaction. No other writer of the database, on this or another
	// server, has a transaction at that time. If f returns nil, all its writes are on disk
	// when Update returns. Otherwise the store drops them, and Update returns f's error.
	// Update may call f again if the database requires that, so f must have no effects except
	// on tx, and must not call the store.
	Update(ctx context.Context, f func(tx Tx) error) error
	// View calls f with a consistent state of the store. f must not call the store.
	View(ctx context.Context, f func(tx ReadTx) error) error
	// Wait returns when any server has made a change with a number above after, or with ctx's
	// error when ctx ends. It may return too early.
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
	// Ordinary returns the members' answers about ordinary use by a unit.
	Ordinary(unit consensus.Unit) ([]Ordinary, error)
	// Record returns the record of a unit, or ErrNotFound.
	Record(unit consensus.Unit) (Record, error)
	// Records calls with each record, in the order of units. The loop must not use the
	// transaction.
	Records() iter.Seq2[Record, error]
	// RecordsAfter returns at most limit records with a version above the given one, in the
	// order of versions. Servers use it to read each other's decisions.
	RecordsAfter(version uint64, limit int) ([]Record, error)
	// Due returns the units whose Record.Next is at or before now, earliest first, limit at
	// most.
	Due(now time.Time, limit int) ([]consensus.Unit, error)

	// Changes returns the changes of the list with a number above after, in their order,
	// limit at most. ErrNotFound: the reader needs the whole list, because changes above after
	// were deleted, or after is above the latest change, so it is from another database or
	// from a lost one.
	Changes(after uint64, limit int) ([]Change, error)
	// LastChange returns the number of the latest change; 0: there was none.
	LastChange() (uint64, error)
	// Cursor returns the position of a reader, or ErrNotFound.
	Cursor(reader string) (Cursor, error)

	// Members returns all members by their ids.
	Members() ([]Member, error)
	// Credits and Faults return the credits and faults of members, in the order of their addition.
	Credits() ([]consensus.Credit, error)
	Faults() ([]consensus.Fault, error)
	// Volumes returns how many reports of each member arrived in [from, to), and how many of
	// these are about a unit that another member also reports. Void reports do not count. member
	// is the only member to count, which is much faster; 0: all.
	Volumes(from, to time.Time, member consensus.MemberID) (map[consensus.MemberID]Volume, error)
	// Spread returns at most limit members with reports by a scenario with this hash. Void
	// reports do not count.
	Spread(hash string, limit int) ([]consensus.MemberID, error)

	// Case returns a case by its id, or ErrNotFound.
	Case(id uint64) (Case, error)
	// CaseByTicket returns a case by its ticket, or ErrNotFound.
	CaseByTicket(ticket string) (Case, error)
	// Cases returns open or all cases, the earliest deadline first.
	Cases(all bool, limit int) ([]Case, error)
	// CasesOf returns the cases about a unit, newest first.
	CasesOf(unit consensus.Unit) ([]Case, error)

	// Suppressed returns the time until which old evidence may not relist a unit with this
	// keyed hash; zero: it may.
	Suppressed(hash []byte) (time.Time, error)
	// Audit returns entries with a number above after in their order, limit at most.
	Audit(after uint64, limit int) ([]Entry, error)
	// Setting returns a setting, or ErrNotFound.
	Setting(name string) ([]byte, error)
	// Totals counts the data. It can take long.
	Totals() (Totals, error)
}

// A Tx reads and writes a store.
type Tx interface {
	ReadTx

	// Append adds a report and returns its number. If the store has a report of the same
	// member, unit, scenario and last minute, fresh is false and nothing is added.
	Append(r Report) (seq uint64, fresh bool, err error)
	// Void voids all reports that match: of a member, by a scenario with this hash, or both.
	// 0 and "" match all, but one of the two must be given. It returns the units of reports
	// that were not void before, each once and in order.
	Void(member consensus.MemberID, hash string) (units []consensus.Unit, err error)
	// PutOrdinary replaces a member's answer about a unit.
	PutOrdinary(o Ordinary) error
	// PutRecord replaces a record, and gives it the next version.
	PutRecord(r Record) error
	// AppendChange adds a change of the list, and returns its number. Numbers have no gaps.
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
	// Suppress stores the keyed hash of a unit with an end. It never shortens a suppression.
	Suppress(hash []byte, until time.Time) error
	// Erase deletes all reports, ordinary use, records and cases about a unit. Credits and
	// faults stay without the unit. Changes of the list keep the unit until they are purged,
	// because readers must learn that it was removed.
	Erase(unit consensus.Unit) error
	// AppendAudit adds an entry, and returns it with its number and hashes: see [Entry].
	AppendAudit(e Entry) (Entry, error)
	// PutSetting replaces a setting; a nil or empty value deletes it.
	PutSetting(name string, value []byte) error
	// Purge deletes data older than its limit. Each call deletes a limited number of rows. It
	// returns the number, and true if there is more.
	Purge(p Limits, max int) (deleted int, more bool, err error)
}

// Limits are times: earlier data is too old.
type Limits struct {
	Reports time.Time // also ordinary use, by their last minute
	// Episodes is for records (by their latest time), credits and faults, changes of the list,
	// and suppressions (by their end).
	Episodes time.Time
	// Cases is for closed cases, by their decision, and for audit entries. The last audit entry
	// that is too old stays, because the next one has its hash.
	Cases   time.Time
	Cursors time.Time
}

// A Volume counts a member's reports.
type Volume struct {
	Reports, Corroborated int64
	// Units counts the units of these reports, and Confirmed those that another member also
	// reports; of one network each counts [consensus.OfNetwork] at most.
	Units, Confirmed int64
}

// Totals counts the data of a store.
type Totals struct {
	Reports, Units, Members, OpenCases int64 // Units: with a record
	Tiers                              map[consensus.Tier]int64
	Oldest                             time.Time // report
}
