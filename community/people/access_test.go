package people_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/people"
)

// forms are all forms of members and moderators, and what they need.
var memberForms = []string{"/member/terms", "/member/key", "/member/invite", "/member/disown", "/member/contact", "/member/leave"}

var moderatorForms = []string{
	"/moderator/decide", "/moderator/extend", "/moderator/suspend", "/moderator/vouch", "/moderator/void", "/moderator/delistof", "/moderator/freeze",
	"/moderator/rollback", "/moderator/delist", "/moderator/lookup", "/moderator/genuine", "/moderator/quarantine", "/moderator/invite", "/moderator/verify",
}

var moderatorPages = []string{
	"/moderator", "/moderator?all=1", "/moderator/case?id=1", "/moderator/exclusive", "/moderator/members", "/moderator/list", "/moderator/invitations", "/moderator/audit",
}

// loggedIn returns a client who logged in with a key.
func (w *town) loggedIn(key string) *client {
	w.t.Helper()
	w.logins++
	c := w.client(fmt.Sprintf("20.200.%d.1", w.logins))
	c.post("/member/login", with(c.get("/member").form(w.t, "/member/login"), "key", key)).want(w.t, 303)
	return c
}

func TestL19WhoMayDoWhat(t *testing.T) {
	w := listed(t, mine)
	w.client(mine).post("/appeal", w.client(mine).get("/").form(t, "/appeal")).want(t, 200)
	_, memberKey := w.join(community.Reporter, false)
	_, readerKey := w.join(community.Reader, false)
	callers := []struct {
		name              string
		client            *client
		member, moderator int // status of forms of members, and of pages for moderators
	}{
		{"nobody", w.client(other), 401, 403},
		{"a reader", w.loggedIn(readerKey), 403, 403},
		{"a member", w.loggedIn(memberKey), 403, 403},
		{"a moderator", w.moderator("anna"), 401, 200},
	}
	for _, c := range callers {
		t.Run(c.name, func(t *testing.T) {
			for _, path := range moderatorPages {
				if a := c.client.get(path); a.Code != c.moderator {
					t.Errorf("%s: %d, want %d", path, a.Code, c.moderator)
				} else if c.moderator == 403 && strings.Contains(a.body, mine) {
					t.Errorf("%s tells something: %s", path, a.body)
				}
			}
			for _, path := range memberForms {
				if a := c.client.post(path, url.Values{"sure": {"yes"}, "version": {"2026-06"}, "address": {mine}}); a.Code != c.member {
					t.Errorf("%s: %d, want %d", path, a.Code, c.member)
				}
			}
			for _, path := range moderatorForms {
				if a := c.client.post(path, url.Values{"id": {"1"}, "outcome": {"upheld"}, "reason": {"x"}}); a.Code != 403 {
					t.Errorf("%s: %d, want 403", path, a.Code)
				}
			}
			for _, path := range []string{"/", "/case", "/notice", "/terms", "/records", "/figures", "/member"} {
				c.client.get(path).want(t, 200)
			}
		})
	}
	// A reader has no reports, and cannot invite.
	reader := w.loggedIn(readerKey)
	page := reader.get("/member").want(t, 200, "reads the list").without(t, "Invite somebody")
	reader.post("/member/invite", with(page.form(t, "/member/key"), "name", "x")).want(t, 403)
}

