package people_test

import (
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
)

var shownOnce = regexp.MustCompile(`<pre[^>]*>([\w-]{43})</pre>`)

func TestAMemberLogsInWithItsKey(t *testing.T) {
	w := found(t, nil)
	_, key := w.join(community.Reporter, true)
	c := w.client("20.1.0.9")
	form := c.get("/member").want(t, 200, "API key").form(t, "/member/login")
	for _, wrong := range []string{"", "wrong", key[1:]} {
		c.post("/member/login", with(form, "key", wrong)).want(t, 403)
		if len(c.cookies) > 0 {
			t.Fatalf("%q: a cookie", wrong)
		}
	}
	a := c.post("/member/login", with(form, "key", " "+key+" ")).want(t, 303)
	cookie := c.cookies["__Secure-tocsin-member"]
	if cookie == nil || cookie.Path != "/member" || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.MaxAge != 3600 {
		t.Fatalf("cookie %v", cookie)
	}
	if strings.Contains(a.Header().Get("Set-Cookie"), key) {
		t.Error("the cookie is the key")
	}
	c.get("/member").want(t, 200, "Your membership", "vouched for, established", "its word counts from the first day", "version 2026-06 accepted").without(t, key)
	// It says nothing elsewhere, is of no other use, and ends.
	if r := c.request("GET", "/", nil); len(r.Cookies()) > 0 {
		t.Error("other pages get it")
	}
	changed := *cookie
	changed.Value = "A" + cookie.Value[1:]
	c.cookies["__Secure-tocsin-member"] = &changed
	c.get("/member").want(t, 200, "Log in")
	c.cookies["__Secure-tocsin-member"] = cookie
	w.clock.pass(59 * time.Minute)
	c.get("/member").want(t, 200, "Your membership")
	w.clock.pass(2 * time.Minute)
	c.get("/member").want(t, 200, "Log in")
	c.post("/member/key", form).want(t, 401, "Please log in again.")
}

func TestAProgramShowsItsKeyInTheHeader(t *testing.T) {
	w := found(t, nil)
	_, key := w.join(community.Reporter, true)
	c := w.client("20.1.0.9")
	c.header.Set("Sec-Fetch-Mode", "")
	c.header.Set("Authorization", "Bearer "+key)
	c.get("/member").want(t, 200, "Your membership")
	c.header.Set("Authorization", "bearer  wrong")
	c.get("/member").want(t, 403, "Wrong or unknown credentials.")
	r := c.request("GET", "/member", nil)
	r.SetBasicAuth("nobody", "password")
	c.send(r).want(t, 403)
	r.Header.Set("Authorization", "Basic ????")
	c.send(r).want(t, 200, "Log in")
}

// A browser that knows the moderator's password sends it to all pages of the site.
func TestAModeratorCanBeAMember(t *testing.T) {
	w := found(t, nil)
	_, key := w.join(community.Reporter, true)
	c := w.client("20.1.0.9")
	c.header.Set("Authorization", "Basic YW5uYTpzZWNyZXQ=") // anna:secret
	for range 40 {                                          // these are not wrong guesses
		c.get("/member").want(t, 200, "Log in").without(t, "Wrong")
	}
	c.login(t, key)
	page := c.get("/member").want(t, 200, "Your membership")
	c.post("/member/key", page.form(t, "/member/key")).want(t, 200, "Your new API key")
	c.get("/member").want(t, 200, "Your membership")
	c.header.Set("Sec-Fetch-Mode", "") // an older browser
	c.get("/member").want(t, 200, "Your membership")
}

func TestAnEngineLogsInWithItsPassword(t *testing.T) {
	w := found(t, nil)
	code, err := w.Invite(t.Context(), "x", community.Invitee{Name: "engine"})
	w.must(err)
	w.must(w.Enlist(t.Context(), code, "engine-7", "a long password of it", "2026-06", netip.MustParseAddr("20.1.0.9")))
	c := w.client("20.1.0.9")
	c.post("/member/login", with(c.get("/member").form(t, "/member/login"), "login", "engine-7", "key", "a long password of it")).want(t, 303)
	page := c.get("/member").want(t, 200, "engine-7")
	// A key takes the place of the password, and the session goes on.
	a := c.post("/member/key", page.form(t, "/member/key")).want(t, 200, "Your new API key")
	key := shownOnce.FindStringSubmatch(a.body)[1]
	c.get("/member").want(t, 200, "engine-7").without(t, key)
	fresh := w.client("20.1.0.9")
	fresh.post("/member/login", with(fresh.get("/member").form(t, "/member/login"), "login", "engine-7", "key", "a long password of it")).want(t, 403)
	w.loggedIn(key).get("/member").want(t, 200, "engine-7")
}

func TestANewKeyEndsAllOtherSessions(t *testing.T) {
	w := found(t, nil)
	_, key := w.join(community.Reporter, true)
	thief, owner := w.loggedIn(key), w.loggedIn(key)
	owner.post("/member/key", owner.get("/member").form(t, "/member/key")).want(t, 200)
	owner.get("/member").want(t, 200, "Your membership")
	thief.get("/member").want(t, 403, "Wrong or unknown credentials.")
	if len(thief.cookies) > 0 {
		t.Error("the cookie stays")
	}
}

