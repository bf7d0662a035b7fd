package community

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"net/netip"
	"strings"
	"time"
)

// Join adds a member with the code of an invitation. ErrTerms names the terms that are not
// accepted; the invitation then stays valid.
func (c *Centre) Join(ctx context.Context, code, name, terms string, from netip.Addr) (login, key string, err error) {
	var b [10]byte
	rand.Read(b[:])
	login = strings.ToLower("m-" + base32.StdEncoding.EncodeToString(b[:]))
	key, hash := newKey()
	err = c.join(ctx, code, terms, from, Account{Login: login, Key: hash, Name: cut(name, 64)})
	if err != nil {
		return "", "", err
	}
	return login, key, nil
}

// Enlist is Join for programs that choose their own login and password.
func (c *Centre) Enlist(ctx context.Context, code, login, password, terms string, from netip.Addr) error {
	if !isLogin(login) {
		return invalid("login: want 3 to 64 letters, digits, dots and dashes")
	}
	if n := len(password); n < minPassword || n > maxPassword {
		return invalid("password of %d characters: want %d to %d", n, minPassword, maxPassword)
	}
	// Check the code first: only invited programs may cost a slow hash.
	if err := c.checkCode(ctx, code, from); err != nil {
		return err
	}
	select {
	case c.doors.proven.slow <- struct{}{}:
		defer func() { <-c.doors.proven.slow }()
	case <-ctx.Done():
		return ctx.Err()
	}
	secret, err := hashPassword(password)
	if err != nil {
		return doing("hashing a password", err)
	}
	return c.join(ctx, code, terms, from, Account{Login: login, Secret: secret})
}

func isLogin(s string) bool {
	return len(s) >= 3 && len(s) <= 64 && isName(s)
}

// checkCode returns ErrDenied if no invitation has this code.
func (c *Centre) checkCode(ctx context.Context, code string, from netip.Addr) error {
	net := network(from)
	if retry, ok := c.doors.joins.Take(net, 0); !ok {
		return TooManyError{retry}
	}
	stop := errors.New("only looking")
	err := c.cfg.Accounts.Redeem(ctx, hashKey(code), c.now(), func(Invitation) (Account, error) { return Account{}, stop })
	switch {
	case errors.Is(err, stop):
		return nil
	case errors.Is(err, ErrNotFound):
		return c.wrongCode(net)
	}
	return doing("reading an invitation", err)
}

// wrongCode counts a wrong code from a network.
func (c *Centre) wrongCode(net netip.Prefix) error {
	if retry, ok := c.doors.joins.Take(net, 1); !ok {
		return TooManyError{retry}
	}
	return ErrDenied
}

func (c *Centre) join(ctx context.Context, code, terms string, from netip.Addr, a Account) error {
	net := network(from)
	if retry, ok := c.doors.joins.Take(net, 0); !ok {
		return TooManyError{retry}
	}
	if terms != c.cfg.Terms {
		return ErrTerms
	}
	// An invitation is used up even if the store then cannot be written, so check that first,
	// but only for somebody who has one.
	if err := c.checkCode(ctx, code, from); err != nil {
		return err
	}
	if err := c.cfg.Store.Check(ctx); err != nil {
		return doing("joining", err)
	}
	now := c.now()
	a.Terms, a.Joined, a.Seen, a.From, a.Net = terms, now, now.Truncate(time.Hour), net, c.cfg.Classes.Network(from)
	err := c.cfg.Accounts.Redeem(ctx, hashKey(code), now, func(i Invitation) (Account, error) {
		a.Role, a.Operator, a.Vouched, a.Branch = i.Role, i.Operator, i.Vouched, i.By
		a.Name = nameOf(i.Name, a.Name)
		return a, nil
	})
	if errors.Is(err, ErrNotFound) {
		return c.wrongCode(net)
	}
	if err != nil {
		return doing("joining", err)
	}
	return c.update(ctx, "adding a member", func(w *work) error {
		if err := w.audit("centre", "member.join", showID(c.memberID(a.Login)), "terms "+terms); err != nil {
			return err
		}
		if a.Role != Reporter {
			return nil
		}
		return w.putMembers(w.newMember(&a))
	})
}

// nameOf returns the name of an account. The operator invited somebody by a name, and must find
// that again, whatever the member calls itself.
func nameOf(invited, own string) string {
	switch {
	case invited == "":
		return own
	case own == "" || own == invited:
		return invited
	}
	return invited + " (" + own + ")"
}

// ensureMember adds a member that is missing in the store, because it joined while the store
// could not be written.
func (c *Centre) ensureMember(ctx context.Context, by Caller) error {
	if _, known := c.state.standing.Load().members[by.ID]; known {
		return nil
	}
	a, err := c.account(ctx, by.Login)
	if err != nil {
		return doing("reading an account", err)
	}
	return c.update(ctx, "adding a member", func(w *work) error {
		if _, known := w.standing.members[by.ID]; known {
			return nil
		}
		return w.putMembers(w.newMember(&a))
	})
}

// AcceptTerms notes that a member accepts the current terms.
func (c *Centre) AcceptTerms(ctx context.Context, by Caller, version string) error {
	if version != c.cfg.Terms {
		return ErrTerms
	}
	err := c.cfg.Accounts.Change(ctx, by.Login, func(a *Account) error {
		a.Terms = version
		return nil
	})
	if err != nil {
		return doing("noting accepted terms", err)
	}
	return c.update(ctx, "noting accepted terms", func(w *work) error {
		return w.audit(showID(by.ID), "member.terms", showID(by.ID), version)
	})
}

// SetContact notes how to reach the operator of a member.
func (c *Centre) SetContact(ctx context.Context, by Caller, contact string) error {
	contact = cut(contact, 128)
	err := c.cfg.Accounts.Change(ctx, by.Login, func(a *Account) error {
		a.Contact = contact
		return nil
	})
	return doing("noting how to reach a member", err)
}

// RenewKey gives a member a new API key. Its old key and its password become invalid.
func (c *Centre) RenewKey(ctx context.Context, by Caller) (key string, err error) {
	return c.renewKey(ctx, showID(by.ID), by.Login)
}

func (c *Centre) renewKey(ctx context.Context, actor, login string) (string, error) {
	key, hash := newKey()
	err := c.cfg.Accounts.Change(ctx, login, func(a *Account) error {
		a.Key, a.Secret = hash, nil
		return nil
	})
	if err != nil {
		return "", doing("renewing a key", err)
	}
	return key, c.update(ctx, "renewing a key", func(w *work) error {
		return w.audit(actor, "member.key", showID(c.memberID(login)), "")
	})
}

// Leave ends a membership. A purge deletes the account some days later. The member's reports
// keep its keyed hash until they are too old.
func (c *Centre) Leave(ctx context.Context, by Caller) error {
	now := c.now()
	err := c.cfg.Accounts.Change(ctx, by.Login, func(a *Account) error {
		a.Left, a.Key, a.Secret, a.Own = now, nil, nil, nil
		return nil
	})
	if err != nil {
		return doing("leaving", err)
	}
	c.noteRemovals(Removal{now, RemovedMember, memberHash(by.ID)})
	for _, unit := range by.Own {
		c.own.remove(unit, by.ID)
	}
	return c.update(ctx, "leaving", func(w *work) error {
		if m, known := w.standing.members[by.ID]; known {
			m.Left = now
			if err := w.putMembers(m); err != nil {
				return err
			}
		}
		return w.audit(showID(by.ID), "member.leave", showID(by.ID), "")
	})
}
