package community_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// known classes of addresses, in tests.
type known map[string]community.Class

func (k known) Class(u consensus.Unit) community.Class {
	for prefix, class := range k {
		if netip.MustParsePrefix(prefix).Contains(u.Addr()) {
			return class
		}
	}
	return community.Class{}
}

func (known) Network(netip.Addr) consensus.ASN { return 0 }

func TestNewcomersListNobody(t *testing.T) {
	w := found(t, nil)
	insider := w.vouched(1)[0]
	var victims []consensus.Unit
	for i := range 20 {
		victims = append(victims, nth(i))
	}
	for range 100 {
		w.report(w.join(community.Invitee{}), victims...)
	}
	w.report(insider, victims...)
	if n := len(w.List().Entries); n > 0 {
		t.Errorf("%d victims are listed", n)
	}
	for _, r := range records(t, w.store) {
		if r.Verdict.Tier > consensus.Watched {
			t.Errorf("%v: %v", r.Unit, r.Verdict.Tier)
		}
	}
}

// Servers of one hoster share networks, and a member writes its contact itself. Neither may give
// a newcomer the trust of an honest member.
func TestNewcomersBesideEstablishedMembersListNobody(t *testing.T) {
	for _, row := range []struct {
		name string
		join func(w *town, n int) community.Caller
	}{
		{"in the same network", func(w *town, n int) community.Caller {
			m := w.join(community.Invitee{})
			w.must(w.users.Change(t.Context(), m.Login, func(a *community.Account) error {
				a.From = netip.PrefixFrom(from(n), 24).Masked()
				return nil
			}))
			return m
		}},
		{"with a contact in the same domain", func(w *town, n int) community.Caller {
			m := w.join(community.Invitee{})
			w.must(w.SetContact(t.Context(), m, fmt.Sprintf("liar@shop-%d.example", n)))
			return m
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := found(t, nil)
			honest := w.vouched(5)
			var liars []community.Caller
			for i, m := range honest {
				w.must(w.SetContact(t.Context(), m, fmt.Sprintf("abuse@shop-%d.example", i+1)))
				liars = append(liars, row.join(w, i+1))
			}
			w.must(w.RenewStandings(t.Context()))
			w.all(liars, nth(1))
			w.expect(nth(1), consensus.Allow)
			w.all(honest, nth(2))
			w.expect(nth(2), consensus.Ban)
		})
	}
}

// PostgreSQL stores no NUL, a terminal obeys control characters, and marks for the direction of
// writing change what a moderator sees beside a text.
func TestTextsOfStrangersArePrintable(t *testing.T) {
	for _, row := range []struct{ name, given, line, lines string }{
		{"letters", "Žluťoučký kůň 馬", "Žluťoučký kůň 馬", "Žluťoučký kůň 馬"},
		{"lines", " one\r\ntwo\tthree\n", "one  two three", "one\ntwo three"},
		{"control characters", "a\x00b\x1b[2Jc\u009b2Jd\x7f", "a b [2Jc 2Jd", "ab[2Jc2Jd"},
		{"direction of writing", "a\u202eb\u2066c\u200fd", "abcd", "abcd"},
		{"invisible characters", "ad\u200bmin\ufeff", "admin", "admin"},
		{"line separators", "a\u2028b", "a b", "a b"},
		{"a Persian word", "می\u200cخواهم", "می\u200cخواهم", "می\u200cخواهم"},
		{"not UTF-8", "a\xffb", "ab", "a\ufffdb"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := found(t, nil)
			code, err := w.Invite(t.Context(), "root", community.Invitee{Operator: row.given})
			w.must(err)
			_, _, err = w.Join(t.Context(), code, row.given, "1", from(9))
			w.must(err)
			members, err := w.Members(t.Context(), "root")
			w.must(err)
			if a := members[0].Account; a.Name != row.line || a.Operator != row.line {
				t.Errorf("name %q, operator %q, want %q", a.Name, a.Operator, row.line)
			}
			_, _, err = w.Appeal(t.Context(), community.AppealRequest{Unit: nth(1), Text: row.given})
			w.must(err)
			cases, err := w.Cases(t.Context(), "root", true, 10)
			w.must(err)
			if cases[0].Text != row.lines {
				t.Errorf("text %q, want %q", cases[0].Text, row.lines)
			}
		})
	}
}

