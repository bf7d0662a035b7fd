package community_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

func TestMembersThatAgreeListAnAddress(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(3)
	u := unit("192.0.2.7")
	w.report(members[0], u)
	w.expect(u, consensus.Allow)
	w.report(members[1], u)
	w.expect(u, consensus.Ban)
	changes := w.changes()
	if len(changes) != 1 || changes[0].Seq != 1 || changes[0].Was != consensus.Allow || changes[0].Action != consensus.Ban {
		t.Fatalf("changes: %+v", changes)
	}
	l, _ := w.List().Get(u)
	if l.Behaviour != "http:exploit" || l.Until.Sub(begin) != 24*time.Hour {
		t.Errorf("entry: %+v", l)
	}
	if w.List().Seq != 1 || !w.List().At.Equal(begin) {
		t.Errorf("list: %d at %v", w.List().Seq, w.List().At)
	}
}

func TestOneNetworkListsNobody(t *testing.T) {
	w := found(t, nil)
	var members []community.Caller
	for i := range 4 {
		code, err := w.Invite(t.Context(), "root", community.Invitee{Vouched: true, Operator: string(rune('a' + i))})
		w.must(err)
		// Each in a /24 of its own, and all in one /16 of a network that has no number.
		login, _, err := w.Join(t.Context(), code, "", "1", netip.AddrFrom4([4]byte{20, 9, byte(i), 1}))
		w.must(err)
		m, err := w.Caller(t.Context(), login)
		w.must(err)
		members = append(members, m)
	}
	w.all(members, unit("192.0.2.7"))
	w.expect(unit("192.0.2.7"), consensus.Allow)
}

func TestAcceptRefuses(t *testing.T) {
	w := found(t, nil)
	m := w.vouched(1)[0]
	good := community.Signal{Unit: unit("192.0.2.7"), Scenario: exploit, Last: begin}
	for _, tc := range []struct {
		name   string
		change func(*community.Signal)
		want   string
	}{
		{"no address", func(s *community.Signal) { s.Unit = netip.Prefix{} }, "no address"},
		{"private address", func(s *community.Signal) { s.Unit = unit("10.0.0.1") }, "not a public address"},
		{"carrier's address", func(s *community.Signal) { s.Unit = unit("100.64.0.1") }, "not a public address"},
		{"private address mapped into IPv6", func(s *community.Signal) { s.Unit = netip.MustParsePrefix("::ffff:10.0.0.1/128") }, "not a public address"},
		{"multicast", func(s *community.Signal) { s.Unit = unit("224.0.0.1") }, "not a public address"},
		{"benchmarks", func(s *community.Signal) { s.Unit = unit("198.18.0.1") }, "not a public address"},
		{"protocols", func(s *community.Signal) { s.Unit = unit("192.0.0.8") }, "not a public address"},
		{"Teredo", func(s *community.Signal) { s.Unit = netip.MustParsePrefix("2001:0:1:2::1/128") }, "not a public address"},
		{"reserved", func(s *community.Signal) { s.Unit = unit("250.0.0.1") }, "not a public address"},
		{"unique local", func(s *community.Signal) { s.Unit = netip.MustParsePrefix("fd00::1/128") }, "not a public address"},
		{"link-local", func(s *community.Signal) { s.Unit = netip.MustParsePrefix("fe80::1/128") }, "not a public address"},
		{"IPv4 range", func(s *community.Signal) { s.Unit = netip.MustParsePrefix("192.0.2.0/24") }, "a range"},
		{"IPv6 range", func(s *community.Signal) { s.Unit = netip.MustParsePrefix("2001:db8::/48") }, "a range"},
		{"scenario without author", func(s *community.Signal) { s.Scenario = "http-probing" }, "AUTHOR/NAME"},
		{"scenario with a space", func(s *community.Signal) { s.Scenario = "a/b c" }, "AUTHOR/NAME"},
		{"scenario with markup", func(s *community.Signal) { s.Scenario = "a/<b>" }, "AUTHOR/NAME"},
		{"scenario with two slashes", func(s *community.Signal) { s.Scenario = "a/b/c" }, "AUTHOR/NAME"},
		{"long scenario", func(s *community.Signal) { s.Scenario = "a/" + strings.Repeat("b", 127) }, "AUTHOR/NAME"},
		{"short hash", func(s *community.Signal) { s.Hash = "abc" }, "SHA-256"},
		{"an invalid hash", func(s *community.Signal) { s.Hash = strings.Repeat("g", 64) }, "SHA-256"},
		{"old", func(s *community.Signal) { s.Last = begin.Add(-24*time.Hour - time.Second) }, "too old"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := good
			tc.change(&s)
			a, err := w.Accept(t.Context(), m, []community.Signal{good, s})
			if err != nil {
				t.Fatal(err)
			}
			if len(a.Refused) != 1 || a.Refused[0].Index != 1 || !strings.Contains(a.Refused[0].Reason, tc.want) || a.Accepted != 1 {
				t.Errorf("%+v; want the second refused: %s", a, tc.want)
			}
		})
	}
	a, err := w.Accept(t.Context(), m, []community.Signal{{Unit: unit("192.0.2.8"), Scenario: exploit, Last: begin.Add(-25 * time.Hour)}})
	if err != nil || !strings.Contains(a.Notice, "clock") {
		t.Errorf("notice %q, %v; want one about the clock", a.Notice, err)
	}
}

