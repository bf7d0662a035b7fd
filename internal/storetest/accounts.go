package storetest

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/community"
)

// alone calls f while nobody else uses the accounts.
func (m *Memory) alone(ctx context.Context, f func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fault(ctx); err != nil {
		return err
	}
	return f()
}

// find returns the first account that matches.
func (m *Memory) find(ctx context.Context, match func(community.Account) bool) (found community.Account, err error) {
	err = m.alone(ctx, func() error {
		for _, a := range m.accounts {
			if match(a) {
				found = cloneAccount(a)
				return nil
			}
		}
		return community.ErrNotFound
	})
	return found, err
}

// Add is part of [community.Accounts].
func (m *Memory) Add(ctx context.Context, a community.Account) error {
	return m.alone(ctx, func() error { return m.add(a) })
}

func (m *Memory) add(a community.Account) error {
	for _, other := range m.accounts {
		if other.Login == a.Login || len(a.Key) > 0 && bytes.Equal(other.Key, a.Key) {
			return community.ErrTaken
		}
	}
	m.accounts[a.Login] = cloneAccount(a)
	return nil
}

// ByLogin is part of [community.Accounts].
func (m *Memory) ByLogin(ctx context.Context, login string) (community.Account, error) {
	return m.find(ctx, func(a community.Account) bool { return a.Login == login })
}

// ByKey is part of [community.Accounts].
func (m *Memory) ByKey(ctx context.Context, hash []byte) (community.Account, error) {
	return m.find(ctx, func(a community.Account) bool { return len(hash) > 0 && bytes.Equal(a.Key, hash) })
}

// All is part of [community.Accounts].
func (m *Memory) All(ctx context.Context) (all []community.Account, err error) {
	err = m.alone(ctx, func() error {
		for _, login := range slices.Sorted(maps.Keys(m.accounts)) {
			all = append(all, cloneAccount(m.accounts[login]))
		}
		return nil
	})
	return all, err
}

// Change is part of [community.Accounts].
func (m *Memory) Change(ctx context.Context, login string, f func(*community.Account) error) error {
	return m.alone(ctx, func() error {
		old, ok := m.accounts[login]
		if !ok {
			return community.ErrNotFound
		}
		a := cloneAccount(old)
		if err := f(&a); err != nil {
			return err
		}
		a.Login = login
		delete(m.accounts, login)
		err := m.add(a)
		if err != nil {
			m.accounts[login] = old
		}
		return err
	})
}

// Delete is part of [community.Accounts].
func (m *Memory) Delete(ctx context.Context, login string) error {
	return m.alone(ctx, func() error {
		if _, ok := m.accounts[login]; !ok {
			return community.ErrNotFound
		}
		delete(m.accounts, login)
		return nil
	})
}

// Invite is part of [community.Accounts].
func (m *Memory) Invite(ctx context.Context, i community.Invitation) error {
	return m.alone(ctx, func() error {
		for _, other := range m.invitations {
			if bytes.Equal(other.Hash, i.Hash) {
				return community.ErrTaken
			}
		}
		m.invitations = append(m.invitations, cloneInvitation(i))
		return nil
	})
}

// Redeem is part of [community.Accounts].
func (m *Memory) Redeem(ctx context.Context, hash []byte, now time.Time, newAccount func(community.Invitation) (community.Account, error)) error {
	return m.alone(ctx, func() error {
		at := slices.IndexFunc(m.invitations, func(i community.Invitation) bool {
			return bytes.Equal(i.Hash, hash) && i.Used.IsZero() && now.Before(i.Until)
		})
		if at < 0 {
			return community.ErrNotFound
		}
		a, err := newAccount(cloneInvitation(m.invitations[at]))
		if err != nil {
			return err
		}
		if err := m.add(a); err != nil {
			return err
		}
		m.invitations[at].Used = utc(now)
		return nil
	})
}

// Invitations is part of [community.Accounts].
func (m *Memory) Invitations(ctx context.Context) (all []community.Invitation, err error) {
	err = m.alone(ctx, func() error {
		for _, i := range m.invitations {
			all = append(all, cloneInvitation(i))
		}
		slices.SortStableFunc(all, func(a, b community.Invitation) int { return a.Made.Compare(b.Made) })
		return nil
	})
	return all, err
}

// Purge is part of [community.Accounts].
func (m *Memory) Purge(ctx context.Context, before time.Time) (deleted int, err error) {
	err = m.alone(ctx, func() error {
		all := len(m.accounts) + len(m.invitations)
		maps.DeleteFunc(m.accounts, func(_ string, a community.Account) bool { return !a.Left.IsZero() && a.Left.Before(before) })
		m.invitations = slices.DeleteFunc(m.invitations, func(i community.Invitation) bool {
			return i.Until.Before(before) || !i.Used.IsZero() && i.Used.Before(before)
		})
		deleted = all - len(m.accounts) - len(m.invitations)
		return nil
	})
	return deleted, err
}

func cloneAccount(a community.Account) community.Account {
	a.Secret, a.Key, a.Own = bytes.Clone(a.Secret), bytes.Clone(a.Key), slices.Clone(a.Own)
	a.Joined, a.Left, a.Seen, a.Told = utc(a.Joined), utc(a.Left), utc(a.Seen), utc(a.Told)
	return a
}

func cloneInvitation(i community.Invitation) community.Invitation {
	i.Hash = bytes.Clone(i.Hash)
	i.Made, i.Until, i.Used = utc(i.Made), utc(i.Until), utc(i.Used)
	return i
}
