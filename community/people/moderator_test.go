package people_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/people"
)

// appealed is a community with an appeal without proof.
func appealed(t testing.TB) *town {
	t.Helper()
	w := listed(t, mine)
	c := w.client(other)
	c.post("/appeal", with(c.get("/?address="+mine).form(t, "/appeal"), "text", "Please look.")).want(t, 200)
	return w
}

func TestL11AModeratorDecides(t *testing.T) {
	for _, row := range []struct {
		outcome, reason string
		want            string
		listed          bool
		state           community.CaseState
	}{
		{"upheld", "", "Case 1 is decided: upheld.", false, community.Upheld},
		{"goodwill", "a shared address", "Case 1 is decided: goodwill.", false, community.Goodwill},
		{"rejected", "It still attacks.", "Case 1 is decided: rejected.", true, community.Rejected},
		{"rejected", " ", "a rejection without a reason: say why", true, community.Open},
		{"withdrawn", "", "want upheld, goodwill or rejected", true, community.Open},
		{"", "", "want upheld, goodwill or rejected", true, community.Open},
	} {
		t.Run(row.outcome+row.reason, func(t *testing.T) {
			w := appealed(t)
			anna := w.moderator("anna")
			page := anna.get("/moderator/case?id=1").want(t, 200, "Please look.", "2–3 independent members", "3, of 2", "Reporters", "http:exploit")
			anna.post("/moderator/decide", with(page.form(t, "/moderator/decide"), "outcome", row.outcome, "reason", row.reason)).want(t, 200, row.want)
			if w.lists(mine) != row.listed {
				t.Errorf("listed: %v", w.lists(mine))
			}
			f, err := w.File(t.Context(), "test", 1)
			if w.must(err); f.Case.State != row.state {
				t.Errorf("the case is %v", f.Case.State)
			}
			if row.state == community.Open {
				return
			}
			anna.get("/moderator").want(t, 200, "No case waits.")
			anna.get("/moderator?all=1").want(t, 200, "Case 1", row.state.String())
			anna.get("/moderator/case?id=1").want(t, 200, row.state.String()+", by anna").without(t, "/moderator/decide")
			anna.post("/moderator/decide", with(page.form(t, "/moderator/decide"), "outcome", "upheld")).want(t, 200, "case 1 is "+row.state.String()+" already")
		})
	}
}

// An appeal with proof ends the listing before a moderator sees the case. He must see what it was for.
func TestAModeratorSeesTheReportsAfterTheListingEnded(t *testing.T) {
	w := listed(t, mine)
	c := w.client(mine)
	c.post("/appeal", c.get("/").form(t, "/appeal")).want(t, 200, "The listing has ended.")
	page := w.moderator("anna").get("/moderator/case?id=1").
		want(t, 200, "An appeal ended the listing.", "no longer count, so they are not in these numbers")
	if n := strings.Count(page.plain(), exploit); n != 3 {
		t.Errorf("%d reports are shown, want 3: %s", n, page.plain())
	}
}

func TestL11WhoReportedDoesNotDecide(t *testing.T) {
	w := appealed(t)
	for _, actor := range []string{"operator 2", "OPERATOR 1"} {
		bert := w.moderator(actor)
		page := bert.get("/moderator/case?id=1").want(t, 200)
		bert.post("/moderator/decide", with(page.form(t, "/moderator/decide"), "outcome", "rejected", "reason", "no")).
			want(t, 200, "has a member that reported this address. Another moderator has to decide this case.")
	}
	anna := w.moderator("anna")
	anna.post("/moderator/decide", with(anna.get("/moderator/case?id=1").form(t, "/moderator/decide"), "outcome", "rejected", "reason", "no")).want(t, 200, "is decided")
}

func TestL10MoreTimeNeedsAReason(t *testing.T) {
	w := appealed(t)
	anna := w.moderator("anna")
	anna.get("/moderator").want(t, 200, "72 hours")
	form := anna.get("/moderator/case?id=1").want(t, 200, "by law 2026-07-01").form(t, "/moderator/extend")
	for _, row := range []struct{ due, reason, want string }{
		{"2026-06-20T10:00", "", "more time without a reason"},
		{"2026-07-20T10:00", "x", "want one up to 2026-07-01"},
		{"2026-05-20T10:00", "x", "want one up to"},
		{"soon", "x", "want one such as 2026-11-30 14:00, in UTC"},
		{"2026-06-20T10:00", "waiting for their provider", "The case has more time."},
	} {
		anna.post("/moderator/extend", with(form, "due", row.due, "reason", row.reason)).want(t, 200, row.want)
	}
	anna.get("/moderator").want(t, 200, "2026-06-20 10:00 UTC")
	w.clock.pass(20 * 24 * time.Hour)
	anna.get("/moderator").want(t, 200, "late by")
}

