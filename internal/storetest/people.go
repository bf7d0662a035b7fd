package storetest

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// Accounts checks that accounts keep their promises. create makes an empty database and
// returns a function that opens it, which can be called again.
func Accounts(t *testing.T, create func(t *testing.T) (open func() (community.Accounts, error))) {
	for _, p := range []struct {
		name  string
		check func(f *people)
	}{
		{"an account comes back as it was given, by its login and by its key", checkAccounts},
		{"two accounts have never the same login or key", checkTaken},
		{"a change is whole or not at all, and the login stays", checkAccountChange},
		{"writers of one account are alone, of all servers", checkAccountWriters},
		{"an account that is deleted is gone, and its login and key are free", func(f *people) {
			f.add(community.Account{Login: "web1", Key: []byte{1}})
			f.ok(f.Delete(f.ctx, "web1"))
			f.fails(f.Delete(f.ctx, "web1"), community.ErrNotFound)
			f.add(community.Account{Login: "web1", Key: []byte{1}})
		}},
		{"an invitation is used once, and before it ends", checkRedeem},
		{"an invitation stays usable if its account cannot be made", checkFailedRedeem},
		{"of two who use one invitation at once, one gets in", checkRedeemTwice},
		{"a purge deletes accounts that left and invitations that ended", checkAccountPurge},
		{"what was written is there when accounts are opened again", func(f *people) {
			f.add(community.Account{Login: "web1"})
			f.ok(f.Invite(f.ctx, community.Invitation{Hash: []byte{1}}))
			f.ok(f.Close())
			if _, err := f.ByLogin(f.ctx, "web1"); err == nil {
				f.t.Error("closed accounts were read")
			}
			f.Accounts = f.open()
			all, err := f.All(f.ctx)
			invitations, asking := f.Invitations(f.ctx)
			f.ok(errors.Join(err, asking))
			same(f.t, "accounts and invitations", []int{len(all), len(invitations)}, []int{1, 1})
		}},
		{"nothing is begun when the context has ended", func(f *people) {
			ctx, cancel := context.WithCancel(f.ctx)
			cancel()
			_, reading := f.All(ctx)
			for _, err := range []error{reading, f.Add(ctx, community.Account{Login: "web1"}), f.Invite(ctx, community.Invitation{Hash: []byte{1}})} {
				f.fails(err, context.Canceled)
			}
		}},
	} {
		t.Run(p.name, func(t *testing.T) {
			f := &people{t: t, ctx: t.Context(), create: create(t)}
			f.Accounts = f.open()
			p.check(f)
		})
	}
}

// people are accounts under test.
type people struct {
	t *testing.T
	community.Accounts
	ctx    context.Context
	create func() (community.Accounts, error)
}

func (f *people) open() community.Accounts {
	f.t.Helper()
	a, err := f.create()
	f.ok(err)
	f.t.Cleanup(func() { _ = a.Close() }) // a test may have closed it
	return a
}

func (f *people) ok(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *people) fails(err, want error) {
	f.t.Helper()
	if !errors.Is(err, want) {
		f.t.Errorf("got error %v; want %v", err, want)
	}
}

func (f *people) add(accounts ...community.Account) {
	f.t.Helper()
	for _, a := range accounts {
		f.ok(f.Add(f.ctx, a))
	}
}

