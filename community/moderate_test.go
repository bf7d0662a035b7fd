package community_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// faults returns how many faults each member has.
func (w *town) faults() map[consensus.MemberID]int {
	w.t.Helper()
	n := map[consensus.MemberID]int{}
	w.must(w.store.View(w.t.Context(), func(tx community.ReadTx) error {
		all, err := tx.Faults()
		for _, f := range all {
			n[f.Member]++
		}
		return err
	}))
	return n
}

func TestNobodyVouchesForASuspendedMember(t *testing.T) {
	w := found(t, nil)
	m := w.join(community.Invitee{})
	w.must(w.Suspend(t.Context(), "root", m.Login, true, "lies"))
	err := w.Vouch(t.Context(), "root", m.Login, true, "known")
	if !errors.Is(err, community.ErrInvalid) || !strings.Contains(err.Error(), "tocsin community member "+m.Login+" active") {
		t.Errorf("got %v; want an error that says what to do first", err)
	}
	w.must(w.Vouch(t.Context(), "root", m.Login, false, "no more")) // to take it back is no mistake
	w.must(w.Suspend(t.Context(), "root", m.Login, false, "it was a mistake"))
	w.must(w.Vouch(t.Context(), "root", m.Login, true, "known"))
	if s, _ := w.StandingOf(t.Context(), m); s.State != consensus.Vouched {
		t.Errorf("it is %v", s.State)
	}
}

func TestDecisionsAndWhatTheyCost(t *testing.T) {
	for _, tc := range []struct {
		outcome community.CaseState
		faults  int
		want    consensus.Remediation
	}{
		{community.Upheld, 3, consensus.Allow},
		{community.Goodwill, 0, consensus.Allow},
		{community.Rejected, 0, consensus.Ban},
	} {
		t.Run(tc.outcome.String(), func(t *testing.T) {
			w := found(t, nil)
			members := w.vouched(4)
			u := unit("192.0.2.7")
			w.all(members[:3], u)
			k, _, err := w.Appeal(t.Context(), community.AppealRequest{Unit: u})
			w.must(err)
			w.pass(time.Minute)
			w.report(members[3], u) // after the appeal
			k, err = w.Decide(t.Context(), "root", k.ID, tc.outcome, "seen the logs")
			w.must(err)
			if k.State != tc.outcome || k.By != "root" || k.Reason != "seen the logs" {
				t.Errorf("case: %+v", k)
			}
			if n := len(w.faults()); n != tc.faults {
				t.Errorf("%d members have a fault; want %d", n, tc.faults)
			}
			w.expect(u, tc.want)
			if stored, err := w.CaseByTicket(t.Context(), k.Ticket); err != nil || stored.State != tc.outcome {
				t.Errorf("stored: %+v, %v", stored, err)
			}
		})
	}
}

func TestDecisionsNeedWhatTheySay(t *testing.T) {
	w := found(t, nil)
	k, _, err := w.Appeal(t.Context(), community.AppealRequest{Unit: nth(1)})
	w.must(err)
	for _, tc := range []struct {
		name, actor string
		id          uint64
		outcome     community.CaseState
		reason      string
		want        error
	}{
		{"no name", "", k.ID, community.Goodwill, "", community.ErrInvalid},
		{"no outcome", "root", k.ID, 0, "", community.ErrInvalid},
		{"open is none", "root", k.ID, community.Open, "", community.ErrInvalid},
		{"rejected without a reason", "root", k.ID, community.Rejected, " \n", community.ErrInvalid},
		{"unknown case", "root", k.ID + 1, community.Goodwill, "", community.ErrNotFound},
	} {
		if _, err := w.Decide(t.Context(), tc.actor, tc.id, tc.outcome, tc.reason); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v; want %v", tc.name, err, tc.want)
		}
	}
}

func TestAModeratorSeesWhatACaseIsAbout(t *testing.T) {
	w := found(t, nil)
	members := w.members(3)
	u := unit("192.0.2.7")
	w.all(members, u)
	k, _, err := w.Appeal(t.Context(), community.AppealRequest{Unit: u, Text: "no"})
	w.must(err)
	f, err := w.File(t.Context(), "root", k.ID)
	w.must(err)
	if f.Case.Text != "no" || len(f.Reporters) != 3 || f.Record.Verdict.Tier != consensus.Listed || f.Explanation.Members != "2–3" || len(f.Earlier) != 0 {
		t.Errorf("%+v", f)
	}
	if _, err := w.File(t.Context(), "root", 99); !errors.Is(err, community.ErrNotFound) {
		t.Errorf("another case: %v", err)
	}
}