// A page of another site must not write into the audit log that a moderator looked at something.
func TestAPageThatNoModeratorAskedFor(t *testing.T) {
	w := appealed(t)
	anna := w.moderator("anna")
	entries := func() int {
		var all []community.Entry
		w.must(w.store.View(t.Context(), func(tx community.ReadTx) (err error) {
			all, err = tx.Audit(0, 1000)
			return err
		}))
		return len(all)
	}
	for _, row := range []struct {
		name   string
		header [2]string
		opens  bool
	}{
		{"typed", [2]string{"Sec-Fetch-Site", "none"}, true},
		{"a link of this site", [2]string{"Sec-Fetch-Site", "same-origin"}, true},
		{"a page of another site", [2]string{"Sec-Fetch-Site", "cross-site"}, false},
		{"a page of a neighbour", [2]string{"Sec-Fetch-Site", "same-site"}, false},
		{"an old browser, typed", [2]string{}, true},
		{"an old browser, this site", [2]string{"Referer", "https://" + site + "/moderator"}, true},
		{"an old browser, another site", [2]string{"Referer", "https://evil.example/moderator"}, false},
		{"an old browser, a Referer that is none", [2]string{"Referer", "https://%zz"}, false},
		{"a browser that guesses what comes next", [2]string{"Sec-Purpose", "prefetch;prerender"}, false},
	} {
		for _, path := range []string{"/moderator", "/moderator/case?id=1", "/moderator/exclusive", "/moderator/members", "/moderator/invitations", "/moderator/audit"} {
			before := entries()
			r := anna.request("GET", path, nil)
			r.Header.Del("Sec-Fetch-Site")
			if row.header[0] != "" {
				r.Header.Set(row.header[0], row.header[1])
			}
			a := anna.send(r)
			switch {
			case row.opens:
				if a.want(t, 200); entries() == before {
					t.Errorf("%s: %s is not in the log", row.name, path)
				}
			default:
				a.want(t, 403, "Open this page")
				if n := entries() - before; n != 0 || !strings.Contains(a.body, `href="`+path+`"`) {
					t.Errorf("%s: %s wrote %d entries, and is %s", row.name, path, n, a.body)
				}
			}
		}
	}
}

func TestACaseThatIsNone(t *testing.T) {
	w := appealed(t)
	anna := w.moderator("anna")
	for _, id := range []string{"2", "0", "-1", "x", "", "99999999999999999999"} {
		anna.get("/moderator/case?id="+id).want(t, 404)
	}
	form := anna.get("/moderator/case?id=1").form(t, "/moderator/decide")
	anna.post("/moderator/decide", with(form, "id", "x", "outcome", "upheld")).want(t, 400)
	anna.post("/moderator/decide", with(form, "id", "7", "outcome", "upheld")).want(t, 404)
}

// act sends a form of a page, and returns the answer.
func (c *client) act(t *testing.T, page, path string, pairs ...string) answer {
	t.Helper()
	return c.post(path, with(c.get(page).want(t, 200).form(t, path), pairs...))
}

func TestAModeratorSeesToMembers(t *testing.T) {
	w := appealed(t)
	by, _ := w.join(community.Reporter, false)
	anna := w.moderator("anna")
	const page = "/moderator/members"
	account := func() community.Account {
		a, err := w.users.ByLogin(t.Context(), by.Login)
		w.must(err)
		return a
	}
	do := func(path, want string, pairs ...string) {
		t.Helper()
		form := with(anna.get(page).form(t, "/moderator/suspend"), append([]string{"login", by.Login, "reason", "because"}, pairs...)...)
		anna.post(path, form).want(t, 200, want)
	}
	do("/moderator/suspend", "Nothing has changed: write a reason, too.", "on", "yes", "reason", " ")
	if account().Suspended {
		t.Error("suspended without a reason")
	}
	do("/moderator/suspend", by.Login+" is suspended.", "on", "yes")
	if !account().Suspended {
		t.Error("not suspended")
	}
	anna.get(page).want(t, 200, "suspended")
	do("/moderator/suspend", by.Login+" is a member again.", "on", "no")
	do("/moderator/vouch", "vouches for "+by.Login, "on", "yes")
	if a := account(); a.Suspended || !a.Vouched {
		t.Errorf("%+v", a)
	}
	do("/moderator/vouch", "no longer vouches", "on", "no")
	do("/moderator/suspend", "There is nothing here", "on", "yes", "login", "nobody")
	anna.get(page+"?search="+by.Login).want(t, 200, by.Login, "operator 4").without(t, "operator 2")
	anna.get(page+"?search=OPERATOR+2").want(t, 200, "operator 2").without(t, "operator 4")
	anna.get(page+"?aside=1").want(t, 200, "None.")
}