func TestAcceptCutsWhatItKeeps(t *testing.T) {
	w := found(t, nil)
	m := w.vouched(1)[0]
	w.pass(30*time.Second + 77*time.Millisecond)
	now := w.clock.now()
	_, err := w.Accept(t.Context(), m, []community.Signal{
		{Unit: netip.MustParsePrefix("2001:db8:1:2:3::4/128"), Scenario: exploit, First: now.Add(-90 * time.Second), Last: now.Add(time.Hour), Count: 1000, Flags: 0xff},
		{Unit: netip.MustParsePrefix("::ffff:192.0.2.1/128"), Scenario: "acme/own", Hash: strings.Repeat("AB", 32), Count: -5},
	})
	w.must(err)
	reports, err := w.ReportsOf(t.Context(), m, 10)
	w.must(err)
	if len(reports) != 2 {
		t.Fatalf("%d reports", len(reports))
	}
	r := reports[1]
	if r.Unit.String() != "2001:db8:1:2::/64" || !r.First.Equal(begin.Add(-time.Minute)) || !r.Last.Equal(begin) || r.Bucket != 9 ||
		r.Flags != community.Reflected|community.EarlyData|community.Manual|community.Tainted || r.Provenance != consensus.Manual {
		t.Errorf("first: %+v", r)
	}
	r = reports[0]
	if r.Unit != unit("192.0.2.1") || r.Hash != strings.Repeat("ab", 32) || r.Bucket != 0 || r.Provenance != consensus.Custom || r.Behaviour != "" {
		t.Errorf("second: %+v", r)
	}
}

func TestAReplayedBatchChangesNothing(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(3)
	var batch []community.Signal
	for i := range 20 {
		batch = append(batch, community.Signal{Unit: nth(i), Scenario: exploit, Last: begin, Count: 3})
	}
	for _, m := range members {
		_, err := w.Accept(t.Context(), m, batch)
		w.must(err)
	}
	before := text(t, records(t, w.store)) + text(t, w.changes())
	for _, later := range []time.Duration{time.Second, time.Minute, time.Hour} {
		w.pass(later)
		for _, m := range members {
			a, err := w.Accept(t.Context(), m, batch)
			w.must(err)
			if a.Known != 20 {
				t.Errorf("after %v: %d of 20 were known", later, a.Known)
			}
		}
	}
	if after := text(t, records(t, w.store)) + text(t, w.changes()); after != before {
		t.Error("the store has changed")
	}
}

func TestAMemberSaysTheSameOnceInAnHour(t *testing.T) {
	w := found(t, nil)
	m := w.vouched(1)[0]
	u := unit("192.0.2.7")
	stored := 0
	for range 48 * 4 {
		a := w.report(m, u)
		stored += a.Accepted - a.Known
		w.pass(15 * time.Minute)
	}
	if stored != 48 {
		t.Errorf("%d reports are stored of two days; want one of each hour", stored)
	}
	// Other names for the same do not help.
	stored = 0
	for i := range 100 {
		a := w.signal(m, "own/scenario-"+string(rune('a'+i%26))+string(rune('a'+i/26)), unit("192.0.2.8"))
		stored += a.Accepted - a.Known
	}
	if stored != 24 {
		t.Errorf("%d reports of one address within a minute are stored; want 24", stored)
	}
}

