package people

import (
	"context"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// A Centre has the methods of [community.Centre] that the pages need.
type Centre interface {
	publicCentre
	memberCentre
	moderatorCentre
}

type publicCentre interface {
	About() community.About
	Derive(label string) []byte
	Frozen() community.Freezing
	Figures() (community.Figures, error)

	Explain(ctx context.Context, unit consensus.Unit, proven bool) (community.Explanation, error)
	Facts(ctx context.Context, unit consensus.Unit) (community.Facts, error)
	Appeal(ctx context.Context, a community.AppealRequest) (opened community.Case, receipt string, err error)
	Erase(ctx context.Context, unit consensus.Unit, proven bool, once string) (community.Case, error)
	CaseByTicket(ctx context.Context, ticket string) (community.Case, error)
}

type memberCentre interface {
	Key(ctx context.Context, key string, from netip.Addr) (community.Caller, error)
	Login(ctx context.Context, login, password string, from netip.Addr) (community.Caller, error)
	StandingOf(ctx context.Context, by community.Caller) (community.Standing, error)
	ReportsOf(ctx context.Context, by community.Caller, limit int) ([]community.Report, error)
	AcceptTerms(ctx context.Context, by community.Caller, version string) error
	RenewKey(ctx context.Context, by community.Caller) (string, error)
	InviteBy(ctx context.Context, by community.Caller, name string) (string, error)
	Disown(ctx context.Context, by community.Caller, unit consensus.Unit) error
	SetContact(ctx context.Context, by community.Caller, contact string) error
	Leave(ctx context.Context, by community.Caller) error
}

type moderatorCentre interface {
	Cases(ctx context.Context, actor string, all bool, limit int) ([]community.Case, error)
	File(ctx context.Context, actor string, id uint64) (community.File, error)
	Decide(ctx context.Context, actor string, id uint64, outcome community.CaseState, reason string) (community.Case, error)
	Extend(ctx context.Context, actor string, id uint64, due time.Time, reason string) (community.Case, error)
	LookUp(ctx context.Context, actor string, unit consensus.Unit) (community.Facts, error)
	Exclusive(ctx context.Context, actor string, limit int) ([]community.Record, error)
	Members(ctx context.Context, actor string) ([]community.Membership, error)
	Suspend(ctx context.Context, actor, login string, on bool, reason string) error
	Vouch(ctx context.Context, actor, login string, on bool, reason string) error
	Void(ctx context.Context, actor, login, hash, reason string) (int, error)
	Quarantine(ctx context.Context, actor, hash string, on bool, reason string) (int, error)
	Quarantined() map[string]string
	Freeze(ctx context.Context, actor string, on bool, reason string) error
	Rollback(ctx context.Context, actor string, to time.Time, reason string) (int, error)
	Delist(ctx context.Context, actor string, unit consensus.Unit, reason string) error
	DelistOf(ctx context.Context, actor, login, reason string) (int, error)
	Invite(ctx context.Context, actor string, i community.Invitee) (string, error)
	Invitations(ctx context.Context, actor string) ([]community.Invitation, error)
	Audit(ctx context.Context, actor string, after uint64, limit int) ([]community.Entry, error)
	VerifyAudit(ctx context.Context) (int, error)
	Genuine(receipt string) bool
}