func TestAModeratorTakesReportsBack(t *testing.T) {
	w := listed(t, mine)
	all, err := w.Members(t.Context(), "test")
	w.must(err)
	anna := w.moderator("anna")
	for i, path := range []string{"/moderator/void", "/moderator/void", "/moderator/delistof"} {
		form := with(anna.get("/moderator/members").form(t, "/moderator/suspend"), "login", all[i].Account.Login, "reason", "wrong rule")
		want := map[string]string{"/moderator/void": "Reports about 1 addresses are taken back.", "/moderator/delistof": "0 listings"}[path]
		anna.post(path, form).want(t, 200, want)
	}
	if w.lists(mine) {
		t.Error("it is still listed")
	}
	anna.act(t, "/moderator/list", "/moderator/void", "hash", strings.Repeat("a", 64), "reason", "x").want(t, 200, "Reports about 0 addresses")
	anna.act(t, "/moderator/list", "/moderator/void", "hash", "abc", "reason", "x").want(t, 200, "want a SHA-256")
}

func TestAModeratorSeesToTheList(t *testing.T) {
	w := listed(t, mine)
	members := w.vouched(3)
	anna := w.moderator("anna")
	const page = "/moderator/list"
	since := w.clock.now().Format("2006-01-02T15:04")
	anna.act(t, page, "/moderator/lookup", "address", mine).want(t, 200, exploit, mine)
	anna.act(t, page, "/moderator/lookup", "address", "x").want(t, 200, "not an IP address")
	anna.act(t, page, "/moderator/freeze", "reason", "").want(t, 200, "write a reason, too", "Additions are allowed.")
	anna.act(t, page, "/moderator/freeze", "reason", "a wave").want(t, 200, "Nothing is added since", "by anna: a wave")
	w.report(other, members...)
	if w.lists(other) || !w.lists(mine) {
		t.Error("it is not frozen, or not only additions")
	}
	w.client(other).get("/figures").want(t, 200, "Nothing is added to the list at the moment.")
	anna.act(t, page, "/moderator/freeze", "reason", "over").want(t, 200, "Additions to the list are allowed again.")
	if !w.lists(other) {
		t.Error("what waited is not added")
	}
	anna.act(t, page, "/moderator/rollback", "to", "yesterday", "reason", "x").want(t, 200, "want one such as")
	anna.act(t, page, "/moderator/rollback", "to", since, "reason", "poison").want(t, 200, "1 addresses are taken off")
	if w.lists(other) || !w.lists(mine) {
		t.Error("not rolled back, or too much")
	}
	anna.act(t, page, "/moderator/delist", "address", mine, "reason", "asked by telephone").want(t, 200, mine+" is taken off the list.")
	anna.act(t, page, "/moderator/delist", "address", mine, "reason", "again").want(t, 200, "There is nothing here")
	if w.lists(mine) {
		t.Error("it is still listed")
	}
}

func TestAModeratorSetsAScenarioAside(t *testing.T) {
	w := found(t, nil)
	anna := w.moderator("anna")
	hash := strings.Repeat("ab", 32)
	const page = "/moderator/list"
	do := func(on, hash, reason string) answer {
		return anna.post("/moderator/quarantine", with(anna.get(page).form(t, "/moderator/void"), "hash", hash, "on", on, "reason", reason))
	}
	do("yes", hash, " ").want(t, 200, "write a reason, too", "Reports by all scenarios count.")
	do("yes", "x", "wrong").want(t, 200, "SHA-256", "Reports by all scenarios count.")
	do("yes", hash, "it <b>matches</b> search engines").want(t, 200, "also those so far about 0 addresses", hash, "it <b>matches</b> search engines")
	if w.Quarantined()[hash] == "" {
		t.Error("it is not set aside")
	}
	do("no", hash, "mended").want(t, 200, "count again", "Reports by all scenarios count.")
}

