package community

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// ErrTaken says that an account with this login or key, or an invitation with this code,
// already exists.
var ErrTaken = errors.New("taken already")

// Accounts keeps the identities of members. It is a separate database, so a reader of [Store]
// cannot tell who reported what. All implementations pass the tests of package
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
	// Redeem uses an invitation and adds the account that make returns, in one
	// transaction. ErrNotFound: no invitation has this hash, or it has expired or was used.
	Redeem(ctx context.Context, hash []byte, now time.Time, make func(Invitation) (Account, error)) error
	// Invitations returns all invitations, the oldest first.
	Invitations(ctx context.Context) ([]Invitation, error)
	// Purge deletes accounts that left, and invitations that expired, before a time.
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
	Branch        string // its invitation, and the invitations of its inviters
	Terms         string // the accepted version
	Vouched       bool
	Suspended     bool
	Joined, Left  time.Time
	Seen          time.Time    // to the hour
	From          netip.Prefix // the /24 or /48 that it connects from
	Net           consensus.ASN
	Own           []consensus.Unit // its own addresses, which it has proved; 8 at most
	Told          time.Time        // last notice that one of these attacks others
}

// A Role says what an account may do.
type Role uint8

// Roles.
const (
	Reader   Role = iota + 1 // reads the list
	Reporter                 // a member: reads, reports, and answers questions
)

// An Invitation allows one new member.
type Invitation struct {
	Hash     []byte // SHA-256 of its code
	By       string // login of the inviter; empty: the operator of the centre
	Name     string // of the invited member
	Operator string
	Role     Role
	Vouched  bool
	Made     time.Time
	Until    time.Time
	Used     time.Time
}