func checkAccounts(f *people) {
	full := community.Account{
		Login: "web1.example", Role: community.Reporter, Secret: []byte{0, 1}, Key: []byte{2, 255},
		Name: "Größe e.V.", Contact: "abuse@example.org", Operator: "example", Branch: "root/a", Terms: "2026-01",
		Vouched: true, Suspended: true, Joined: noon.Add(1), Left: after(1), Seen: after(2),
		From: netip.MustParsePrefix("2001:db8:1::/48"), Net: 1<<32 - 1, Own: []consensus.Unit{third, first}, Told: after(3),
	}
	complete(f.t, "account", full)
	given := full
	given.Joined = given.Joined.In(time.FixedZone("", 3600))
	given.Own = []consensus.Unit{third, first}
	f.add(community.Account{Login: "zeta"}, given, community.Account{Login: "alpha", Key: []byte{9}})
	given.Own[0] = second // the caller's own
	all, err := f.All(f.ctx)
	f.ok(err)
	same(f.t, "accounts", all, []community.Account{{Login: "alpha", Key: []byte{9}}, full, {Login: "zeta"}})
	byLogin, err := f.ByLogin(f.ctx, "web1.example")
	f.ok(err)
	byKey, err := f.ByKey(f.ctx, []byte{2, 255})
	f.ok(err)
	same(f.t, "accounts by login and by key", []community.Account{byLogin, byKey}, []community.Account{full, full})
	_, err = f.ByLogin(f.ctx, "web2")
	f.fails(err, community.ErrNotFound)
	for _, key := range [][]byte{nil, {}, {3}} {
		_, err = f.ByKey(f.ctx, key)
		f.fails(err, community.ErrNotFound)
	}
}

func checkTaken(f *people) {
	f.add(community.Account{Login: "web1", Key: []byte{1}}, community.Account{Login: "web2"}, community.Account{Login: "web3"})
	f.fails(f.Add(f.ctx, community.Account{Login: "web1", Key: []byte{2}}), community.ErrTaken)
	f.fails(f.Add(f.ctx, community.Account{Login: "web4", Key: []byte{1}}), community.ErrTaken)
	f.fails(f.Change(f.ctx, "web2", func(a *community.Account) error {
		a.Key, a.Name = []byte{1}, "thief"
		return nil
	}), community.ErrTaken)
	a, err := f.ByLogin(f.ctx, "web2")
	f.ok(err)
	same(f.t, "account", a, community.Account{Login: "web2"})
	f.ok(f.Invite(f.ctx, community.Invitation{Hash: []byte{1}}))
	f.fails(f.Invite(f.ctx, community.Invitation{Hash: []byte{1}}), community.ErrTaken)
}

func checkAccountChange(f *people) {
	f.add(community.Account{Login: "web1", Key: []byte{1}})
	f.ok(f.Change(f.ctx, "web1", func(a *community.Account) error {
		same(f.t, "account", *a, community.Account{Login: "web1", Key: []byte{1}})
		a.Login, a.Name, a.Key = "other", "Example", []byte{2}
		return nil
	}))
	a, err := f.ByKey(f.ctx, []byte{2})
	f.ok(err)
	same(f.t, "account", a, community.Account{Login: "web1", Name: "Example", Key: []byte{2}})
	_, err = f.ByKey(f.ctx, []byte{1})
	f.fails(err, community.ErrNotFound)
	refused := errors.New("refused")
	f.fails(f.Change(f.ctx, "web1", func(a *community.Account) error {
		a.Name = "Nobody"
		return refused
	}), refused)
	f.fails(f.Change(f.ctx, "web2", func(*community.Account) error { return nil }), community.ErrNotFound)
	a, err = f.ByLogin(f.ctx, "web1")
	f.ok(err)
	same(f.t, "name", a.Name, "Example")
}