func TestWhoReportsEverybodyIsQuarantined(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(12)
	for i, m := range members[:11] {
		w.report(m, nth(i), nth(i+1), nth(i+2), nth(i+3))
	}
	mad := members[11]
	for batch := range 4 {
		var units []consensus.Unit
		for i := range 50 {
			units = append(units, nth((1000+50*batch+i)*256))
		}
		w.report(mad, units...)
	}
	// Whoever has a network can make a member report much: that is no sign of a fault.
	var network []consensus.Unit
	for i := range 200 {
		network = append(network, consensus.UnitOf(netip.MustParseAddr(fmt.Sprintf("2a02:908:1:%x::1", i))))
	}
	w.report(members[0], network...)
	w.must(w.RenewStandings(t.Context()))
	s, err := w.StandingOf(t.Context(), mad)
	w.must(err)
	if s.State != consensus.Quarantined || !strings.Contains(strings.Join(s.Why, " "), "far more addresses than other members") {
		t.Errorf("standing: %+v", s)
	}
	a := w.report(mad, nth(1))
	if !strings.Contains(a.Notice, "set aside") {
		t.Errorf("notice: %q", a.Notice)
	}
	for _, m := range members[:11] {
		if s, _ := w.StandingOf(t.Context(), m); s.State != consensus.Vouched {
			t.Errorf("another member: %+v", s)
		}
	}
}

func TestWhoTakesACDNForClientsIsQuarantinedAndToldWhy(t *testing.T) {
	cdn := known{"198.51.100.0/24": {Exclusion: consensus.CDN, Name: "Example CDN"}}
	w := found(t, func(c *community.Config) { c.Classes = cdn })
	members := w.vouched(4)
	blind := members[3]
	u := unit("192.0.2.7")
	w.report(blind, u)
	w.report(members[0], u)
	w.expect(u, consensus.Ban)
	w.report(blind, unit("198.51.100.1"), unit("198.51.100.2"), unit("198.51.100.3"))
	w.must(w.RenewStandings(t.Context()))
	s, err := w.StandingOf(t.Context(), blind)
	w.must(err)
	why := strings.Join(s.Why, " ")
	for _, want := range []string{"a CDN (Example CDN)", "198.51.100.1", "configure the trusted proxies"} {
		if !strings.Contains(why, want) {
			t.Errorf("%q does not say %q", why, want)
		}
	}
	// What it listed with one other is judged again.
	w.expect(u, consensus.Allow)
	w.expect(unit("198.51.100.1"), consensus.Allow)
	// A day without such reports later it is clear.
	w.pass(25 * time.Hour)
	w.must(w.RenewStandings(t.Context()))
	if s, _ = w.StandingOf(t.Context(), blind); s.State != consensus.Vouched {
		t.Errorf("a clean day later: %+v", s)
	}
	if !slices.ContainsFunc(w.log(), func(e community.Entry) bool { return e.Action == "member.quarantine" }) {
		t.Error("the audit log does not have the quarantine")
	}
}

// log returns the audit log.
func (w *town) log() []community.Entry {
	w.t.Helper()
	entries, err := w.Audit(w.t.Context(), "root", 0, 100_000)
	w.must(err)
	return entries
}

func TestACanaryCostsTrust(t *testing.T) {
	w := found(t, func(c *community.Config) { c.Classes = known{"198.51.100.9/32": {Canary: true}} })
	members := w.vouched(3)
	canary := unit("198.51.100.9")
	for _, m := range members {
		w.report(m, canary)
	}
	w.expect(canary, consensus.Allow)
	for i := range 3 { // once a day is one fault
		w.pass(time.Duration(i) * time.Hour)
		w.report(members[0], canary)
	}
	var faults []consensus.Fault
	w.must(w.store.View(t.Context(), func(tx community.ReadTx) (err error) {
		faults, err = tx.Faults()
		return err
	}))
	if len(faults) != 3 || !faults[0].Hit {
		t.Errorf("faults: %+v; want one of each member", faults)
	}
}