// They come from a page of another site, or have a value of somebody else.
func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	w := listed(t, mine)
	anna, bert, public := w.moderator("anna"), w.moderator("bert"), w.client(mine)
	newMember := func() *client {
		_, key := w.join(community.Reporter, false)
		return w.loggedIn(key)
	}
	_, key := w.join(community.Reporter, false)
	type try struct {
		client func() *client
		path   string
		form   func(*client) url.Values
		theirs func() url.Values // the same with a value that is somebody else's
	}
	field := func(page, path string) func(*client) url.Values {
		return func(c *client) url.Values {
			return with(c.get(page).form(t, path), "id", "1", "reason", "x", "address", mine, "on", "yes", "to", "2026-06-01T00:00", "hash", strings.Repeat("0", 64),
				"name", "x", "contact", "x@example.org", "version", "2026-06", "key", key, "outcome", "upheld", "due", "2026-06-20T00:00")
		}
	}
	own := func() *client { return public }
	tries := []try{
		{own, "/appeal", field("/", "/appeal"), func() url.Values { return w.client(other).get("/").form(t, "/erase") }},
		{own, "/erase", field("/", "/erase"), func() url.Values { return with(w.client(other).get("/").form(t, "/erase"), "address", mine) }},
		{own, "/member/login", field("/member", "/member/login"), func() url.Values { return field("/member", "/member/login")(w.client(other)) }},
	}
	for _, path := range memberForms {
		form := field("/member", "/member/key")
		tries = append(tries, try{newMember, path, form, func() url.Values { return form(newMember()) }})
	}
	for _, path := range moderatorForms {
		form := field("/moderator/list", "/moderator/lookup")
		tries = append(tries, try{func() *client { return anna }, path, form, func() url.Values { return form(bert) }})
	}
	for _, x := range tries {
		t.Run(x.path, func(t *testing.T) {
			w.clock.pass(10 * time.Minute) // a new share of forms
			c := x.client()
			for name, set := range map[string]func(*http.Request){
				"another site":     func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
				"a site beside it": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
				"an old browser": func(r *http.Request) {
					r.Header.Del("Sec-Fetch-Site")
					r.Header.Set("Origin", "https://evil.example")
				},
				"a hidden origin": func(r *http.Request) {
					r.Header.Del("Sec-Fetch-Site")
					r.Header.Set("Origin", "null")
				},
			} {
				r := c.request(http.MethodPost, x.path, x.form(c))
				set(r)
				if a := c.send(r); a.Code != 403 {
					t.Errorf("%s: status %d", name, a.Code)
				}
			}
			// A program sends neither header: then the value decides.
			r := c.request(http.MethodPost, x.path, x.theirs())
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Del("Origin")
			if a := c.send(r); a.Code != 403 {
				t.Errorf("with another's value: status %d", a.Code)
			}
			if a := c.post(x.path, x.form(c)); a.Code == 403 {
				t.Errorf("the form itself: status %d: %s", a.Code, a.plain())
			}
		})
	}
	if w.lists(mine) {
		t.Error("the forms themselves did nothing")
	}
}

func (c *client) login(t *testing.T, key string) {
	t.Helper()
	delete(c.cookies, "__Secure-tocsin-member")
	c.post("/member/login", with(c.get("/member").form(t, "/member/login"), "key", key))
}

// hostile are texts that would be markup if a page did not escape them.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>' {{.}} </textarea></title>`