func TestAFrozenListOnlyGetsShorter(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(4)
	w.all(members, nth(1))
	w.must(w.Freeze(t.Context(), "root", true, "looks odd"))
	w.all(members, nth(2))
	w.expect(nth(2), consensus.Allow)
	x, err := w.Explain(t.Context(), nth(2), true)
	w.must(err)
	if x.Listed || x.Text != "Not listed." {
		t.Errorf("explanation: %+v", x)
	}
	w.must(w.Delist(t.Context(), "root", nth(1), "a mistake"))
	w.expect(nth(1), consensus.Allow)
	w.must(w.Freeze(t.Context(), "root", false, "it was real"))
	w.expect(nth(1), consensus.Allow)
	w.expect(nth(2), consensus.Ban)
}

func TestARollbackTakesOffWhatWasAddedSince(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(4)
	w.all(members, nth(1))
	w.pass(time.Hour)
	before := w.clock.now()
	w.all(members, nth(2))
	w.must(w.Delist(t.Context(), "root", nth(1), "a mistake"))
	w.all(members, nth(3))
	if _, err := w.Rollback(t.Context(), "root", before, ""); !errors.Is(err, community.ErrInvalid) {
		t.Errorf("without a reason: %v", err)
	}
	n, err := w.Rollback(t.Context(), "root", before, "poisoned")
	w.must(err)
	if n != 2 || len(w.List().Entries) != 0 || !w.Frozen().On {
		t.Errorf("%d units taken off, %d left, frozen %v; want 2, 0, true", n, len(w.List().Entries), w.Frozen().On)
	}
}

func TestAllThatAMemberReportsCanBeTakenOff(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(5)
	w.all(members[:3], nth(1))
	w.all(members[2:], nth(2))
	w.all(members[3:], nth(3))
	n, err := w.DelistOf(t.Context(), "root", members[2].Login, "broken in")
	w.must(err)
	if n != 2 {
		t.Errorf("%d units; want 2", n)
	}
	w.expect(nth(1), consensus.Allow)
	w.expect(nth(2), consensus.Allow)
	w.expect(nth(3), consensus.Ban)
}

func TestReportsOfAScenarioCanBeTakenBack(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(3)
	hash := strings.Repeat("ab", 32)
	for _, m := range members {
		_, err := w.Accept(t.Context(), m, []community.Signal{{Unit: nth(1), Scenario: exploit, Hash: hash, Last: begin}, {Unit: nth(2), Scenario: exploit, Last: begin}})
		w.must(err)
	}
	w.expect(nth(1), consensus.Ban)
	if _, err := w.Void(t.Context(), "root", "", "", "all"); !errors.Is(err, community.ErrInvalid) {
		t.Errorf("everything: %v", err)
	}
	n, err := w.Void(t.Context(), "root", "", hash, "a false scenario")
	w.must(err)
	if n != 1 {
		t.Errorf("%d units; want 1", n)
	}
	w.expect(nth(1), consensus.Allow)
	w.expect(nth(2), consensus.Ban)
}

func TestAScenarioInQuarantineWeighsNothing(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(3)
	hash := strings.Repeat("ab", 32)
	report := func(u consensus.Unit) {
		for _, m := range members {
			_, err := w.Accept(t.Context(), m, []community.Signal{{Unit: u, Scenario: exploit, Hash: hash, Last: w.clock.now()}})
			w.must(err)
		}
	}
	report(nth(1))
	if _, err := w.Quarantine(t.Context(), "root", "abc", true, "x"); !errors.Is(err, community.ErrInvalid) {
		t.Errorf("a short hash: %v", err)
	}
	n, err := w.Quarantine(t.Context(), "root", hash, true, "takes visitors for attackers")
	w.must(err)
	w.expect(nth(1), consensus.Allow)
	report(nth(2))
	w.expect(nth(2), consensus.Allow)
	if q := w.Quarantined(); n != 1 || len(q) != 1 || q[hash] != "takes visitors for attackers" {
		t.Errorf("%d units, %v", n, q)
	}
	_, err = w.Quarantine(t.Context(), "root", hash, false, "it is mended")
	w.must(err)
	report(nth(3))
	w.expect(nth(3), consensus.Ban)
}