// Anybody can make a monitoring service request any page of a member. So a report of one does not
// cost the trust that a member has earned; several set its reports aside for a day.
func TestAttacksThroughServicesCostNoTrust(t *testing.T) {
	for _, row := range []struct {
		name  string
		class community.Class
		falls bool
	}{
		{"a monitor", community.Class{Exclusion: consensus.Monitor}, false},
		{"a CDN", community.Class{Exclusion: consensus.CDN}, false},
		{"a canary", community.Class{Canary: true}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := found(t, func(c *community.Config) { c.Classes = known{"198.51.100.0/24": row.class} })
			m := w.join(community.Invitee{})
			w.pass(40 * 24 * time.Hour)
			w.must(w.RenewStandings(t.Context()))
			trust := func() consensus.Micro {
				s, err := w.StandingOf(t.Context(), m)
				w.must(err)
				return s.Trust
			}
			before := trust()
			w.report(m, unit("198.51.100.1"), unit("198.51.100.2"), unit("198.51.100.3"))
			w.must(w.RenewStandings(t.Context()))
			if s, _ := w.StandingOf(t.Context(), m); s.State != consensus.Quarantined {
				t.Errorf("it is %v", s.State)
			}
			w.pass(25 * time.Hour)
			w.must(w.RenewStandings(t.Context()))
			if got := trust(); got < before != row.falls || before == 0 {
				t.Errorf("trust %v, before %v", got, before)
			}
		})
	}
}

// Otherwise a stranger could set all members of a community aside, and so empty its list.
func TestAttacksThroughServicesDoNotSetAMemberAside(t *testing.T) {
	w := found(t, func(c *community.Config) {
		c.Classes = known{"198.51.100.0/24": {Exclusion: consensus.Monitor, Name: "Example Checks"}}
	})
	members := w.vouched(3)
	for i := range 4 {
		w.all(members, nth(256*i))
	}
	w.expect(nth(0), consensus.Ban)
	for i := range 3 {
		w.all(members, unit(fmt.Sprintf("198.51.100.%d", i)))
	}
	w.must(w.RenewStandings(t.Context()))
	w.expect(nth(0), consensus.Ban)
	s, err := w.StandingOf(t.Context(), members[0])
	w.must(err)
	if why := strings.Join(s.Why, " "); s.State != consensus.Vouched || !strings.Contains(why, "Example Checks") {
		t.Errorf("it is %v, and is told: %s", s.State, why)
	}
}

// A member that reports a unit each hour has a report of it within any 24 hours.
func TestWhoGoesOnReportingAServiceStaysSetAside(t *testing.T) {
	w := found(t, func(c *community.Config) { c.Classes = known{"198.51.100.0/24": {Exclusion: consensus.CDN}} })
	m := w.vouched(1)[0]
	for hour := range 60 {
		w.report(m, unit("198.51.100.1"), unit("198.51.100.2"), unit("198.51.100.3"))
		w.must(w.RenewStandings(t.Context()))
		if s, _ := w.StandingOf(t.Context(), m); s.State != consensus.Quarantined {
			t.Fatalf("after %d hours it is %v", hour, s.State)
		}
		w.pass(61 * time.Minute)
	}
}

// A liar with a server beside each of several members must not make one vote of them.
func TestALiarBesideMembersDoesNotJoinTheirVotes(t *testing.T) {
	for _, vouched := range []bool{false, true} {
		w := found(t, nil)
		honest := w.vouched(5)
		w.must(w.RenewStandings(t.Context()))
		for n := range 5 {
			login, _ := w.guest(community.Invitee{Operator: "liar", Vouched: vouched}, from(n+1))
			liar, err := w.Caller(t.Context(), login)
			w.must(err)
			w.report(liar, nth(1))
		}
		w.must(w.RenewStandings(t.Context()))
		w.all(honest[:3], nth(2))
		w.expect(nth(2), consensus.Ban)
	}
}

