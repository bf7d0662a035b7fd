package community

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// ErrTaken says that there is an account with this login or key, or an invitation with this
// code, already.
var ErrTaken = errors.New("taken already")

// Accounts keeps who members are. It is another database than [Store], so that who reads the
// one cannot tell who reported what. All implementations pass the tests of package
// internal/storetest.
type Accounts interface {
	// Add adds an account; its login and its key must be new (else [ErrTaken]).
	Add(ctx context.Context, a Account) error
	// ByLogin and ByKey return an account, or ErrNotFound. A key is found by its hash.
	ByLogin(ctx context.Context, login string) (Account, error)
	ByKey(ctx context.Context, hash []byte) (Account, error)
	// All returns all accounts by login.
	All(ctx context.Context) ([]Account, error)
	// Change reads an account, lets f change it, and writes it, in one transaction. The login
	// stays. If f returns an error, nothing changes and Change returns it.
	Change(ctx context.Context, login string, f func(*Account) error) error
	// Delete deletes an account, or returns ErrNotFound.
	Delete(ctx context.Context, login string) error

	// Invite adds an invitation.
	Invite(ctx context.Context, i Invitation) error
	// Redeem uses an invitation up, and adds the account that make returns, in one
	// transaction; ErrNotFound: there is none with this hash, or it has ended or was used.
	Redeem(ctx context.Context, hash []byte, now time.Time, make func(Invitation) (Account, error)) error
	// Invitations returns all invitations, the oldest first.
	Invitations(ctx context.Context) ([]Invitation, error)
	// Purge deletes accounts that left, and invitations that ended, before a time.
	Purge(ctx context.Context, before time.Time) (int, error)
	Close() error
}

// An Account is a member, or a reader of the list.
type Account struct {
	Login string // of a machine: 3 to 64 letters, digits, dots and dashes
	Role  Role
	// Secret is a slow hash of the password, for engines that log in; Key is a SHA-256 of the
	// API key, which is random and long. Either may be empty.
	Secret []byte
	Key    []byte

	Name, Contact string // of the operator; never published
	Operator      string // accounts of one operator have one vote
	Branch        string // the invitation that it came by, and those before it
	Terms         string // the version that was accepted
	Vouched       bool
	Suspended     bool
	Joined, Left  time.Time
	Seen          time.Time    // to the hour
	From          netip.Prefix // the /24 or /48 that it connects from
	Net           consensus.ASN
	Own           []consensus.Unit // addresses that it proved to be its own, 8 at most
	Told          time.Time        // when it was last told that one of these attacks others
}

// A Role says what an account may do.
type Role uint8

// Roles.
const (
	Reader   Role = iota + 1 // reads the list
	Reporter                 // a member: reads, reports, and answers questions
)

// An Invitation lets somebody become a member.
type Invitation struct {
	Hash     []byte // SHA-256 of its code
	By       string // the login of who invites; empty: the operator of the centre
	Name     string // whom it is for
	Operator string
	Role     Role
	Vouched  bool
	Made     time.Time
	Until    time.Time
	Used     time.Time
}