func TestTextsOfPeopleAreNoMarkup(t *testing.T) {
	w := listed(t, mine)
	c := w.client(mine)
	escape := func(name string, a answer) {
		t.Helper()
		if strings.Contains(a.body, "<script") || strings.Contains(a.body, "<img") || strings.Contains(a.body, "</textarea></title>") {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	ticket := c.post("/appeal", with(c.get("/").form(t, "/appeal"), "text", hostile)).want(t, 200)
	escape("appeal", ticket)
	anna := w.moderator(`anna"><script>`)
	file := anna.get("/moderator/case?id=1").want(t, 200, hostile)
	escape("file", file)
	escape("decided", anna.post("/moderator/decide", with(file.form(t, "/moderator/decide"), "outcome", "rejected", "reason", hostile)).want(t, 200))
	escape("queue", anna.get("/moderator?all=1").want(t, 200, "Case 1"))
	escape("file", anna.get("/moderator/case?id=1").want(t, 200, hostile, `anna"><script>`))
	escape("facts", c.get(c.get("/facts").Header().Get("Location")).want(t, 200, hostile))
	escape("log", anna.get("/moderator/audit").want(t, 200, `anna"><script>`))
	escape("invitation", anna.post("/moderator/invite", with(anna.get("/moderator/invitations").form(t, "/moderator/invite"), "name", hostile, "operator", hostile)).want(t, 200))
	code, err := w.Invite(t.Context(), "x", community.Invitee{Name: "x", Operator: `"><script>x`})
	w.must(err)
	_, key, err := w.Join(t.Context(), code, `"><script>alert(1)`, "2026-06", netip.MustParseAddr("20.77.0.1"))
	w.must(err)
	escape("members", anna.get("/moderator/members?search="+url.QueryEscape(hostile)).want(t, 200))
	escape("members", anna.get("/moderator/members").want(t, 200, `"><script>alert(1)`))
	escape("member", w.loggedIn(key).get("/member").want(t, 200))
	for _, path := range []string{"/?address=", "/case?ticket=", "/facts?address=", "/facts?proof=", "/moderator/case?id=", "/moderator/audit?after=", "/"} {
		escape(path, anna.get(path+url.QueryEscape(hostile)))
	}
}

func TestRequestsThatAreTooLarge(t *testing.T) {
	w := listed(t, mine)
	c := w.client(mine)
	form := func() url.Values { return c.get("/").form(t, "/appeal") }
	many := form()
	for i := range 8000 {
		many.Set(fmt.Sprintf("f%d", i), "x")
	}
	multipart := c.request(http.MethodPost, "/appeal", form())
	multipart.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	broken := c.request(http.MethodPost, "/appeal", form())
	broken.Body = http.NoBody
	broken.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset")
	language := c.request(http.MethodGet, "/", nil)
	language.Header.Set("Accept-Language", strings.Repeat("de,", 100_000))
	cookies := c.request(http.MethodGet, "/member", nil)
	cookies.Header.Set("Cookie", strings.Repeat("__Secure-tocsin-member=", 3)+strings.Repeat("A", 500_000))
	for _, row := range []struct {
		name string
		r    *http.Request
		want int
	}{
		{"a long text", c.request(http.MethodPost, "/appeal", with(form(), "text", strings.Repeat("x", 40_000))), 413},
		{"a text over the limit", c.request(http.MethodPost, "/appeal", with(form(), "text", strings.Repeat("x", 2001))), 422},
		{"many fields", c.request(http.MethodPost, "/appeal", many), 413},
		{"a long query", c.request(http.MethodGet, "/?address="+strings.Repeat("1", 5000), nil), 413},
		{"a form in parts", multipart, 400},
		{"a broken type", broken, 400},
		{"many languages", language, 200},
		{"a huge cookie", cookies, 200},
		{"a form of a page", c.request(http.MethodPost, "/", form()), 404},
		{"another method", c.request(http.MethodDelete, "/appeal", nil), 400},
		{"half a key", c.request(http.MethodPost, "/member/login", with(c.get("/member").form(t, "/member/login"), "key", strings.Repeat("x", 257))), 403},
	} {
		t.Run(row.name, func(t *testing.T) {
			if a := c.send(row.r); a.Code != row.want {
				t.Errorf("status %d, want %d: %s", a.Code, row.want, a.plain())
			}
			if !w.lists(mine) {
				t.Fatal("the listing has ended")
			}
		})
	}
}

func TestEachNetworkHasItsShare(t *testing.T) {
	w := listed(t, mine)
	c := w.client(mine)
	n := 0
	for ; n < 100 && c.get("/").Code == 200; n++ {
	}
	if n != 60 {
		t.Errorf("%d pages at once, want 60", n)
	}
	a := c.get("/").want(t, 429, "Too many requests")
	if a.Header().Get("Retry-After") != "1" {
		t.Errorf("%v", a.Header())
	}
	w.client("93.184.216.35").get("/").want(t, 429) // the same network
	w.client("93.184.217.35").get("/").want(t, 200)
	w.clock.pass(time.Second)
	c.get("/").want(t, 200)
	form := w.client("93.184.217.35").get("/").form(t, "/erase")
	n = 0
	for ; n < 100 && w.client("93.184.217.35").post("/erase", form).Code != 429; n++ {
	}
	if n != 20 {
		t.Errorf("%d forms at once, want 20", n)
	}
	w.clock.pass(10 * time.Second)
	w.client("93.184.217.35").post("/erase", form).want(t, 403)
	w.client("93.184.217.35").post("/erase", form).want(t, 429)
}

// What the store says is for the log.
func TestAStoreThatFailsIsNotShown(t *testing.T) {
	w := listed(t, mine)
	_, key := w.join(community.Reporter, false)
	c, member, anna := w.client(mine), w.loggedIn(key), w.moderator("anna")
	appeal := c.get("/").form(t, "/appeal")
	facts := c.get("/facts").Header().Get("Location")
	w.store.Break(errors.New("secret password of the database"))
	for _, a := range []answer{
		c.get("/"), c.get(facts), c.get("/figures"), c.get("/records"), c.get("/case?ticket=ABC"), c.post("/appeal", appeal),
		member.get("/member"), anna.get("/moderator"), anna.get("/moderator/members"), anna.get("/moderator/audit"),
	} {
		a.want(t, 503, "Please try again later.").without(t, "secret password")
	}
	for _, path := range []string{"/notice", "/terms", "/case"} {
		c.get(path).want(t, 200)
	}
	if n := w.log.FilterMessage("a page for people failed").Len(); n != 10 {
		t.Errorf("%d lines in the log", n)
	}
	w.store.Break(nil)
	c.get("/").want(t, 200, "It is listed.")
	w.clock.pass(time.Minute)
	c.get("/figures").want(t, 200)
}

func TestConfigIsChecked(t *testing.T) {
	w := found(t, nil)
	actor := func(*http.Request) string { return "" }
	for _, row := range []struct {
		name string
		cfg  people.Config
		want string
	}{
		{"no centre", people.Config{}, "no centre"},
		{"nobody says who moderates", people.Config{Centre: w.Centre, Moderator: "/moderator"}, "set Actor"},
		{"no path", people.Config{Centre: w.Centre, Moderator: "moderator", Actor: actor}, "want one such as /moderator"},
		{"a path that ends in a slash", people.Config{Centre: w.Centre, Moderator: "/m/", Actor: actor}, "want one such as"},
		{"a pattern", people.Config{Centre: w.Centre, Moderator: "/{m}", Actor: actor}, "want one such as"},
		{"another page", people.Config{Centre: w.Centre, Moderator: "/member", Actor: actor}, "another page"},
		{"the health for bouncers", people.Config{Centre: w.Centre, Moderator: "/health", Actor: actor}, "another page"},
		{"of machines", people.Config{Centre: w.Centre, Moderator: "/v1/moderator", Actor: actor}, "another page"},
	} {
		if _, err := people.New(row.cfg); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v", row.name, err)
		}
	}
	h, err := people.New(people.Config{Centre: w.Centre})
	w.must(err)
	w.handler = h
	w.moderator("anna").get("/moderator").want(t, 404)
	w.moderator("anna").post("/moderator/freeze", url.Values{"on": {"yes"}, "reason": {"x"}}).want(t, 404)
}

func FuzzPages(f *testing.F) {
	w := listed(f, mine)
	f.Add("/", mine, "de", "")
	f.Add("/case", "ABC", "ar,*;q=0.1", "a=b")
	f.Add("/facts", "x", "", "Sec")
	f.Add("/?address=[::1]%25eth0", "2001:db8::1%eth0", "xx", "__Secure-tocsin-member=AAAA")
	f.Fuzz(func(t *testing.T, path, value, language, cookie string) {
		c := w.client(mine)
		r := c.request(http.MethodGet, "/", nil)
		r.URL.Path = "/" + strings.TrimPrefix(path, "/")
		r.URL.RawQuery = url.Values{"address": {value}, "ticket": {value}, "proof": {value}, "id": {value}}.Encode()
		r.Header.Set("Accept-Language", language)
		r.Header.Set("Cookie", cookie)
		w.clock.pass(time.Second)
		a := c.send(r)
		if a.Code >= 500 || strings.Contains(a.body, "<script") {
			t.Errorf("status %d: %s", a.Code, a.body)
		}
	})
}