func TestAMemberSeesWhatItReports(t *testing.T) {
	w := found(t, nil)
	a, key := w.join(community.Reporter, true)
	b, _ := w.join(community.Reporter, true)
	w.report(mine, a, b)
	w.report(other, a)
	w.loggedIn(key).get("/member").want(t, 200, "2, of which 1 are about addresses that others report, too", mine, other, exploit)
}

func TestAMemberLearnsThatItsOwnHostIsReported(t *testing.T) {
	w := found(t, nil)
	_, key := w.join(community.Reporter, true)
	c := w.client(mine)
	c.login(t, key)
	w.report(mine, w.vouched(3)...)
	page := c.get("/member").want(t, 200, "Others report your own host "+mine)
	c.post("/member/disown", with(page.form(t, "/member/disown"), "address", mine)).want(t, 200, mine+" is no longer one of your addresses.")
	c.post("/member/disown", with(page.form(t, "/member/disown"), "address", "x")).want(t, 400)
	w.client(mine).get("/").want(t, 200, "It is listed.")
}

func TestL18AMemberAcceptsNewTerms(t *testing.T) {
	w := found(t, nil)
	by, key := w.join(community.Reporter, true)
	w.must(w.users.Change(t.Context(), by.Login, func(a *community.Account) error { a.Terms = "2025-01"; return nil }))
	c := w.loggedIn(key)
	page := c.get("/member").want(t, 200, "version 2025-01 accepted", "Read version 2026-06 of the terms")
	c.post("/member/terms", with(page.form(t, "/member/terms"), "version", "2027-01")).want(t, 403)
	c.post("/member/terms", page.form(t, "/member/terms")).want(t, 200, "You accepted the terms.")
	a, err := w.users.ByLogin(t.Context(), by.Login)
	if w.must(err); a.Terms != "2026-06" {
		t.Errorf("terms %q", a.Terms)
	}
	c.get("/member").without(t, "Read version")
}

func TestAMemberInvitesThreeAMonth(t *testing.T) {
	w := found(t, nil)
	_, key := w.join(community.Reporter, true)
	c := w.loggedIn(key)
	form := with(c.get("/member").form(t, "/member/invite"), "name", "a friend")
	for i := range 4 {
		a := c.post("/member/invite", form).want(t, 200)
		m := shownOnce.FindStringSubmatch(a.body)
		if i == 3 {
			a.want(t, 200, "You have used all invitations of this month: three.")
			continue
		}
		if m == nil {
			t.Fatalf("no code: %s", a.plain())
		}
		_, _, err := w.Join(t.Context(), m[1], "friend", "2026-06", netip.AddrFrom4([4]byte{20, 50, byte(i), 1}))
		w.must(err)
	}
}

func TestL21AMemberLeaves(t *testing.T) {
	w := found(t, nil)
	by, key := w.join(community.Reporter, true)
	c := w.loggedIn(key)
	form := c.get("/member").form(t, "/member/leave")
	c.post("/member/leave", form).want(t, 200, "Nothing has changed. To leave, tick the box, too.")
	c.post("/member/leave", with(form, "sure", "yes")).want(t, 200, "You have left the community.")
	a, err := w.users.ByLogin(t.Context(), by.Login)
	if w.must(err); a.Left.IsZero() || len(c.cookies) > 0 {
		t.Errorf("left %v, cookies %v", a.Left, c.cookies)
	}
	c.login(t, key)
	c.get("/member").want(t, 200, "Log in")
}

func TestAMemberGivesAContact(t *testing.T) {
	w := found(t, nil)
	by, key := w.join(community.Reporter, true)
	c := w.loggedIn(key)
	c.post("/member/contact", with(c.get("/member").form(t, "/member/contact"), "contact", " admin@example.org ")).want(t, 200, "Your contact is noted.")
	a, err := w.users.ByLogin(t.Context(), by.Login)
	if w.must(err); a.Contact != "admin@example.org" {
		t.Errorf("contact %q", a.Contact)
	}
	w.moderator("anna").get("/moderator/members").want(t, 200, "admin@example.org")
}

func TestAMemberLogsOut(t *testing.T) {
	w := found(t, nil)
	_, key := w.join(community.Reporter, true)
	c := w.loggedIn(key)
	c.post("/member/logout", c.get("/member").form(t, "/member/logout")).want(t, 200, "You are logged out.")
	c.get("/member").want(t, 200, "Log in")
}

func TestASuspendedMemberIsTold(t *testing.T) {
	w := found(t, nil)
	by, key := w.join(community.Reporter, true)
	c := w.loggedIn(key)
	w.must(w.Suspend(t.Context(), "anna", by.Login, true, "x"))
	c.get("/member").want(t, 403, "The account is suspended.")
}
