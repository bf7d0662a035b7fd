package community_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// guest joins by an invitation.
func (w *town) guest(i community.Invitee, ip netip.Addr) (login, key string) {
	w.t.Helper()
	code, err := w.Invite(w.t.Context(), "root", i)
	w.must(err)
	login, key, err = w.Join(w.t.Context(), code, "web 1", "1", ip)
	w.must(err)
	return login, key
}

func TestL18JoiningTakesTheTerms(t *testing.T) {
	w := found(t, func(c *community.Config) { c.Terms = "2026-06" })
	code, err := w.Invite(t.Context(), "root", community.Invitee{Name: "Example Hosting", Vouched: true})
	w.must(err)
	for _, terms := range []string{"", "2025-01"} {
		if _, _, err := w.Join(t.Context(), code, "web 1", terms, from(1)); !errors.Is(err, community.ErrTerms) {
			t.Errorf("terms %q: %v", terms, err)
		}
	}
	login, key, err := w.Join(t.Context(), code, "web 1", "2026-06", from(1))
	w.must(err)
	if len(key) < 43 || !strings.HasPrefix(login, "m-") {
		t.Errorf("login %q, key of %d characters", login, len(key))
	}
	a, err := w.users.ByLogin(t.Context(), login)
	w.must(err)
	if a.Terms != "2026-06" || a.Name != "Example Hosting (web 1)" || !a.Vouched || a.From != netip.MustParsePrefix("20.1.0.0/24") || strings.Contains(string(a.Key), key) {
		t.Errorf("account: %+v", a)
	}
	if _, _, err := w.Join(t.Context(), code, "web 2", "2026-06", from(2)); !errors.Is(err, community.ErrDenied) {
		t.Errorf("the same invitation again: %v", err)
	}
	// Newer terms are to be accepted, but reports are taken.
	w.cfg.Terms = "2027-01"
	w.Centre = w.open()
	m, err := w.Key(t.Context(), key, from(1))
	w.must(err)
	if a := w.report(m, nth(1)); !strings.Contains(a.Notice, "2027-01") {
		t.Errorf("notice: %q", a.Notice)
	}
	w.must(w.AcceptTerms(t.Context(), m, "2027-01"))
	if m, _ = w.Key(t.Context(), key, from(1)); m.Terms != "2027-01" {
		t.Errorf("terms: %q", m.Terms)
	}
}

func TestInvitationsEnd(t *testing.T) {
	w := found(t, nil)
	code, err := w.Invite(t.Context(), "root", community.Invitee{For: time.Hour})
	w.must(err)
	w.pass(time.Hour + time.Second)
	if _, _, err := w.Join(t.Context(), code, "", "1", from(1)); !errors.Is(err, community.ErrDenied) {
		t.Errorf("got %v", err)
	}
}

