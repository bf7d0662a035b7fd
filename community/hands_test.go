package community_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// An operator whose second server is beside another member has one vote, also before the next
// renewal of the standings.
func TestANewServerBesideAMemberHasTheVoteOfItsOperator(t *testing.T) {
	w := found(t, nil)
	honest := w.vouched(5)
	w.must(w.RenewStandings(t.Context()))
	var liars []community.Caller
	for n := range 6 { // the first has a network of its own
		login, _ := w.guest(community.Invitee{Operator: "liar", Vouched: true}, from((n+5)%6+1))
		liar, err := w.Caller(t.Context(), login)
		w.must(err)
		liars = append(liars, liar)
	}
	w.all(liars, nth(1))
	w.expect(nth(1), consensus.Allow)
	w.all(honest[:3], nth(2))
	w.expect(nth(2), consensus.Ban)
}

// Attackers can make a service send requests, and erase what is known of its address.
func TestAttacksThroughServicesCostNoTrustIfTheirAddressIsErased(t *testing.T) {
	w := found(t, func(c *community.Config) {
		c.Classes = known{"198.51.100.0/24": {Exclusion: consensus.Monitor}, "192.0.2.1/32": {Canary: true}}
	})
	m := w.vouched(1)[0]
	trust := func() consensus.Micro {
		w.must(w.RenewStandings(t.Context()))
		w.must(w.Vouch(t.Context(), "root", m.Login, false, "test"))
		s, err := w.StandingOf(t.Context(), m)
		w.must(err)
		return s.Trust
	}
	w.pass(60 * 24 * time.Hour)
	before := trust()
	for range 3 {
		w.report(m, unit("198.51.100.1"))
		_, err := w.Erase(t.Context(), unit("198.51.100.1"), true, "")
		w.must(err)
		w.pass(31 * 24 * time.Hour)
	}
	if after := trust(); after < before {
		t.Errorf("trust falls from %v to %v", before, after)
	}
	w.report(m, unit("192.0.2.1"))
	if after := trust(); after >= before {
		t.Errorf("a canary costs nothing: %v", after)
	}
}

// An account that lied cannot save the trust of its operator's other accounts by leaving.
func TestWhoLeavesLeavesItsFaults(t *testing.T) {
	w := found(t, func(c *community.Config) { c.Classes = known{"192.0.2.0/24": {Canary: true}} })
	login, _ := w.guest(community.Invitee{Operator: "two"}, from(1))
	stays, err := w.Caller(t.Context(), login)
	w.must(err)
	login, _ = w.guest(community.Invitee{Operator: "two"}, from(2))
	lies, err := w.Caller(t.Context(), login)
	w.must(err)
	w.pass(40 * 24 * time.Hour)
	trust := func() consensus.Micro {
		w.must(w.RenewStandings(t.Context()))
		s, err := w.StandingOf(t.Context(), stays)
		w.must(err)
		return s.Trust
	}
	before := trust()
	w.report(lies, unit("192.0.2.1"))
	with := trust()
	w.must(w.Leave(t.Context(), lies))
	if after := trust(); with >= before || after != with {
		t.Errorf("trust %v, with the fault %v, after it left %v", before, with, after)
	}
}

// The brake counts what members report together by their votes. Liars who get other votes, by a move
// beside older members, must not begin anew.
func TestLiarsDoNotEscapeTheBrakeByMoving(t *testing.T) {
	w := found(t, nil)
	w.vouched(10)
	w.pass(time.Hour)
	liars := w.vouched(3)
	w.must(w.RenewStandings(t.Context()))
	for v := range 15 {
		w.all(liars, nth(v))
	}
	w.expect(nth(14), consensus.Ban)
	w.pass(25 * time.Hour)
	w.must(w.JudgeDue(t.Context()))
	for i, m := range liars {
		w.must(w.users.Change(t.Context(), m.Login, func(a *community.Account) error {
			a.From = netip.PrefixFrom(from(i+1), 24).Masked()
			return nil
		}))
	}
	w.must(w.RenewStandings(t.Context()))
	for v := range 3 {
		w.all(liars, nth(100+v))
	}
	w.expect(nth(102), consensus.Allow)
}

// Otherwise a liar would send a report that counts for nothing before each one that does.
func TestAReflectedReportDoesNotHideAFault(t *testing.T) {
	w := found(t, func(c *community.Config) { c.Classes = known{"192.0.2.0/24": {Canary: true}} })
	m := w.vouched(1)[0]
	_, err := w.Accept(t.Context(), m, []community.Signal{{
		Unit: unit("192.0.2.1"), Scenario: exploit, First: begin, Last: begin, Count: 1, Flags: community.Reflected,
	}})
	w.must(err)
	if n := w.faults()[m.ID]; n != 0 {
		t.Fatalf("a reflected report is %d faults", n)
	}
	w.pass(time.Minute)
	w.report(m, unit("192.0.2.1"))
	if n := w.faults()[m.ID]; n != 1 {
		t.Errorf("%d faults; want 1", n)
	}
}