func TestMembersCannotSendTooMuch(t *testing.T) {
	w := found(t, func(c *community.Config) { c.Rates = community.Rates{PerSecond: 10, Burst: 30, Batch: 20} })
	members := w.vouched(2)
	signals := func(n int) (all []community.Signal) {
		for i := range n {
			all = append(all, community.Signal{Unit: nth(i), Scenario: exploit, Last: begin})
		}
		return all
	}
	if _, err := w.Accept(t.Context(), members[0], signals(21)); !errors.Is(err, community.ErrInvalid) {
		t.Errorf("a large batch: %v", err)
	}
	_, err := w.Accept(t.Context(), members[0], signals(20))
	w.must(err)
	_, err = w.Accept(t.Context(), members[0], signals(20))
	var many community.TooManyError
	if !errors.As(err, &many) || many.Retry != time.Second {
		t.Errorf("the second batch: %v; want a second to wait", err)
	}
	if _, err := w.Accept(t.Context(), members[1], signals(20)); err != nil {
		t.Errorf("another member: %v", err)
	}
	w.pass(time.Second)
	if _, err := w.Accept(t.Context(), members[0], signals(20)); err != nil {
		t.Errorf("a second later: %v", err)
	}
	reader := w.join(community.Invitee{Role: community.Reader})
	if _, err := w.Accept(t.Context(), reader, signals(1)); !errors.Is(err, community.ErrDenied) {
		t.Errorf("a reader: %v", err)
	}
}

// failing is a store whose transactions fail at their end.
type failing struct {
	community.Store
	fail error
}

func (f *failing) Update(ctx context.Context, do func(community.Tx) error) error {
	return f.Store.Update(ctx, func(tx community.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		return f.fail
	})
}

// again is a store that calls each function twice, as a database does that has to.
type again struct{ community.Store }

func (a again) Update(ctx context.Context, do func(community.Tx) error) error {
	stop := errors.New("once more")
	err := a.Store.Update(ctx, func(tx community.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		return stop
	})
	if !errors.Is(err, stop) {
		return err
	}
	return a.Store.Update(ctx, do)
}

func TestAFailedTransactionLeavesNoTrace(t *testing.T) {
	broken := errors.New("disk full")
	var f *failing
	w := found(t, func(c *community.Config) {
		f = &failing{Store: c.Store}
		c.Store = f
	})
	same := found(t, nil) // where nothing fails
	var batch []community.Signal
	for i := range 12 {
		batch = append(batch, community.Signal{Unit: nth(i), Scenario: exploit, Last: begin})
	}
	a, b := w.vouched(5), same.vouched(5)
	for i := range a {
		f.fail = broken
		seq := w.List().Seq
		if _, err := w.Accept(t.Context(), a[i], batch); !errors.Is(err, broken) {
			t.Fatalf("got %v", err)
		}
		if w.List().Seq != seq {
			t.Error("the list has changed by a transaction that failed")
		}
		f.fail = nil
		_, err := w.Accept(t.Context(), a[i], batch)
		w.must(err)
		_, err = same.Accept(t.Context(), b[i], batch)
		w.must(err)
	}
	if text(t, w.List().Entries) != text(t, same.List().Entries) || len(w.List().Entries) != 12 {
		t.Errorf("%d entries; want the same as where nothing failed", len(w.List().Entries))
	}
	if !slices.EqualFunc(w.changes(), same.changes(), func(x, y community.Change) bool { return x.Seq == y.Seq && x.Listing == y.Listing }) {
		t.Error("the changes differ")
	}
}

func TestAStoreMayCallAgain(t *testing.T) {
	w := found(t, func(c *community.Config) { c.Store = again{c.Store} })
	plain := found(t, nil)
	for i := range 30 {
		w.all(w.members(3), nth(i))
		plain.all(plain.members(3), nth(i))
	}
	if text(t, records(t, w.store)) != text(t, records(t, plain.store)) {
		t.Error("the records differ")
	}
}
