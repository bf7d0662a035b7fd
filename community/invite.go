package community

import (
	"context"
	"fmt"
	"time"
)

const (
	invitationsAMonth = 3
	month             = 30 * day
)

// InviteBy makes an invitation of a member, who can make three in a month. The inviter and the
// new member share one vote from then on.
func (c *Centre) InviteBy(ctx context.Context, by Caller, name string) (code string, err error) {
	if by.Role != Reporter {
		return "", ErrDenied
	}
	c.inviting.Lock()
	defer c.inviting.Unlock()
	a, err := c.account(ctx, by.Login)
	if err != nil {
		return "", doing("reading an account", err)
	}
	all, err := c.cfg.Accounts.Invitations(ctx)
	if err != nil {
		return "", doing("reading invitations", err)
	}
	root := a.Branch
	if root == "" {
		root = a.Login
	}
	n, now := 0, c.now()
	for _, i := range all {
		if i.By == root && now.Sub(i.Made) < month {
			n++
		}
	}
	if n >= invitationsAMonth {
		return "", TooManyError{month}
	}
	return c.invite(ctx, showID(by.ID), Invitation{By: root, Name: cut(name, 64), Role: Reporter, Until: now.Add(month)})
}

func (c *Centre) invite(ctx context.Context, actor string, i Invitation) (string, error) {
	code, hash := newKey()
	i.Hash, i.Made = hash, c.now()
	if err := c.cfg.Accounts.Invite(ctx, i); err != nil {
		return "", doing("adding an invitation", err)
	}
	return code, c.update(ctx, "adding an invitation", func(w *work) error {
		return w.audit(actor, "invitation.add", "", fmt.Sprintf("until %s", i.Until.Format(time.DateOnly)))
	})
}

// An Invitee describes the invited member.
type Invitee struct {
	Name     string
	Operator string // accounts of one operator have one vote
	Role     Role   // zero: Reporter
	Vouched  bool
	For      time.Duration // validity of the invitation; zero: 30 days
}

// Invite makes an invitation, and returns its code.
func (c *Centre) Invite(ctx context.Context, actor string, i Invitee) (code string, err error) {
	if i.Role == 0 {
		i.Role = Reporter
	}
	if i.For == 0 {
		i.For = month
	}
	if i.For < 0 || i.For > 12*month || i.Role > Reporter {
		return "", invalid("an invitation for %s: want up to a year, for a reader or a reporter", i.For)
	}
	return c.invite(ctx, actor, Invitation{
		Name: cut(i.Name, 64), Operator: cut(i.Operator, 64), Role: i.Role, Vouched: i.Vouched, Until: c.now().Add(i.For),
	})
}

// Invitations returns all invitations.
func (c *Centre) Invitations(ctx context.Context, actor string) ([]Invitation, error) {
	all, err := c.cfg.Accounts.Invitations(ctx)
	if err != nil {
		return nil, doing("reading invitations", err)
	}
	return all, c.update(ctx, "reading invitations", func(w *work) error {
		return w.audit(actor, "invitations.read", "", "")
	})
}