func TestWhatAFetcherSentProvesNothingFalse(t *testing.T) {
	w := found(t, func(c *community.Config) { c.Classes = known{"198.51.100.0/24": {Exclusion: consensus.Crawler}} })
	m := w.vouched(1)[0]
	_, err := w.Accept(t.Context(), m, []community.Signal{{Unit: unit("198.51.100.1"), Scenario: exploit, Last: begin, Flags: community.Reflected}})
	w.must(err)
	w.must(w.store.View(t.Context(), func(tx community.ReadTx) error {
		if faults, _ := tx.Faults(); len(faults) != 0 {
			t.Errorf("faults: %+v", faults)
		}
		return nil
	}))
}

func TestClocksThatAreHoursOff(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(3)
	u := unit("192.0.2.7")
	for i, off := range []time.Duration{-5 * time.Hour, 5 * time.Hour, 400 * 24 * time.Hour} {
		_, err := w.Accept(t.Context(), members[i], []community.Signal{{Unit: u, Scenario: exploit, First: begin.Add(off), Last: begin.Add(off)}})
		w.must(err)
	}
	l, _ := w.List().Get(u)
	if l.Action != consensus.Ban || l.Until.After(begin.Add(24*time.Hour)) {
		t.Errorf("entry: %+v; want a ban for a day at most", l)
	}
}

func TestAMemberIsToldOfItsOwnHostFirst(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(7)
	owner, others := members[0], members[1:]
	u := unit("192.0.2.7")
	w.must(w.users.Change(t.Context(), owner.Login, func(a *community.Account) error {
		a.Own = []consensus.Unit{u}
		return nil
	}))
	w.pass(8 * 24 * time.Hour)
	w.must(w.RunJobs(t.Context()))
	owner, err := w.Caller(t.Context(), owner.Login)
	w.must(err)
	w.all(others, u)
	w.expect(u, consensus.Captcha) // though all agree
	a := w.report(owner, unit("192.0.2.99"))
	if !strings.Contains(a.Notice, "192.0.2.7") {
		t.Errorf("notice: %q", a.Notice)
	}
	s, err := w.StandingOf(t.Context(), owner)
	w.must(err)
	if !slices.Equal(s.Own, []consensus.Unit{u}) {
		t.Errorf("own: %v", s.Own)
	}
	w.pass(23*time.Hour + 30*time.Minute)
	w.all(others, u)
	w.expect(u, consensus.Captcha)
	w.pass(time.Hour)
	w.all(others, u)
	w.expect(u, consensus.Ban)
}

// Otherwise a newcomer behind the same address could have the member's host banned without notice.
func TestANewcomerDoesNotTakeTheHostOfAMember(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(7)
	u := unit("192.0.2.7")
	w.must(w.users.Change(t.Context(), members[0].Login, func(a *community.Account) error {
		a.Own = []consensus.Unit{u}
		return nil
	}))
	w.pass(8 * 24 * time.Hour)
	w.must(w.RunJobs(t.Context()))
	_, key := w.guest(community.Invitee{}, u.Addr())
	newcomer, err := w.Key(t.Context(), key, u.Addr())
	w.must(err)
	if !slices.Equal(newcomer.Own, []consensus.Unit{u}) {
		t.Fatalf("own: %v", newcomer.Own)
	}
	w.all(members[1:4], u)
	w.expect(u, consensus.Captcha)
	w.must(w.RunJobs(t.Context())) // reads all accounts again
	w.must(w.Disown(t.Context(), newcomer, u))
	w.all(members[4:], u)
	w.expect(u, consensus.Captcha)
}

func TestMembersThatEchoEachOtherCountAsOne(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(60) // of a group of 50 or more, six common units are too many
	w.must(w.RenewStandings(t.Context()))
	gang := members[:3]
	for i := range 12 {
		w.all(gang, nth(i))
	}
	listed := len(w.List().Entries)
	if listed > 5 {
		t.Errorf("a gang of three listed %d units that nobody else reports", listed)
	}
	figures, err := w.Figures()
	w.must(err)
	if figures.BrakeTrips == 0 {
		t.Error("the brake never held")
	}
	// What others see, too, stays.
	w.all(members[10:15], nth(0))
	w.expect(nth(0), consensus.Ban)
}