func TestAModeratorSeesListingsOfFewReporters(t *testing.T) {
	w := listed(t, mine)
	w.moderator("anna").get("/moderator/exclusive").want(t, 200, "colluders")
	two := found(t, nil)
	two.report(mine, two.vouched(2)...)
	want := "None."
	if two.lists(mine) {
		want = mine
	}
	two.moderator("anna").get("/moderator/exclusive").want(t, 200, want)
}

func TestAModeratorChecksAReceipt(t *testing.T) {
	w := listed(t, mine)
	_, receipt, err := w.Appeal(t.Context(), community.AppealRequest{Unit: unit(mine), Proven: true})
	w.must(err)
	anna := w.moderator("anna")
	anna.act(t, "/moderator/list", "/moderator/genuine", "receipt", strings.ReplaceAll(receipt, "\n", "\r\n")).want(t, 200, "This receipt is genuine.")
	anna.act(t, "/moderator/list", "/moderator/genuine", "receipt", strings.Replace(receipt, mine, other, 1)).want(t, 200, "is not one of this community")
}

func TestAModeratorInvites(t *testing.T) {
	w := found(t, nil)
	anna := w.moderator("anna")
	for _, role := range []string{"reporter", "reader"} {
		a := anna.act(t, "/moderator/invitations", "/moderator/invite", "name", "new "+role, "operator", "op", "role", role, "vouched", "yes").want(t, 200, "new "+role, "open")
		_, key, err := w.Join(t.Context(), shownOnce.FindStringSubmatch(a.body)[1], "", "2026-06", unit(other).Addr())
		w.must(err)
		by, err := w.Key(t.Context(), key, unit(other).Addr())
		if w.must(err); (by.Role == community.Reader) != (role == "reader") {
			t.Errorf("%s: role %v", role, by.Role)
		}
	}
	anna.get("/moderator/invitations").want(t, 200, "used").without(t, "open")
}

// tampered is a centre whose log somebody changed.
type tampered struct{ people.Centre }

func (tampered) VerifyAudit(context.Context) (int, error) {
	return 7, fmt.Errorf("%w: entry 8 does not have its hash", community.ErrTampered)
}

func TestL15TheLogSaysWhoDidWhat(t *testing.T) {
	w := appealed(t)
	anna := w.moderator("anna")
	anna.act(t, "/moderator/list", "/moderator/lookup", "address", mine).want(t, 200)
	anna.act(t, "/moderator/case?id=1", "/moderator/decide", "outcome", "goodwill").want(t, 200)
	page := anna.get("/moderator/audit").want(t, 200, "appeal.open", "cases.read", "unit.read", "appeal.goodwill", "anna", mine)
	anna.post("/moderator/verify", page.form(t, "/moderator/verify")).want(t, 200, "Verified: ", "entries are as they were written.")
	anna.get("/moderator/audit?after=1000000").want(t, 200, "No later entries.")
	for range 220 {
		_, err := w.Cases(t.Context(), "bert", false, 1)
		w.must(err)
	}
	if first := anna.get("/moderator/audit").want(t, 200); !strings.Contains(first.body, "?after=200") || strings.Count(first.body, "<tr>") != 201 {
		t.Errorf("%d rows", strings.Count(first.body, "<tr>"))
	}
	anna.get("/moderator/audit?after=200").want(t, 200, "bert").without(t, "No later", "?after=")
	if end := anna.post("/moderator/verify", page.form(t, "/moderator/verify")).want(t, 200, "Verified: ", "audit.read"); strings.Contains(end.body, "appeal.open") || strings.Count(end.body, "<tr>") > 105 {
		t.Errorf("not the end of the log: %s", end.plain())
	}
	h, err := people.New(people.Config{
		Centre: tampered{w.Centre}, Moderator: "/moderator", Actor: func(*http.Request) string { return "anna" }, Now: w.clock.now,
	})
	w.must(err)
	w.handler = h
	anna.post("/moderator/verify", page.form(t, "/moderator/verify")).want(t, 200, "Not verified: the audit log was changed: entry 8")
}

func TestModeratorsAreToldApart(t *testing.T) {
	w := appealed(t)
	anna, nobody := w.moderator("anna"), w.client(other)
	form := with(anna.get("/moderator/case?id=1").form(t, "/moderator/decide"), "outcome", "upheld")
	nobody.post("/moderator/decide", form).want(t, 403, "the server has to know who you are")
	w.moderator("bert").post("/moderator/decide", form).want(t, 403)
	w.clock.pass(31 * time.Minute)
	anna.post("/moderator/decide", form).want(t, 403, "too old")
	if !w.lists(mine) {
		t.Error("it is off the list")
	}
}