func TestKeys(t *testing.T) {
	w := found(t, nil)
	login, key := w.guest(community.Invitee{}, from(1))
	m, err := w.Key(t.Context(), key, from(1))
	if err != nil || m.Login != login || m.Role != community.Reporter {
		t.Fatalf("%+v, %v", m, err)
	}
	if m, err = w.Login(t.Context(), login, key, from(1)); err != nil || m.Login != login {
		t.Errorf("the key as a password: %+v, %v", m, err)
	}
	for _, wrong := range []string{"", "x", key[1:]} {
		if _, err := w.Key(t.Context(), wrong, from(2)); !errors.Is(err, community.ErrDenied) {
			t.Errorf("key %q: %v", wrong, err)
		}
	}
	fresh, err := w.RenewKey(t.Context(), m)
	w.must(err)
	if _, err := w.Key(t.Context(), key, from(1)); !errors.Is(err, community.ErrDenied) {
		t.Errorf("the key before: %v", err)
	}
	if _, err := w.Key(t.Context(), fresh, from(1)); err != nil {
		t.Errorf("the fresh key: %v", err)
	}
	w.must(w.Suspend(t.Context(), "root", login, true, "spam"))
	for name, err := range map[string]error{
		"key":    second(w.Key(t.Context(), fresh, from(1))),
		"login":  second(w.Login(t.Context(), login, fresh, from(1))),
		"caller": second(w.Caller(t.Context(), login)),
		"accept": second(w.Accept(t.Context(), m, []community.Signal{{Unit: nth(1), Scenario: exploit}})),
	} {
		if !errors.Is(err, community.ErrSuspended) {
			t.Errorf("%s of a suspended member: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestAnInvitationStaysValidIfTheStoreFails(t *testing.T) {
	w := found(t, nil)
	code, err := w.Invite(t.Context(), "root", community.Invitee{})
	w.must(err)
	w.store.Break(errors.New("disk full"))
	if _, _, err := w.Join(t.Context(), code, "web", "1", from(1)); err == nil {
		t.Error("somebody joined")
	}
	w.store.Break(nil)
	if _, _, err := w.Join(t.Context(), code, "web", "1", from(1)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestWrongKeysAreBoundedByNetwork(t *testing.T) {
	w := found(t, nil)
	_, key := w.guest(community.Invitee{}, from(1))
	var many community.TooManyError
	tries := 0
	for ; tries < 100 && many.Retry == 0; tries++ {
		// Any address of the network.
		_, err := w.Key(t.Context(), fmt.Sprint(tries), netip.AddrFrom4([4]byte{30, 1, 1, byte(tries)}))
		errors.As(err, &many)
	}
	if tries != 31 {
		t.Errorf("%d wrong keys were looked up; want 30", tries-1)
	}
	if _, err := w.Key(t.Context(), key, netip.MustParseAddr("30.1.1.200")); !errors.As(err, &many) {
		t.Errorf("a right key from there: %v", err)
	}
	if _, err := w.Key(t.Context(), key, from(1)); err != nil {
		t.Errorf("a right key from elsewhere: %v", err)
	}
	w.pass(5 * time.Second)
	if _, err := w.Key(t.Context(), key, netip.MustParseAddr("30.1.1.200")); err != nil {
		t.Errorf("some seconds later: %v", err)
	}
}

// Members rent servers beside others, who must not shut them out.
func TestWrongKeysDoNotShutOutARightOneThatIsKnown(t *testing.T) {
	w := found(t, nil)
	login, key := w.guest(community.Invitee{}, from(1))
	try := func(key string) error { return second(w.Key(t.Context(), key, from(1))) }
	w.must(try(key))
	var many community.TooManyError
	for n := 0; !errors.As(try(fmt.Sprint("wrong ", n)), &many); n++ {
		if n > 100 {
			t.Fatal("there is no limit")
		}
	}
	w.must(try(key))
	fresh, err := w.NewKey(t.Context(), "root", login)
	w.must(err)
	for range 2 { // a key that was right is limited like others
		if err := try(key); !errors.As(err, &many) {
			t.Errorf("the old key: %v", err)
		}
	}
	if err := try(fresh); !errors.As(err, &many) {
		t.Errorf("a key that nobody used yet: %v", err)
	}
}

// Whoever has a /32 of IPv6 has 65,536 networks.
func TestAWideNetworkDoesNotShutOutOthers(t *testing.T) {
	w := found(t, nil)
	_, key := w.guest(community.Invitee{}, from(1))
	for i := range 30_000 {
		_, err := w.Key(t.Context(), "wrong", netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, byte(i >> 8), byte(i)}))
		if err == nil {
			t.Fatal("a wrong key is right")
		}
	}
	if _, err := w.Key(t.Context(), key, from(1)); err != nil {
		t.Errorf("a right key from another network: %v", err)
	}
}

// A picky database refuses text as PostgreSQL does.
type picky struct{ community.Accounts }

func (p picky) ByLogin(ctx context.Context, login string) (community.Account, error) {
	if strings.Contains(login, "\x00") || !utf8.ValidString(login) {
		return community.Account{}, errors.New("invalid byte sequence for encoding UTF8")
	}
	return p.Accounts.ByLogin(ctx, login)
}

func TestTextThatIsNoLoginDoesNotReachTheDatabase(t *testing.T) {
	w := found(t, func(c *community.Config) { c.Accounts = picky{c.Accounts} })
	for _, login := range []string{"web\x001", "web\xff", "", strings.Repeat("a", 65), "web 1", "web'1"} {
		if _, err := w.Login(t.Context(), login, password, from(1)); !errors.Is(err, community.ErrDenied) {
			t.Errorf("login %q: %v", login, err)
		}
		if _, err := w.Caller(t.Context(), login); !errors.Is(err, community.ErrDenied) {
			t.Errorf("caller %q: %v", login, err)
		}
		if _, err := w.DelistOf(t.Context(), "root", login, "x"); !errors.Is(err, community.ErrNotFound) {
			t.Errorf("moderator %q: %v", login, err)
		}
		if _, err := w.CaseByTicket(t.Context(), login); !errors.Is(err, community.ErrNotFound) {
			t.Errorf("ticket %q: %v", login, err)
		}
	}
}

const password = "correct horse battery staple"

func TestEnginesChooseTheirPasswords(t *testing.T) {
	w := found(t, nil)
	code, err := w.Invite(t.Context(), "root", community.Invitee{})
	w.must(err)
	for _, tc := range []struct{ login, password, code string }{
		{"ab", password, code},
		{"with space", password, code},
		{strings.Repeat("a", 65), password, code},
		{"engine-1", "short", code},
		{"engine-1", strings.Repeat("x", 300), code},
	} {
		if err := w.Enlist(t.Context(), tc.code, tc.login, tc.password, "1", from(1)); !errors.Is(err, community.ErrInvalid) {
			t.Errorf("%q, %q: %v", tc.login, tc.password, err)
		}
	}
	if err := w.Enlist(t.Context(), "guessed", "engine-1", password, "1", from(1)); !errors.Is(err, community.ErrDenied) {
		t.Errorf("a guessed code: %v", err)
	}
	w.must(w.Enlist(t.Context(), code, "engine-1", password, "1", from(1)))
	other, err := w.Invite(t.Context(), "root", community.Invitee{})
	w.must(err)
	if err := w.Enlist(t.Context(), other, "engine-1", password, "1", from(2)); !errors.Is(err, community.ErrTaken) {
		t.Errorf("a login that is taken: %v", err)
	}
	a, err := w.users.ByLogin(t.Context(), "engine-1")
	w.must(err)
	if strings.Contains(string(a.Secret), "horse") || len(a.Secret) != 52 {
		t.Errorf("secret: %q", a.Secret)
	}
	if m, err := w.Login(t.Context(), "engine-1", password, from(1)); err != nil || m.Login != "engine-1" {
		t.Errorf("login: %+v, %v", m, err)
	}
	if _, err := w.Login(t.Context(), "engine-1", password+"r", from(1)); !errors.Is(err, community.ErrDenied) {
		t.Errorf("a wrong password: %v", err)
	}
}

func TestAStormOfLoginsIsBounded(t *testing.T) {
	w := found(t, nil)
	code, err := w.Invite(t.Context(), "root", community.Invitee{})
	w.must(err)
	w.must(w.Enlist(t.Context(), code, "engine-1", password, "1", from(1)))
	_, err = w.Login(t.Context(), "engine-1", password, from(1))
	w.must(err)
	// A caller that logged in before has no limit.
	for range 200 {
		if _, err := w.Login(t.Context(), "engine-1", password, from(1)); err != nil {
			t.Fatal(err)
		}
	}
	// Guesses from many networks.
	var guesses, refused int
	for i := range 15 {
		_, err := w.Login(t.Context(), "engine-1", fmt.Sprint("guess", i), netip.AddrFrom4([4]byte{40, byte(i), 0, 1}))
		var many community.TooManyError
		switch {
		case errors.As(err, &many):
			refused++
		case errors.Is(err, community.ErrDenied):
			guesses++
		default:
			t.Errorf("got %v", err)
		}
	}
	if guesses != 10 || refused != 5 {
		t.Errorf("%d guesses were checked, and %d refused; want 10 and 5", guesses, refused)
	}
	// A server that has just started does not remember it: its network is known.
	w.Centre = w.open()
	if _, err := w.Login(t.Context(), "engine-1", password, from(1)); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

func TestLoginsEndWithTheirContext(t *testing.T) {
	w := found(t, nil)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := w.Login(ctx, "nobody", "wrong", from(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestMembersInviteThreeInAMonth(t *testing.T) {
	w := found(t, nil)
	login, key := w.guest(community.Invitee{Vouched: true}, from(1))
	m, err := w.Key(t.Context(), key, from(1))
	w.must(err)
	// At once, as an attacker would.
	codes := make(chan string, 10)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if code, err := w.InviteBy(t.Context(), m, "a friend"); err == nil {
				codes <- code
			}
		})
	}
	all.Wait()
	if len(codes) != 3 {
		t.Fatalf("%d invitations; want 3", len(codes))
	}
	friend, _, err := w.Join(t.Context(), <-codes, "", "1", from(2))
	w.must(err)
	w.must(w.RenewStandings(t.Context()))
	// Both are one hand.
	var clusters []consensus.ClusterID
	w.must(w.store.View(t.Context(), func(tx community.ReadTx) error {
		members, err := tx.Members()
		for _, m := range members {
			clusters = append(clusters, m.Standing.Cluster)
		}
		return err
	}))
	if len(clusters) != 2 || clusters[0] != clusters[1] {
		t.Errorf("clusters: %v", clusters)
	}
	a, err := w.users.ByLogin(t.Context(), friend)
	w.must(err)
	if a.Vouched || a.Branch != login {
		t.Errorf("friend: %+v", a)
	}
	w.pass(31 * 24 * time.Hour)
	if _, err := w.InviteBy(t.Context(), m, "another"); err != nil {
		t.Errorf("a month later: %v", err)
	}
}

func TestL21WhoLeavesIsForgotten(t *testing.T) {
	w := found(t, nil)
	login, key := w.guest(community.Invitee{Vouched: true}, from(1))
	m, err := w.Key(t.Context(), key, from(1))
	w.must(err)
	w.report(m, nth(1))
	w.must(w.Leave(t.Context(), m))
	if _, err := w.Key(t.Context(), key, from(1)); !errors.Is(err, community.ErrDenied) {
		t.Errorf("its key: %v", err)
	}
	count := func() (accounts int, members, reports int64) {
		w.must(w.RunJobs(t.Context()))
		all, err := w.users.All(t.Context())
		w.must(err)
		f, err := w.Figures()
		w.must(err)
		return len(all), f.Members, f.Reports
	}
	for _, row := range []struct {
		days     int
		accounts int
		members  int64
		reports  int64
	}{{0, 1, 1, 1}, {13, 1, 1, 1}, {2, 1, 1, 0}, {16, 0, 0, 0}} {
		w.pass(time.Duration(row.days) * 24 * time.Hour)
		w.pass(time.Hour)
		count()
		w.pass(time.Hour) // the standings of the next hour know what the accounts lost
		if a, m, r := count(); a != row.accounts || m != row.members || r != row.reports {
			t.Errorf("%d days more: %d accounts, %d members, %d reports; want %+v", row.days, a, m, r, row)
		}
	}
	if _, err := w.users.ByLogin(t.Context(), login); !errors.Is(err, community.ErrNotFound) {
		t.Errorf("its account: %v", err)
	}
}

func TestWhereAMemberComesFromIsItsOwnAddress(t *testing.T) {
	w := found(t, nil)
	login, key := w.guest(community.Invitee{}, from(1))
	for i := range 12 {
		_, err := w.Key(t.Context(), key, netip.AddrFrom4([4]byte{50, 0, 0, byte(i)}))
		w.must(err)
	}
	_, err := w.Key(t.Context(), key, netip.MustParseAddr("10.0.0.1"))
	w.must(err)
	m, err := w.Caller(t.Context(), login)
	w.must(err)
	if len(m.Own) != 8 || m.Own[0] != unit("50.0.0.0") {
		t.Fatalf("own: %v", m.Own)
	}
	w.must(w.Disown(t.Context(), m, m.Own[0]))
	if m, _ = w.Caller(t.Context(), login); len(m.Own) != 7 {
		t.Errorf("own: %v", m.Own)
	}
}