func TestConfirmedNewsEarnTrust(t *testing.T) {
	w := found(t, func(c *community.Config) {
		c.Imported = func(ip netip.Addr) bool { return ip == nth(2).Addr() }
	})
	members := w.vouched(3)
	first := w.join(community.Invitee{})
	parrot := w.join(community.Invitee{})
	for i := range 3 { // the last is in an imported list
		w.report(first, nth(i))
		w.all(members, nth(i))
		w.report(parrot, nth(i)) // it is listed by then
	}
	credits := map[consensus.MemberID]int{}
	w.must(w.store.View(t.Context(), func(tx community.ReadTx) error {
		all, err := tx.Credits()
		for _, c := range all {
			credits[c.Member]++
		}
		return err
	}))
	if credits[first.ID] != 2 || credits[parrot.ID] != 0 {
		t.Errorf("the first has %d credits, and the parrot %d; want 2 and 0", credits[first.ID], credits[parrot.ID])
	}
}

func TestAScenarioThatRunsAtManyOperatorsIsNobodysOwn(t *testing.T) {
	w := found(t, nil)
	hash := strings.Repeat("5", 64)
	var last community.Caller
	for i := range 11 {
		last = w.join(community.Invitee{})
		_, err := w.Accept(t.Context(), last, []community.Signal{{Unit: nth(i), Scenario: "acme/portal-bf", Hash: hash, Last: begin}})
		w.must(err)
		reports, err := w.ReportsOf(t.Context(), last, 1)
		w.must(err)
		want := consensus.Custom
		if i >= 9 {
			want = consensus.Widespread
		}
		if reports[0].Provenance != want || reports[0].Behaviour != "generic:bruteforce" || reports[0].Confidence != 1 {
			t.Errorf("the report of operator %d: %+v", i+1, reports[0])
		}
	}
}

func TestAFloodOfListingsWaitsForAModerator(t *testing.T) {
	w := found(t, func(c *community.Config) { c.Rates.Additions = 20 })
	members := w.vouched(12)
	for i := range 30 {
		for k := range 3 {
			w.report(members[(i*5+k*(1+i%3))%12], nth(i))
		}
	}
	if n := len(w.List().Entries); n != 20 {
		t.Errorf("%d units are listed; want 20, and the others to wait", n)
	}
	if f := w.Frozen(); !f.On || f.By != "centre" {
		t.Errorf("frozen: %+v", f)
	}
	h := w.Health(t.Context())
	if len(h.Warnings) != 1 || !strings.Contains(h.Warnings[0], "20 new listings") {
		t.Errorf("warnings: %q", h.Warnings)
	}
	// Deletions go on.
	_, _, err := w.Appeal(t.Context(), community.AppealRequest{Unit: nth(0), Proven: true})
	w.must(err)
	if n := len(w.List().Entries); n != 19 {
		t.Errorf("%d units are listed after an appeal; want 19", n)
	}
	w.must(w.Freeze(t.Context(), "root", false, "looked at all of them"))
	if n := len(w.List().Entries); n != 29 {
		t.Errorf("%d units are listed; want those that waited, too", n)
	}
}

// An operator with several accounts has one vote, also before the next hourly renewal.
func TestNewAccountsOfOneOperatorHaveOneVoteAtOnce(t *testing.T) {
	w := found(t, nil)
	w.vouched(3)
	w.must(w.RenewStandings(t.Context()))
	var accounts []community.Caller
	for n := range 5 {
		login, _ := w.guest(community.Invitee{Operator: "shop", Vouched: true}, from(100+n))
		m, err := w.Caller(t.Context(), login)
		w.must(err)
		accounts = append(accounts, m)
	}
	w.all(accounts, nth(1))
	w.expect(nth(1), consensus.Allow)
}