func TestASuspendedMembersReportsWeighNothing(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(2)
	w.all(members, nth(1))
	w.expect(nth(1), consensus.Ban)
	w.must(w.Suspend(t.Context(), "root", members[0].Login, true, "sold its key"))
	w.expect(nth(1), consensus.Allow)
	all, err := w.Members(t.Context(), "root")
	w.must(err)
	if len(all) != 2 || all[0].Standing.State != consensus.Suspended || all[1].Standing.State != consensus.Vouched {
		t.Errorf("members: %+v", all)
	}
}

func TestVouchingEstablishesAMember(t *testing.T) {
	w := found(t, nil)
	members := []community.Caller{w.join(community.Invitee{}), w.join(community.Invitee{}), w.join(community.Invitee{})}
	w.all(members, nth(1))
	w.expect(nth(1), consensus.Allow)
	for _, m := range members {
		w.must(w.Vouch(t.Context(), "root", m.Login, true, "known"))
	}
	w.expect(nth(1), consensus.Allow) // only a new report raises a tier
	w.pass(time.Hour)
	w.all(members[:1], nth(1))
	w.expect(nth(1), consensus.Ban)
}

func TestListingsThatFewCarry(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(5)
	w.must(w.RenewStandings(t.Context()))
	w.all(members[:2], nth(1))
	w.all(members, nth(2))
	all, err := w.Exclusive(t.Context(), "root", 10)
	w.must(err)
	if len(all) != 1 || all[0].Unit != nth(1) {
		t.Errorf("%+v", all)
	}
}

func TestAllThatAModeratorDoesIsInTheLog(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(3)
	w.all(members, nth(1))
	k, _, err := w.Appeal(t.Context(), community.AppealRequest{Unit: nth(1)})
	w.must(err)
	ctx := t.Context()
	for _, row := range []struct {
		action string
		do     func() error
	}{
		{"cases.read", func() error { return second(w.Cases(ctx, "eve", true, 9)) }},
		{"case.read", func() error { return second(w.File(ctx, "eve", k.ID)) }},
		{"case.extend", func() error { return second(w.Extend(ctx, "eve", k.ID, begin.Add(100*time.Hour), "x")) }},
		{"appeal.goodwill", func() error { return second(w.Decide(ctx, "eve", k.ID, community.Goodwill, "x")) }},
		{"unit.read", func() error { return second(w.LookUp(ctx, "eve", nth(1))) }},
		{"exclusive.read", func() error { return second(w.Exclusive(ctx, "eve", 9)) }},
		{"members.read", func() error { return second(w.Members(ctx, "eve")) }},
		{"member.suspend", func() error { return w.Suspend(ctx, "eve", members[0].Login, true, "x") }},
		{"member.restore", func() error { return w.Suspend(ctx, "eve", members[0].Login, false, "x") }},
		{"member.vouch", func() error { return w.Vouch(ctx, "eve", members[0].Login, true, "x") }},
		{"member.unvouch", func() error { return w.Vouch(ctx, "eve", members[0].Login, false, "x") }},
		{"member.key", func() error { return second(w.NewKey(ctx, "eve", members[0].Login)) }},
		{"reports.void", func() error { return second(w.Void(ctx, "eve", members[0].Login, "", "x")) }},
		{"list.freeze", func() error { return w.Freeze(ctx, "eve", true, "x") }},
		{"list.thaw", func() error { return w.Freeze(ctx, "eve", false, "x") }},
		{"list.rollback", func() error { return second(w.Rollback(ctx, "eve", begin, "x")) }},
		{"member.delist", func() error { return second(w.DelistOf(ctx, "eve", members[1].Login, "x")) }},
		{"invitation.add", func() error { return second(w.Invite(ctx, "eve", community.Invitee{})) }},
		{"invitations.read", func() error { return second(w.Invitations(ctx, "eve")) }},
		{"export", func() error { return w.Export(ctx, "eve", &strings.Builder{}) }},
		{"audit.read", func() error { return second(w.Audit(ctx, "eve", 0, 9)) }},
	} {
		if err := row.do(); err != nil {
			t.Errorf("%s: %v", row.action, err)
		}
		if !slices.ContainsFunc(w.log(), func(e community.Entry) bool { return e.Actor == "eve" && e.Action == row.action }) {
			t.Errorf("%s is not in the log", row.action)
		}
	}
	if _, err := w.VerifyAudit(ctx); err != nil {
		t.Error(err)
	}
}
