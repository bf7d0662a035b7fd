package community_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// The names of these tests begin with the requirement that they are for.

func TestL01AReportHasNothingThatNamesARequest(t *testing.T) {
	want := []string{
		"Seq", "Unit", "Member", "Scenario", "Hash", "Behaviour", "Confidence", "Spoofable", "Provenance",
		"First", "Last", "Arrived", "Bucket", "Flags", "Novel", "Void",
	}
	var got []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[community.Report]()) {
		got = append(got, f.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("a report has %q; want %q", got, want)
	}
}

func TestL03OldDataIsDeletedAndChangesNoVerdict(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(3)
	w.all(members, nth(1))
	w.pass(10 * 24 * time.Hour)
	w.all(members, nth(2))
	_, _, err := w.Appeal(t.Context(), community.AppealRequest{Unit: nth(2), Proven: true})
	w.must(err)
	w.must(w.RunJobs(t.Context()))
	w.pass(4*24*time.Hour + time.Hour)
	w.must(w.JudgeDue(t.Context()))
	verdicts := func() (all []string) {
		for _, r := range records(t, w.store) {
			all = append(all, fmt.Sprint(r.Unit, r.Verdict.Tier, r.Verdict.Score, r.Listed))
		}
		return all
	}
	before := verdicts()
	w.must(w.RunJobs(t.Context()))
	w.must(w.JudgeDue(t.Context()))
	if after := verdicts(); !slices.Equal(before, after) {
		t.Errorf("verdicts: %v; want %v", after, before)
	}
	for _, row := range []struct {
		days    int
		reports int64
		units   int64
	}{{0, 3, 2}, {11, 0, 2}, {90, 0, 0}} {
		w.pass(time.Duration(row.days) * 24 * time.Hour)
		w.must(w.JudgeDue(t.Context()))
		w.must(w.RunJobs(t.Context()))
		f, err := w.Figures()
		w.must(err)
		if f.Reports != row.reports || f.Units != row.units {
			t.Errorf("%d days later there are %d reports of %d units; want %d of %d", row.days, f.Reports, f.Units, row.reports, row.units)
		}
	}
	if _, err := community.New(func() community.Config {
		cfg := w.cfg
		cfg.Retention.Episodes = 91 * 24 * time.Hour
		return cfg
	}()); err == nil || !strings.Contains(err.Error(), "or a reason") {
		t.Errorf("a longer retention without a reason: %v", err)
	}
}

// An address that comes back every few weeks must not get a history longer than 90 days, and none
// at all once it stays away.
func TestL23NothingTellsOfAnAddressBeyond90Days(t *testing.T) {
	w := found(t, nil)
	u := nth(1)
	members := w.vouched(3)
	w.report(members[0], nth(2))
	const step = 5 * 24 * time.Hour
	for day := 0; day < 365; day += 5 {
		if day%40 == 0 && day < 200 {
			w.all(members, u)
		}
		if day == 80 {
			_, _, err := w.Appeal(t.Context(), community.AppealRequest{Unit: u, Proven: true})
			w.must(err)
		}
		w.pass(step)
		w.must(w.JudgeDue(t.Context()))
		w.must(w.RunJobs(t.Context()))
		facts, err := w.LookUp(t.Context(), "root", u)
		w.must(err)
		oldest := w.clock.now()
		for _, e := range facts.Episodes {
			oldest = earliest(oldest, e.To)
		}
		for _, r := range facts.Reports {
			oldest = earliest(oldest, r.Last)
		}
		if age := w.clock.now().Sub(oldest); age > 90*24*time.Hour {
			t.Errorf("day %d: something is %s old: %s", day, age, text(t, facts))
		}
	}
	facts, err := w.Facts(t.Context(), u)
	w.must(err)
	if len(facts.Episodes) > 0 || len(facts.Reports) > 0 || facts.Since != nil || facts.Appealed != nil {
		t.Errorf("at the end: %s", text(t, facts))
	}
	if all := records(t, w.store); len(all) > 0 {
		t.Errorf("records at the end: %+v", all)
	}
	if changes, err := w.Changes(t.Context(), 0, 1000); !errors.Is(err, community.ErrNotFound) {
		t.Errorf("changes at the end: %+v, %v", changes, err)
	}
	var exported strings.Builder
	w.must(w.Export(t.Context(), "root", &exported))
	if strings.Contains(exported.String(), "93.0.0.1") {
		t.Errorf("the export names the address: %s", exported.String())
	}
}

