package database

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tocsin-project/tocsin/community"
)

// Accounts implements [community.Accounts].
type Accounts struct{ db *database }

// OpenAccounts opens accounts, and makes missing tables. See AccountsPlace.
func OpenAccounts(ctx context.Context, place string) (*Accounts, error) {
	d, err := connect(ctx, place, "accounts")
	if err != nil {
		return nil, err
	}
	return &Accounts{d}, nil
}

// Close is part of [community.Accounts].
func (a *Accounts) Close() error { return a.db.close() }

const accountColumns = "SELECT data FROM accounts "

func scanAccount(row row) (a community.Account, err error) {
	err = row.Scan(jsonColumn{&a})
	return a, err
}

// accounts reads accounts.
func (a *Accounts) accounts(ctx context.Context, query string, args ...any) (found []community.Account, err error) {
	err = a.db.view(ctx, func(s *session) error {
		found, err = all(s, "reading accounts", scanAccount, accountColumns+query, args...)
		return err
	})
	return found, err
}

// ByLogin is part of [community.Accounts].
func (a *Accounts) ByLogin(ctx context.Context, login string) (community.Account, error) {
	return first(a.accounts(ctx, "WHERE login = $1", login))
}

// ByKey is part of [community.Accounts].
func (a *Accounts) ByKey(ctx context.Context, hash []byte) (community.Account, error) {
	if len(hash) == 0 {
		return community.Account{}, community.ErrNotFound
	}
	return first(a.accounts(ctx, "WHERE key = $1", hash))
}

// All is part of [community.Accounts].
func (a *Accounts) All(ctx context.Context) ([]community.Account, error) {
	return a.accounts(ctx, "ORDER BY login")
}

// Add is part of [community.Accounts].
func (a *Accounts) Add(ctx context.Context, account community.Account) error {
	return a.db.update(ctx, func(s *session) error { return s.addAccount(account) })
}

func (s *session) addAccount(a community.Account) error {
	if err := s.free("account", "SELECT count(*) FROM accounts WHERE login = $1", a.Login); err != nil {
		return err
	}
	return s.putAccount(a)
}

// free returns ErrTaken if a query counts something.
func (s *session) free(what, query string, args ...any) error {
	var n int
	if err := s.one("looking for "+what, query, args, &n); err != nil {
		return err
	}
	if n > 0 {
		return fmt.Errorf("adding %s: %w", what, community.ErrTaken)
	}
	return nil
}

func (s *session) putAccount(a community.Account) error {
	var key []byte // nil becomes NULL, which many rows can have
	if len(a.Key) > 0 {
		key = a.Key
		if err := s.free("key", "SELECT count(*) FROM accounts WHERE key = $1 AND login <> $2", key, a.Login); err != nil {
			return err
		}
	}
	a.Joined, a.Left, a.Seen, a.Told = utc(a.Joined), utc(a.Left), utc(a.Seen), utc(a.Told)
	data, err := json.Marshal(a) //nolint:gosec // G117: Secret is a slow hash, and this is where it is kept
	if err != nil {
		return fmt.Errorf("keeping account: %w", err)
	}
	return s.must("keeping account", `INSERT INTO accounts (login, key, gone, data) VALUES ($1, $2, $3, $4)
		ON CONFLICT (login) DO UPDATE SET key = excluded.key, gone = excluded.gone, data = excluded.data`, a.Login, key, nanos(a.Left), string(data))
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

// Change is part of [community.Accounts].
func (a *Accounts) Change(ctx context.Context, login string, f func(*community.Account) error) error {
	return a.db.update(ctx, func(s *session) error {
		account, err := first(all(s, "reading account", scanAccount, accountColumns+"WHERE login = $1", login))
		if err != nil {
			return err
		}
		if err := f(&account); err != nil {
			return err
		}
		account.Login = login
		return s.putAccount(account)
	})
}

// Delete is part of [community.Accounts].
func (a *Accounts) Delete(ctx context.Context, login string) error {
	return a.db.update(ctx, func(s *session) error {
		n, err := s.exec("deleting account", "DELETE FROM accounts WHERE login = $1", login)
		if err == nil && n == 0 {
			return community.ErrNotFound
		}
		return err
	})
}

const invitationColumns = "SELECT used, data FROM invitations "

func scanInvitation(row row) (i community.Invitation, err error) {
	var used time.Time
	err = row.Scan(at(&used), jsonColumn{&i})
	i.Used = used
	return i, err
}

// Invite is part of [community.Accounts].
func (a *Accounts) Invite(ctx context.Context, i community.Invitation) error {
	i.Made, i.Until, i.Used = utc(i.Made), utc(i.Until), utc(i.Used)
	data, err := json.Marshal(i)
	if err != nil {
		return fmt.Errorf("keeping invitation: %w", err)
	}
	return a.db.update(ctx, func(s *session) error {
		if err := s.free("invitation", "SELECT count(*) FROM invitations WHERE hash = $1", i.Hash); err != nil {
			return err
		}
		return s.must("keeping invitation", "INSERT INTO invitations (hash, made, ends, used, data) VALUES ($1, $2, $3, $4, $5)",
			i.Hash, nanos(i.Made), nanos(i.Until), nanos(i.Used), string(data))
	})
}

// Redeem is part of [community.Accounts].
func (a *Accounts) Redeem(ctx context.Context, hash []byte, now time.Time, newAccount func(community.Invitation) (community.Account, error)) error {
	return a.db.update(ctx, func(s *session) error {
		i, err := first(all(s, "reading invitation", scanInvitation, invitationColumns+"WHERE hash = $1 AND used = 0 AND ends > $2", hash, nanos(now)))
		if err != nil {
			return err
		}
		account, err := newAccount(i)
		if err != nil {
			return err
		}
		if err := s.addAccount(account); err != nil {
			return err
		}
		return s.must("using invitation", "UPDATE invitations SET used = $2 WHERE hash = $1", hash, nanos(now))
	})
}

// Invitations is part of [community.Accounts].
func (a *Accounts) Invitations(ctx context.Context) (found []community.Invitation, err error) {
	err = a.db.view(ctx, func(s *session) error {
		found, err = all(s, "reading invitations", scanInvitation, invitationColumns+"ORDER BY made, hash")
		return err
	})
	return found, err
}

// Purge is part of [community.Accounts].
func (a *Accounts) Purge(ctx context.Context, before time.Time) (deleted int, err error) {
	err = a.db.update(ctx, func(s *session) error {
		gone, err := s.exec("purging accounts", "DELETE FROM accounts WHERE gone <> 0 AND gone < $1", nanos(before))
		ended, wrong := s.exec("purging invitations", "DELETE FROM invitations WHERE ends < $1 OR (used <> 0 AND used < $1)", nanos(before))
		deleted = int(gone + ended)
		return errors.Join(err, wrong)
	})
	return deleted, err
}