func checkAccountWriters(f *people) {
	f.add(community.Account{Login: "web1"})
	var wg sync.WaitGroup
	for _, accounts := range []community.Accounts{f, f.open()} {
		for range 2 {
			wg.Go(func() {
				for range 10 {
					if err := accounts.Change(f.ctx, "web1", func(a *community.Account) error {
						a.Net++
						return nil
					}); err != nil {
						f.t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	a, err := f.ByLogin(f.ctx, "web1")
	f.ok(err)
	same(f.t, "number of changes", a.Net, 40)
}

// invited returns an account for an invitation.
func invited(i community.Invitation) (community.Account, error) {
	return community.Account{Login: i.Name, Key: []byte(i.Name)}, nil
}

func checkRedeem(f *people) {
	full := community.Invitation{
		Hash: []byte{1, 255}, By: "web1", Name: "web2", Operator: "example", Role: community.Reporter, Vouched: true,
		Made: noon.Add(1), Until: after(60),
	}
	complete(f.t, "invitation", full, "Used")
	f.ok(f.Invite(f.ctx, community.Invitation{Hash: []byte{2}, Name: "late", Made: after(9), Until: after(60)}))
	f.ok(f.Invite(f.ctx, full))
	all, err := f.Invitations(f.ctx)
	f.ok(err)
	same(f.t, "oldest invitation", all[0], full)
	f.fails(f.Redeem(f.ctx, []byte{3}, noon, invited), community.ErrNotFound)
	f.fails(f.Redeem(f.ctx, []byte{2}, after(60), invited), community.ErrNotFound)
	f.ok(f.Redeem(f.ctx, full.Hash, after(59), func(i community.Invitation) (community.Account, error) {
		same(f.t, "invitation", i, full)
		return invited(i)
	}))
	f.fails(f.Redeem(f.ctx, full.Hash, after(59), invited), community.ErrNotFound)
	a, err := f.ByKey(f.ctx, []byte("web2"))
	f.ok(err)
	same(f.t, "login", a.Login, "web2")
	all, err = f.Invitations(f.ctx)
	f.ok(err)
	full.Used = after(59)
	same(f.t, "invitation that was used", all[0], full)
}

func checkFailedRedeem(f *people) {
	f.add(community.Account{Login: "web1"})
	f.ok(f.Invite(f.ctx, community.Invitation{Hash: []byte{1}, Name: "web1", Until: after(60)}))
	refused := errors.New("refused")
	f.fails(f.Redeem(f.ctx, []byte{1}, noon, func(community.Invitation) (community.Account, error) { return community.Account{}, refused }), refused)
	f.fails(f.Redeem(f.ctx, []byte{1}, noon, invited), community.ErrTaken)
	f.ok(f.Delete(f.ctx, "web1"))
	f.ok(f.Redeem(f.ctx, []byte{1}, noon, invited))
}

func checkRedeemTwice(f *people) {
	f.ok(f.Invite(f.ctx, community.Invitation{Hash: []byte{1}, Until: after(60)}))
	var wg sync.WaitGroup
	var in, made atomic.Int64
	for _, accounts := range []community.Accounts{f, f.open(), f, f.Accounts} {
		wg.Go(func() {
			err := accounts.Redeem(f.ctx, []byte{1}, noon, func(community.Invitation) (community.Account, error) {
				return community.Account{Login: string(rune('a' + made.Add(1)))}, nil
			})
			if err == nil {
				in.Add(1)
			} else if !errors.Is(err, community.ErrNotFound) {
				f.t.Error(err)
			}
		})
	}
	wg.Wait()
	all, err := f.All(f.ctx)
	f.ok(err)
	same(f.t, "who got in, and accounts", []int64{in.Load(), int64(len(all))}, []int64{1, 1})
}

func checkAccountPurge(f *people) {
	f.add(community.Account{Login: "here", Joined: noon}, community.Account{Login: "gone", Left: noon}, community.Account{Login: "going", Left: after(1)})
	for i, invitation := range []community.Invitation{{Until: noon}, {Until: after(1)}, {Until: after(9), Used: noon}, {Until: after(9), Used: after(2)}} {
		invitation.Hash, invitation.Made = []byte{byte(i)}, after(i)
		f.ok(f.Invite(f.ctx, invitation))
	}
	deleted, err := f.Purge(f.ctx, after(1))
	f.ok(err)
	same(f.t, "deleted", deleted, 3)
	all, err := f.All(f.ctx)
	f.ok(err)
	same(f.t, "accounts that are left", []string{all[0].Login, all[1].Login}, []string{"going", "here"})
	invitations, err := f.Invitations(f.ctx)
	f.ok(err)
	same(f.t, "invitations that are left", [][]byte{invitations[0].Hash, invitations[1].Hash}, [][]byte{{1}, {3}})
}