// The second in which a report arrived could show which member sent it.
func TestL01FactsHaveTimesToTheMinute(t *testing.T) {
	w := found(t, nil)
	w.pass(17*time.Second + 123)
	members := w.vouched(4)
	for _, m := range members {
		w.report(m, nth(1))
		w.pass(61*time.Second + 7)
	}
	w.expect(nth(1), consensus.Ban)
	_, _, err := w.Appeal(t.Context(), community.AppealRequest{Unit: nth(1), Proven: true})
	w.must(err)
	facts, err := w.Facts(t.Context(), nth(1))
	w.must(err)
	times := regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:([^"]*)"`).FindAllStringSubmatch(text(t, facts), -1)
	if len(times) < 15 {
		t.Errorf("only %d times: %s", len(times), text(t, facts))
	}
	for _, m := range times {
		if m[1] != "00Z" {
			t.Errorf("a time: %s", m[0])
		}
	}
}

func TestL03AShorterRetentionShortensWhatIsRemembered(t *testing.T) {
	w := found(t, func(cfg *community.Config) { cfg.Retention.Episodes = 30 * 24 * time.Hour })
	members := w.vouched(3)
	w.all(members, nth(1))
	w.pass(20 * 24 * time.Hour)
	w.all(members, nth(1))
	for _, row := range []struct{ days, episodes int }{{2, 2}, {14, 1}, {30, 0}} {
		w.pass(time.Duration(row.days) * 24 * time.Hour)
		w.must(w.JudgeDue(t.Context()))
		facts, err := w.Facts(t.Context(), nth(1))
		w.must(err)
		if len(facts.Episodes) != row.episodes {
			t.Errorf("%d days later: %d episodes; want %d", row.days, len(facts.Episodes), row.episodes)
		}
	}
	rules, err := consensus.New(consensus.Defaults())
	w.must(err)
	w.cfg.Rules = rules
	if _, err := community.New(w.cfg); err == nil || !strings.Contains(err.Error(), "memory of the consensus, 2160h0m0s") {
		t.Errorf("rules that remember longer: %v", err)
	}
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func TestL04HealthFailsIfOldDataStays(t *testing.T) {
	w := found(t, nil)
	w.must(w.RunJobs(t.Context()))
	w.pass(26 * time.Hour)
	if h := w.Health(t.Context()); !h.OK || !h.Retention.Equal(begin) {
		t.Errorf("after 26 hours: %+v", h)
	}
	w.pass(time.Second)
	if h := w.Health(t.Context()); h.OK || !strings.Contains(strings.Join(h.Problems, ""), "last deleted 26h") {
		t.Errorf("a second later: %+v", h)
	}
	w.must(w.RunJobs(t.Context()))
	if h := w.Health(t.Context()); !h.OK {
		t.Errorf("after the job: %+v", h)
	}
	w.store.Break(errors.New("disk full"))
	if h := w.Health(t.Context()); h.OK || h.Store == nil {
		t.Errorf("a broken store: %+v", h)
	}
}

func TestL04HealthFailsIfTheJobNeverRan(t *testing.T) {
	w := found(t, nil)
	w.report(w.vouched(1)[0], nth(1))
	w.pass(27 * time.Hour)
	if h := w.Health(t.Context()); h.OK {
		t.Errorf("%+v", h)
	}
}

// ids are all ways to write the ids of members.
func (w *town) ids() (all []string) {
	for _, m := range w.crowd {
		all = append(all, m.Login, fmt.Sprint(uint64(m.ID)), fmt.Sprintf("%016x", uint64(m.ID)))
	}
	return all
}

func TestL05NothingPublicNamesAMember(t *testing.T) {
	w := found(t, nil)
	u := unit("192.0.2.7")
	w.all(w.members(4), u)
	x, err := w.Explain(t.Context(), u, true)
	w.must(err)
	facts, err := w.Facts(t.Context(), u)
	w.must(err)
	_, receipt, err := w.Appeal(t.Context(), community.AppealRequest{Unit: u, Proven: true, Text: "It is not me."})
	w.must(err)
	var export bytes.Buffer
	w.must(w.Export(t.Context(), "root", &export))
	all := text(t, x) + text(t, facts) + receipt + export.String() + text(t, w.List()) + text(t, w.changes())
	if !strings.Contains(all, exploit) || !strings.Contains(all, "kinds_of_data") {
		t.Fatalf("the outputs lack what they are for: %s", all)
	}
	for _, id := range w.ids() {
		if strings.Contains(all, id) {
			t.Errorf("an output contains the member %s", id)
		}
	}
}

func TestL05TheStoreDoesNotKnowLogins(t *testing.T) {
	w := found(t, nil)
	w.all(w.members(3), nth(1))
	w.must(w.RunJobs(t.Context()))
	w.must(w.Read(t.Context(), w.crowd[0].Login, 1))
	var all strings.Builder
	w.must(w.store.View(t.Context(), func(tx community.ReadTx) error {
		members, err := tx.Members()
		all.WriteString(text(t, members))
		return err
	}))
	all.WriteString(text(t, w.log()) + text(t, records(t, w.store)))
	for _, m := range w.crowd {
		if strings.Contains(all.String(), `"`+m.Login+`"`) {
			t.Errorf("the store knows %s", m.Login)
		}
	}
	if strings.Contains(all.String(), "operator 1") || strings.Contains(all.String(), "20.1.0.") {
		t.Error("the store knows operators or their networks")
	}
}

func TestL06TextsDoNotDependOnWhichMembersReported(t *testing.T) {
	var want string
	for _, who := range [][]int{{0, 1, 2}, {3, 4, 5}, {5, 1, 3}} {
		w := found(t, nil)
		members := w.members(6)
		w.must(w.RenewStandings(t.Context()))
		u := unit("192.0.2.7")
		for _, i := range who {
			w.report(members[i], u)
			w.pass(7 * time.Minute)
		}
		x, err := w.Explain(t.Context(), u, true)
		w.must(err)
		facts, err := w.Facts(t.Context(), u)
		w.must(err)
		got := text(t, x) + text(t, facts) + text(t, w.List())
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("%v reported: %s; want %s", who, got, want)
		}
	}
	if !strings.Contains(want, "2–3 independent members in 2–3 networks") {
		t.Errorf("no bands in %s", want)
	}
}

func TestL06ExplanationsTellHoursAndBands(t *testing.T) {
	w := found(t, nil)
	w.pass(17 * time.Minute)
	u := unit("192.0.2.7")
	w.all(w.vouched(5), u)
	x, err := w.Explain(t.Context(), u, true)
	w.must(err)
	if x.Members != "4–7" || x.Networks != "4–7" || x.Ordinary != "" || x.Behaviour != "http:exploit" ||
		!x.From.Equal(begin) || !x.To.Equal(begin.Add(time.Hour)) || !x.Since.Equal(begin) || x.Confidence != 3 {
		t.Errorf("%+v", x)
	}
	if strings.Contains(x.Text, ":17") || !strings.Contains(x.Text, "between Mon 1 Jun 12 h and Mon 1 Jun 13 h") {
		t.Errorf("text: %s", x.Text)
	}
}

func TestL07FactsAreAllThatIsStored(t *testing.T) {
	w := found(t, nil)
	u := unit("192.0.2.7")
	members := w.vouched(3)
	w.all(members, u)
	_, _, err := w.Appeal(t.Context(), community.AppealRequest{Unit: u, Text: "Why?"})
	w.must(err)
	_, err = w.Void(t.Context(), "root", members[0].Login, "", "false")
	w.must(err)
	facts, err := w.Facts(t.Context(), u)
	w.must(err)
	if len(facts.Reports) != 3 || !facts.Reports[0].Weightless || facts.Reports[1].Weightless || facts.Reports[1].Events != "8–15" ||
		len(facts.Cases) != 1 || facts.Cases[0].Text != "Why?" || len(facts.Episodes) != 1 || facts.Tier != "listed" {
		t.Errorf("%s", text(t, facts))
	}
}

func TestL08WithoutProofOneLearnsOnlyWhetherAndUntilWhen(t *testing.T) {
	w := found(t, nil)
	u := unit("192.0.2.7")
	w.all(w.vouched(4), u)
	x, err := w.Explain(t.Context(), u, false)
	w.must(err)
	l, _ := w.List().Get(u)
	want := community.Explanation{Unit: u, Listed: true, Action: consensus.Ban, Until: l.Until}
	if x != want {
		t.Errorf("%+v; want %+v", x, want)
	}
	if x, err = w.Explain(t.Context(), unit("10.0.0.1"), false); err != nil || !x.Exempt {
		t.Errorf("a private address: %+v, %v", x, err)
	}
	if _, err = w.Explain(t.Context(), netip.MustParsePrefix("192.0.2.0/24"), true); !errors.Is(err, community.ErrInvalid) {
		t.Errorf("a range: %v", err)
	}
	if x, err = w.Explain(t.Context(), unit("192.0.2.8"), false); err != nil || x.Listed || x.Text != "" {
		t.Errorf("another address: %+v, %v", x, err)
	}
}

func TestL09AProvenAppealEndsTheListingAtOnce(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(4)
	u := unit("192.0.2.7")
	w.all(members, u)
	k, receipt, err := w.Appeal(t.Context(), community.AppealRequest{Unit: u, Proven: true, Text: "My printer was infected."})
	w.must(err)
	w.expect(u, consensus.Allow)
	if k.State != community.Open || k.ID == 0 || len(k.Ticket) != 26 || !strings.Contains(receipt, k.Ticket) || !strings.Contains(receipt, "has ended") {
		t.Errorf("case %+v, receipt %s", k, receipt)
	}
	if found, err := w.CaseByTicket(t.Context(), " "+strings.ToLower(k.Ticket)); err != nil || found.ID != k.ID {
		t.Errorf("by its ticket: %+v, %v", found, err)
	}
	if !w.Genuine(receipt) || !w.Genuine(strings.ReplaceAll(receipt, "\n", "\r\n")+"\r\n") {
		t.Error("the receipt is not recognized")
	}
	for _, forged := range []string{"", "Code: ", strings.Replace(receipt, "192.0.2.7", "192.0.2.8", 1), receipt[:len(receipt)-1] + "g"} {
		if w.Genuine(forged) {
			t.Errorf("a forged receipt is recognized: %q", forged)
		}
	}
	// What was seen before does not count again, and the next listing is a challenge.
	w.pass(25 * time.Hour)
	w.report(members[0], u)
	w.expect(u, consensus.Allow)
	w.all(members[1:], u)
	w.expect(u, consensus.Captcha)
}

func TestL09TheThirdAppealInAMonthIsForAModerator(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(6)
	u := unit("192.0.2.7")
	for i, want := range []consensus.Remediation{consensus.Allow, consensus.Allow, consensus.Captcha} {
		w.all(members, u)
		_, receipt, err := w.Appeal(t.Context(), community.AppealRequest{Unit: u, Proven: true})
		w.must(err)
		w.expect(u, want)
		if moderated := strings.Contains(receipt, "A moderator decides"); moderated != (i == 2) {
			t.Errorf("receipt %d: %s", i+1, receipt)
		}
		w.pass(25 * time.Hour)
	}
}

func TestL09WithoutProofAModeratorDecides(t *testing.T) {
	w := found(t, nil)
	u := unit("192.0.2.7")
	w.all(w.vouched(4), u)
	for i := range 4 {
		_, _, err := w.Appeal(t.Context(), community.AppealRequest{Unit: u, Text: "It is not me."})
		if many := (community.TooManyError{}); errors.As(err, &many) != (i == 3) {
			t.Errorf("appeal %d: %v", i+1, err)
		}
	}
	w.expect(u, consensus.Ban)
	cases, err := w.Cases(t.Context(), "root", false, 10)
	w.must(err)
	if len(cases) != 3 || !cases[0].Due.Equal(cases[0].Opened.Add(72*time.Hour)) {
		t.Errorf("%+v", cases)
	}
	if _, _, err := w.Appeal(t.Context(), community.AppealRequest{Unit: u, Text: strings.Repeat("ä", 2001)}); !errors.Is(err, community.ErrInvalid) {
		t.Errorf("a long text: %v", err)
	}
	// Browsers count a line end as one character, and send two.
	if _, _, err := w.Appeal(t.Context(), community.AppealRequest{Unit: nth(1), Text: strings.Repeat("a\r\n", 999) + "ab"}); err != nil {
		t.Errorf("a text of 2000 characters: %v", err)
	}
}

func TestL10CasesHaveDeadlines(t *testing.T) {
	w := found(t, nil)
	k, _, err := w.Appeal(t.Context(), community.AppealRequest{Unit: nth(1)})
	w.must(err)
	late := func() int {
		w.must(w.Deadlines(t.Context()))
		return w.Health(t.Context()).Late
	}
	w.pass(72*time.Hour - time.Second)
	w.must(w.RunJobs(t.Context())) // the retention
	if n := late(); n != 0 {
		t.Errorf("before its time %d are late", n)
	}
	w.pass(time.Second)
	if n := late(); n != 1 {
		t.Errorf("after its time %d are late", n)
	}
	if _, err := w.Extend(t.Context(), "root", k.ID, begin.Add(10*24*time.Hour), " "); !errors.Is(err, community.ErrInvalid) {
		t.Errorf("more time without a reason: %v", err)
	}
	if _, err := w.Extend(t.Context(), "root", k.ID, begin.Add(31*24*time.Hour), "waiting"); !errors.Is(err, community.ErrInvalid) {
		t.Errorf("more time than the law allows: %v", err)
	}
	_, err = w.Extend(t.Context(), "root", k.ID, begin.Add(10*24*time.Hour), "the provider has not answered")
	w.must(err)
	if n := late(); n != 0 {
		t.Errorf("with more time %d are late", n)
	}
	w.pass(28 * 24 * time.Hour)
	w.must(w.RunJobs(t.Context()))
	if h := w.Health(t.Context()); h.OK || !strings.Contains(strings.Join(h.Problems, ""), "the law") {
		t.Errorf("after a month: %+v", h)
	}
}

func TestL11WhoReportedDoesNotDecide(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(4)
	u := unit("192.0.2.7")
	w.all(members[:3], u)
	k, _, err := w.Appeal(t.Context(), community.AppealRequest{Unit: u})
	w.must(err)
	for _, actor := range []string{"operator 1", "OPERATOR 2"} {
		if _, err := w.Decide(t.Context(), actor, k.ID, community.Rejected, "no"); !errors.Is(err, community.ErrConflict) {
			t.Errorf("%s: %v", actor, err)
		}
	}
	if _, err := w.Decide(t.Context(), "operator 4", k.ID, community.Rejected, "It still attacks."); err != nil {
		t.Error(err)
	}
	if _, err := w.Decide(t.Context(), "operator 4", k.ID, community.Goodwill, ""); !errors.Is(err, community.ErrInvalid) {
		t.Errorf("a second decision: %v", err)
	}
}

// A member that calls itself like a moderator could otherwise prevent each decision about what it
// reports.
func TestL11AMemberCannotPreventDecisionsByItsName(t *testing.T) {
	w := found(t, nil)
	code, err := w.Invite(t.Context(), "root", community.Invitee{Name: "Shop", Operator: "shop"})
	w.must(err)
	login, _, err := w.Join(t.Context(), code, "anna", "1", from(9))
	w.must(err)
	liar, err := w.Caller(t.Context(), login)
	w.must(err)
	w.must(w.SetContact(t.Context(), liar, "anna"))
	w.report(liar, unit("192.0.2.7"))
	w.all(w.vouched(3), unit("192.0.2.7"))
	k, _, err := w.Appeal(t.Context(), community.AppealRequest{Unit: unit("192.0.2.7")})
	w.must(err)
	if _, err := w.Decide(t.Context(), "anna", k.ID, community.Goodwill, ""); err != nil {
		t.Error(err)
	}
}

func TestL12WhatWasErasedDoesNotComeBack(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(4)
	u := unit("192.0.2.7")
	w.all(members, u)
	old := []community.Signal{{Unit: u, Scenario: exploit, Last: w.clock.now().Add(-time.Minute), Count: 3}}
	w.pass(time.Minute)
	k, err := w.Erase(t.Context(), u, true, "")
	w.must(err)
	w.expect(u, consensus.Allow)
	if k.State != community.Upheld {
		t.Errorf("case: %+v", k)
	}
	changes := w.changes()
	if last := changes[len(changes)-1]; last.Unit != u || last.Action != consensus.Allow || last.Was != consensus.Ban {
		t.Errorf("last change: %+v", last)
	}
	if strings.Contains(text(t, w.log()), "192.0.2.7") {
		t.Error("the audit log names the address")
	}
	for _, later := range []time.Duration{time.Minute, 20 * time.Hour} {
		w.pass(later)
		for _, m := range members { // the same, and other old reports
			_, err := w.Accept(t.Context(), m, old)
			w.must(err)
		}
		facts, err := w.Facts(t.Context(), u)
		w.must(err)
		if len(facts.Reports) > 0 || len(facts.Episodes) > 0 || facts.Suppressed == nil {
			t.Errorf("facts: %s", text(t, facts))
		}
	}
	w.pass(5 * time.Hour)
	w.all(members, u)
	w.expect(u, consensus.Captcha)
}

// An erasure ends a listing and deletes the evidence. An attacker must not do that each day.
func TestL12WhatTakesEffectAtOnceInAMonth(t *testing.T) {
	u := unit("192.0.2.7")
	appeal := func(w *town) bool {
		_, _, err := w.Appeal(t.Context(), community.AppealRequest{Unit: u, Proven: true})
		w.must(err)
		return w.action(u) == consensus.Allow
	}
	erase := func(w *town) bool {
		k, err := w.Erase(t.Context(), u, true, "")
		w.must(err)
		if ended := w.action(u) == consensus.Allow; ended != (k.State == community.Upheld) {
			t.Errorf("%v, and ended: %v", k.State, ended)
		}
		return w.action(u) == consensus.Allow
	}
	type act struct {
		name string
		do   func(*town) bool
		want bool
	}
	for name, acts := range map[string][]act{
		"two erasures":             {{"first", erase, true}, {"second", erase, false}},
		"appeals and an erasure":   {{"first", appeal, true}, {"second", appeal, true}, {"erasure", erase, false}},
		"an erasure, then appeals": {{"erasure", erase, true}, {"first", appeal, true}, {"second", appeal, false}},
		"one between two appeals":  {{"first", appeal, true}, {"erasure", erase, true}, {"second", appeal, true}, {"third", appeal, false}},
	} {
		t.Run(name, func(t *testing.T) {
			w := found(t, nil)
			members := w.vouched(4)
			for _, a := range acts {
				w.all(members, u)
				if w.action(u) == consensus.Allow {
					t.Fatal("not listed before ", a.name)
				}
				if got := a.do(w); got != a.want {
					t.Errorf("%s ended the listing: %v, want %v", a.name, got, a.want)
				}
				w.pass(25 * time.Hour)
			}
			w.pass(31 * 24 * time.Hour)
			w.all(members, u)
			if !erase(w) {
				t.Error("an erasure a month later did not end the listing")
			}
		})
	}
}

// Whoever has very many addresses could otherwise fill the store.
func TestL12TheErasureOfNothingWritesNothing(t *testing.T) {
	w := found(t, nil)
	w.report(w.vouched(1)[0], unit("192.0.2.7")) // the community exists
	for i := range 50 {
		k, err := w.Erase(t.Context(), nth(i), true, "")
		w.must(err)
		if facts, _ := w.Facts(t.Context(), nth(i)); k.State != community.Upheld || facts.Suppressed != nil {
			t.Errorf("%+v, %s", k, text(t, facts))
		}
	}
	for _, e := range w.log() {
		if e.Action == "erasure.done" {
			t.Errorf("in the audit log: %+v", e)
		}
	}
}

func TestL12WithoutProofAModeratorErases(t *testing.T) {
	w := found(t, nil)
	u := unit("192.0.2.7")
	w.all(w.vouched(4), u)
	k, err := w.Erase(t.Context(), u, false, "")
	w.must(err)
	w.expect(u, consensus.Ban)
	_, err = w.Decide(t.Context(), "root", k.ID, community.Goodwill, "he is right")
	w.must(err)
	w.expect(u, consensus.Allow)
	if facts, _ := w.Facts(t.Context(), u); len(facts.Reports) > 0 || len(facts.Cases) > 0 {
		t.Errorf("facts: %s", text(t, facts))
	}
}

func TestL13EachDelistingIsAChange(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(4)
	w.all(members, nth(1))
	w.all(members, nth(2))
	w.must(w.Delist(t.Context(), "root", nth(1), "a mistake"))
	w.pass(25 * time.Hour)
	w.must(w.JudgeDue(t.Context()))
	changes := w.changes()
	gone := map[consensus.Unit]bool{}
	for i, c := range changes {
		if c.Seq != uint64(i+1) {
			t.Errorf("change %d has the number %d", i+1, c.Seq)
		}
		gone[c.Unit] = c.Action == consensus.Allow
	}
	if !gone[nth(1)] || !gone[nth(2)] || len(w.List().Entries) != 0 {
		t.Errorf("changes: %+v", changes)
	}
	w.must(w.Read(t.Context(), "bouncer", 2))
	if seq, found, err := w.CursorOf(t.Context(), "bouncer"); seq != 2 || !found || err != nil {
		t.Errorf("cursor: %d, %v, %v", seq, found, err)
	}
}

func TestL14EntriesEndWithinAWeek(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(5)
	u := unit("192.0.2.7")
	var longest time.Duration
	for range 12 {
		w.all(members, u)
		for _, e := range w.List().Entries {
			left := e.Until.Sub(w.clock.now())
			longest = max(longest, left)
			if left > 168*time.Hour || left <= 0 {
				t.Fatalf("%v is left", left)
			}
		}
		w.pass(9 * 24 * time.Hour)
		w.must(w.JudgeDue(t.Context()))
	}
	if longest < 100*time.Hour {
		t.Errorf("the longest listing lasts %v", longest)
	}
}

func TestL15TheAuditLogTellsIfItWasChanged(t *testing.T) {
	w := found(t, nil)
	u := unit("192.0.2.7")
	w.all(w.vouched(3), u)
	_, err := w.LookUp(t.Context(), "eve", u)
	w.must(err)
	w.must(w.SignHead(t.Context()))
	w.must(w.Delist(t.Context(), "eve", u, "a mistake"))
	log := w.log()
	if !slices.ContainsFunc(log, func(e community.Entry) bool {
		return e.Actor == "eve" && e.Action == "unit.read" && e.Target == "192.0.2.7"
	}) {
		t.Errorf("the look-up is not in the log: %+v", log)
	}
	if n, err := w.VerifyAudit(t.Context()); err != nil || n < len(log) {
		t.Fatalf("verified %d of %d: %v", n, len(log), err)
	}
	for _, tc := range []struct {
		name   string
		change func([]community.Entry) []community.Entry
	}{
		{"another actor", func(all []community.Entry) []community.Entry { all[1].Actor = "bob"; return all }},
		{"one left out", func(all []community.Entry) []community.Entry { return slices.Delete(all, 1, 2) }},
		{"the end cut off", func(all []community.Entry) []community.Entry { return all[:1] }},
		{"a chain made anew", func(all []community.Entry) []community.Entry {
			all[1].Actor = "bob"
			for i := range all {
				var prev []byte
				if i > 0 {
					prev = all[i-1].Hash
				}
				all[i] = community.SealEntry(prev, all[i])
			}
			return all
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			other := w.cfg
			other.Store = forged{w.store, tc.change}
			c, err := community.New(other)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.VerifyAudit(t.Context()); !errors.Is(err, community.ErrTampered) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestL16APublicCommunityNamesItsOperator(t *testing.T) {
	w := found(t, nil)
	cfg := w.cfg
	cfg.Public, cfg.Operator = true, community.Operator{Name: "Example e.V."}
	if _, err := community.New(cfg); err == nil || !strings.Contains(err.Error(), "contact") {
		t.Errorf("got %v", err)
	}
}

func TestL20AnswersAreOnlyForWhatWasAsked(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(6)
	w.must(w.RenewStandings(t.Context()))
	u := unit("192.0.2.7")
	w.report(members[0], u)
	w.pass(2 * time.Minute)
	if q, err := w.Questions(t.Context(), w.join(community.Invitee{})); err != nil || q.ID != "" || len(q.Units) > 0 {
		t.Errorf("a newcomer is asked: %+v, %v", q, err)
	}
	q, err := w.Questions(t.Context(), members[5])
	w.must(err)
	if !slices.Equal(q.Units, []consensus.Unit{u}) {
		t.Fatalf("questions: %+v", q)
	}
	if err := w.Answer(t.Context(), members[4], q.ID, []community.Answer{{Unit: u}}); !errors.Is(err, community.ErrInvalid) {
		t.Errorf("with another member's id: %v", err)
	}
	w.must(w.Answer(t.Context(), members[5], q.ID, []community.Answer{{Unit: u, Last: w.clock.now(), Count: 100}, {Unit: nth(9), Last: w.clock.now()}}))
	for _, row := range []struct {
		unit consensus.Unit
		n    int
	}{{u, 1}, {nth(9), 0}} {
		facts, err := w.Facts(t.Context(), row.unit)
		w.must(err)
		if len(facts.Ordinary) != row.n {
			t.Errorf("%v: %d members see ordinary use; want %d", row.unit, len(facts.Ordinary), row.n)
		}
	}
	w.pass(2 * time.Hour)
	if err := w.Answer(t.Context(), members[5], q.ID, nil); !errors.Is(err, community.ErrInvalid) {
		t.Errorf("two hours later: %v", err)
	}
}

func TestL22TheExportCountsKindsOfData(t *testing.T) {
	w := found(t, nil)
	w.all(w.vouched(3), nth(1))
	var b bytes.Buffer
	w.must(w.Export(t.Context(), "root", &b))
	var x struct {
		Kinds []struct {
			Number int64
			Kept   string
		} `json:"kinds_of_data"`
		Tiers map[string]int64 `json:"units_by_tier"`
	}
	w.must(json.Unmarshal(b.Bytes(), &x))
	if len(x.Kinds) != 5 || x.Kinds[0].Number != 3 || x.Kinds[0].Kept != "336h0m0s" || x.Kinds[3].Number != 3 || x.Tiers["listed"] != 1 {
		t.Errorf("%s", b.String())
	}
	if strings.Contains(b.String(), nth(1).Addr().String()) {
		t.Error("the export names an address")
	}
}
