package community_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
	"github.com/tocsin-project/tocsin/internal/storetest"
)

var secret = bytes.Repeat([]byte{7}, 32)

const (
	exploit = "crowdsecurity/http-cve-probe" // surest: confidence 3
	brute   = "crowdsecurity/ssh-bf"
)

// begin is when the tests begin: noon, so that a few hours more are the same day.
var begin = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// A clock is the time of a test.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// A town is a community in a test.
type town struct {
	*community.Centre
	t     testing.TB
	clock *clock
	store *storetest.Memory
	users *storetest.Memory
	cfg   community.Config
	names int
	crowd []community.Caller
}

// found founds a community. change may change its config.
func found(t testing.TB, change func(*community.Config)) *town {
	t.Helper()
	w := &town{t: t, clock: &clock{at: begin}, store: storetest.NewMemory(), users: storetest.NewMemory()}
	w.cfg = community.Config{
		Store: w.store, Accounts: w.users, Secret: secret, Now: w.clock.now, Name: "Example",
		Operator: community.Operator{Name: "Example e.V.", Contact: "abuse@example.org"},
		Catalogue: community.BuiltinCatalogue().
			Add(exploit, "", community.Label{Behaviour: "http:exploit", Confidence: 3}).
			Add(brute, "", community.Label{Behaviour: "ssh:bruteforce", Confidence: 3}),
	}
	if change != nil {
		change(&w.cfg)
	}
	w.Centre = w.open()
	return w
}

// open opens another centre with the same store.
func (w *town) open() *community.Centre {
	w.t.Helper()
	c, err := community.New(w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *town) pass(d time.Duration) { w.clock.pass(d) }

// from returns the address of the n-th member, in a network of its own.
func from(n int) netip.Addr { return netip.AddrFrom4([4]byte{20, byte(n), 0, 1}) }

// join makes a member without ties to others. Its login is the same each time.
func (w *town) join(i community.Invitee) community.Caller {
	w.t.Helper()
	w.names++
	a := community.Account{
		Login: fmt.Sprintf("member-%d", w.names), Role: max(i.Role, community.Reader), Vouched: i.Vouched,
		Operator: fmt.Sprintf("operator %d", w.names), Terms: "1", Joined: w.clock.now(), From: netip.PrefixFrom(from(w.names), 24).Masked(),
	}
	if i.Role == 0 {
		a.Role = community.Reporter
	}
	w.must(w.users.Add(w.t.Context(), a))
	caller, err := w.Caller(w.t.Context(), a.Login)
	w.must(err)
	return caller
}

// vouched makes n vouched members.
func (w *town) vouched(n int) []community.Caller {
	w.t.Helper()
	all := make([]community.Caller, n)
	for i := range all {
		all[i] = w.join(community.Invitee{Vouched: true})
	}
	return all
}

func unit(s string) consensus.Unit { return netip.MustParsePrefix(s + "/32") }

// nth returns the n-th of some addresses.
func nth(n int) consensus.Unit {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{93, byte(n >> 16), byte(n >> 8), byte(n)}), 32)
}

// report reports units by a scenario that is sure, and fails if one is refused.
func (w *town) report(by community.Caller, units ...consensus.Unit) community.Accepted {
	w.t.Helper()
	return w.signal(by, exploit, units...)
}

func (w *town) signal(by community.Caller, scenario string, units ...consensus.Unit) community.Accepted {
	w.t.Helper()
	signals := make([]community.Signal, len(units))
	for i, u := range units {
		signals[i] = community.Signal{Unit: u, Scenario: scenario, First: w.clock.now(), Last: w.clock.now(), Count: 9}
	}
	a, err := w.Accept(w.t.Context(), by, signals)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(a.Refused) > 0 {
		w.t.Fatalf("refused: %v", a.Refused)
	}
	return a
}

// all lets each of some members report a unit, a minute apart.
func (w *town) all(members []community.Caller, u consensus.Unit) {
	w.t.Helper()
	for _, m := range members {
		w.report(m, u)
		w.pass(time.Minute)
	}
}

// action returns what the list says of a unit.
func (w *town) action(u consensus.Unit) consensus.Remediation {
	l, _ := w.List().Get(u)
	return l.Action
}

func (w *town) expect(u consensus.Unit, want consensus.Remediation) {
	w.t.Helper()
	if got := w.action(u); got != want {
		w.t.Errorf("%v: %v; want %v", u, got, want)
	}
}

func (w *town) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) changes() []community.Change {
	w.t.Helper()
	changes, err := w.Changes(w.t.Context(), 0, 100_000)
	w.must(err)
	return changes
}

// records returns all records, without their versions.
func records(t testing.TB, s community.Store) (all []community.Record) {
	t.Helper()
	err := s.View(t.Context(), func(tx community.ReadTx) error {
		for r, err := range tx.Records() {
			if err != nil {
				return err
			}
			r.Version = 0
			all = append(all, r)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// text returns a value as JSON.
func text(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// members returns n vouched members, the same each time.
func (w *town) members(n int) []community.Caller {
	w.t.Helper()
	if len(w.crowd) < n {
		w.crowd = append(w.crowd, w.vouched(n-len(w.crowd))...)
	}
	return w.crowd[:n]
}

// forged is a store whose audit log somebody changed.
type forged struct {
	community.Store
	change func([]community.Entry) []community.Entry
}

func (f forged) View(ctx context.Context, do func(community.ReadTx) error) error {
	return f.Store.View(ctx, func(tx community.ReadTx) error { return do(forgedTx{tx, f.change}) })
}

type forgedTx struct {
	community.ReadTx
	change func([]community.Entry) []community.Entry
}

func (f forgedTx) Audit(after uint64, limit int) ([]community.Entry, error) {
	all, err := f.ReadTx.Audit(0, 1_000_000)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(f.change(all), func(e community.Entry) bool { return e.Seq <= after })
	return all[:min(limit, len(all))], nil
}
