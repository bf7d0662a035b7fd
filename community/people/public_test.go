package people_test

import (
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/people"
)

// The names of tests begin with the requirement that they are for.

// why are texts that only the person with an address learns.
var why = []string{"Attempts to break in", "Members that saw it", "2–3", "Listed since", "Networks"}

func TestL08WithoutProofAPersonLearnsOnlyListedAndUntil(t *testing.T) {
	w := listed(t, mine)
	for _, row := range []struct {
		name string
		from string
		path string
		set  func(*http.Request)
	}{
		{"from elsewhere", other, "/?address=" + mine, nil},
		{"before the handshake is complete", mine, "/", func(r *http.Request) { r.TLS.HandshakeComplete = false }},
		{"as a proxy says it", mine, "/", func(r *http.Request) { r.Header.Set("Early-Data", "1") }},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := w.client(row.from).request(http.MethodGet, row.path, nil)
			if row.set != nil {
				row.set(r)
			}
			w.client(row.from).send(r).want(t, 200, mine, "It is listed.", "Listed until", "2026-06-02").without(t, why...).without(t, "/facts?")
		})
	}
	w.client(mine).get("/").want(t, 200, "This is your address.", "It is listed.", "Listed until").want(t, 200, why...)
	w.client(mine).get("/?address="+mine).want(t, 200, why...)
	w.client("::ffff:"+mine).get("/").want(t, 200, why...)
	w.client(other).get("/").want(t, 200, "It is not listed.")
}

func TestAnAddressOfIPv6IsItsNetwork(t *testing.T) {
	w := listed(t, "2a01:4f8:1:2::7")
	w.client("2a01:4f8:1:2:ffff::1").get("/").want(t, 200, "2a01:4f8:1:2::/64", "This is your address.", "Members that saw it")
	w.client("2a01:4f8:1:3::7").get("/?address=2a01:4f8:1:2::7").want(t, 200, "It is listed.").without(t, why...)
}

func TestL06PagesTellNothingOfWhoReported(t *testing.T) {
	const seed = 13
	random := rand.New(rand.NewPCG(seed, seed))
	for range 5 {
		page := func() string {
			w := found(t, nil)
			members := w.vouched(7)
			random.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
			w.report(mine, members[:3]...)
			c := w.client(mine)
			body := c.get("/").want(t, 200, "It is listed.").body
			facts := w.client(mine).get(c.get("/facts").Header().Get("Location")).want(t, 200).body
			for _, m := range members {
				if id := fmt.Sprintf("%016x", uint64(m.ID)); strings.Contains(body+facts, m.Login) || strings.Contains(body+facts, id) {
					t.Errorf("L05: a page names the member %s", m.Login)
				}
			}
			return proofs.ReplaceAllString(body+facts, "")
		}
		if a, b := page(), page(); a != b {
			t.Fatalf("the pages differ by who reported:\n%s\n%s", a, b)
		}
	}
}

var proofs = regexp.MustCompile(`proof(=|" value=")[\w-]+`)

func TestL09AProvenAppealEndsTheListingAtOnce(t *testing.T) {
	w := listed(t, mine)
	c := w.client(mine)
	a := c.post("/appeal", with(c.get("/").form(t, "/appeal"), "text", "It was my <b>old</b> router.")).
		want(t, 200, "Your request has arrived", "not listed any more", "Ticket", "Receipt")
	if w.lists(mine) {
		t.Error("it is still on the list")
	}
	c.get("/").want(t, 200, "It is not listed.", "Not listed after an appeal, until")
	receipt := regexp.MustCompile(`(?s)<pre[^>]*>(.*?)</pre>`).FindStringSubmatch(a.body)[1]
	if !w.Genuine(html.UnescapeString(receipt)) || !strings.Contains(receipt, "The listing has ended.") {
		t.Errorf("the receipt is not genuine: %s", receipt)
	}
	// The state of the case is to be seen at once, also from elsewhere.
	ticket := regexp.MustCompile(`/case\?ticket=(\w+)`).FindString(a.body)
	w.client(other).get(ticket).want(t, 200, "Open", "Appeal", mine, "2026-06-04").without(t, "router")
	w.moderator("anna").get("/moderator").want(t, 200, "Case 1", mine, "yes")
}

func TestL09AnAppealFromElsewhereWaitsForAPerson(t *testing.T) {
	w := listed(t, mine)
	c := w.client(other)
	page := c.get("/?address="+mine).want(t, 200, "A person decides within 72 hours")
	c.post("/appeal", page.form(t, "/appeal")).want(t, 200, "A person decides by the time below.").without(t, "not listed any more")
	if !w.lists(mine) {
		t.Error("it is off the list")
	}
	w.moderator("anna").get("/moderator").want(t, 200, "Case 1", mine, "no")
}

// Otherwise one network could fill the moderators' queue, and people without proof would wait in vain.
func TestANetworkOpensFewCasesAboutOthers(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(3)
	var listed []string
	for i := range 8 {
		listed = append(listed, fmt.Sprintf("93.184.216.%d", i+1))
		w.report(listed[i], members...)
	}
	appeal := func(from, about string) answer {
		c := w.client(from)
		return c.post("/appeal", c.get("/?address="+about).want(t, 200).form(t, "/appeal"))
	}
	for i, address := range listed[:5] {
		appeal(fmt.Sprintf("20.77.0.%d", i+1), address).want(t, 200, "A person decides")
	}
	again := appeal("20.77.0.9", listed[5]).want(t, 429)
	if got := again.Header().Get("Retry-After"); got != "3600" {
		t.Errorf("Retry-After %s, want 3600", got)
	}
	appeal("20.78.0.1", listed[5]).want(t, 200, "A person decides")              // another network
	appeal(listed[6], listed[6]).want(t, 200, "The listing has ended")           // who uses an address
	erase := w.client("20.77.0.1").get("/?address="+listed[7]).form(t, "/erase") // the same limit
	w.client("20.77.0.1").post("/erase", erase).want(t, 429)
}

func TestL09TheThirdAppealInAMonthWaitsForAPerson(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(3)
	for i, ended := range []bool{true, true, false} {
		w.clock.pass(25 * time.Hour)
		w.report(mine, members...)
		if !w.lists(mine) {
			t.Fatalf("time %d: not listed", i)
		}
		c := w.client(mine)
		a := c.post("/appeal", c.get("/").form(t, "/appeal")).want(t, 200)
		if strings.Contains(a.body, "not listed any more") != ended || w.lists(mine) == ended {
			t.Errorf("time %d: %s", i, a.plain())
		}
	}
}

func TestL07OnlyWhoHasAnAddressProvesIt(t *testing.T) {
	w := listed(t, mine)
	own := func(c *client) url.Values { return c.get("/").form(t, "/appeal") }
	for _, row := range []struct {
		name   string
		proof  func() url.Values
		from   string
		set    func(*http.Request)
		status int
	}{
		{"a value for another address", func() url.Values { return with(own(w.client(mine)), "address", other) }, mine, nil, 403},
		{"a value that another client got", func() url.Values { return own(w.client(mine)) }, other, nil, 403},
		{"a value for another purpose", func() url.Values { return w.client(mine).get("/").form(t, "/erase") }, mine, nil, 403},
		{"no value", func() url.Values { return url.Values{"address": {mine}} }, mine, nil, 403},
		{"another value", func() url.Values { return url.Values{"address": {mine}, "proof": {strings.Repeat("A", 48)}} }, mine, nil, 403},
		{"no base64", func() url.Values { return url.Values{"address": {mine}, "proof": {strings.Repeat("=", 48)}} }, mine, nil, 403},
		{"a value that is too old", func() url.Values {
			f := own(w.client(mine))
			w.clock.pass(31 * time.Minute)
			return f
		}, mine, nil, 403},
		{"of a clock that is ahead", func() url.Values {
			w.clock.pass(2 * time.Minute)
			f := own(w.client(mine))
			w.clock.pass(-2 * time.Minute)
			return f
		}, mine, nil, 403},
		{"before the handshake is complete", func() url.Values { return own(w.client(mine)) }, mine, func(r *http.Request) { r.Header.Set("Early-Data", "1") }, 403},
		{"not an address", func() url.Values { return with(own(w.client(mine)), "address", "example.org") }, mine, nil, 400},
		{"a range", func() url.Values { return with(own(w.client(mine)), "address", "93.184.216.0/24") }, mine, nil, 400},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := w.client(row.from)
			r := c.request(http.MethodPost, "/appeal", row.proof())
			if row.set != nil {
				row.set(r)
			}
			c.send(r).want(t, row.status, "That did not work")
			if !w.lists(mine) {
				t.Fatal("the listing has ended")
			}
		})
	}
	// A value that was sent to another address proves nothing, even if it comes from this address.
	foreign := w.client(other).get("/?address="+mine).form(t, "/appeal")
	w.client(mine).post("/appeal", foreign).want(t, 200, "A person decides by the time below.")
	if !w.lists(mine) {
		t.Error("the listing has ended")
	}
	erase := w.client(other).get("/?address="+mine).form(t, "/erase")
	w.client(other).post("/erase", erase).want(t, 200, "A person decides by the time below.")
	// Pressing the button twice is one appeal.
	form := own(w.client(mine))
	w.client(mine).post("/appeal", form).want(t, 200, "not listed any more")
	w.client(mine).post("/appeal", form).want(t, 403, "sent already")
	// So it is if another server gets the second, or this one after a restart.
	again, err := people.New(people.Config{Centre: w.Centre, Now: w.clock.now})
	w.must(err)
	w.handler = again
	w.client(mine).post("/appeal", form).want(t, 403, "sent already")
	w.client(other).post("/erase", erase).want(t, 403, "sent already")
	if cases, err := w.Cases(t.Context(), "anna", true, 10); len(cases) != 3 || err != nil {
		t.Errorf("%d cases, %v; want two of another address and one of this", len(cases), err)
	}
}

func TestL07AllFactsAreForWhoHasTheAddress(t *testing.T) {
	w := listed(t, mine)
	c := w.client(mine)
	for _, row := range []struct {
		name, path string
		want       string
	}{
		{"a page", "/facts", "text/html; charset=utf-8"},
		{"a file", "/facts?format=json", "application/json"},
	} {
		there := c.get(row.path).want(t, 303).Header().Get("Location")
		if !strings.HasPrefix(there, "/facts?") {
			t.Fatalf("%s: leads to %s", row.name, there)
		}
		a := c.get(there).want(t, 200, exploit, mine)
		if got := a.Header().Get("Content-Type"); got != row.want {
			t.Errorf("%s: %s", row.name, got)
		}
		w.client(other).get(there).want(t, 403).without(t, exploit)
		w.clock.pass(31 * time.Minute)
		c.get(there).want(t, 403).without(t, exploit)
	}
	var facts community.Facts
	a := c.get(c.get("/facts?format=json").Header().Get("Location"))
	if err := json.Unmarshal([]byte(a.body), &facts); err != nil || len(facts.Reports) != 3 || facts.Unit != mine {
		t.Errorf("%v, %+v", err, facts)
	}
	w.client(other).get("/facts?address="+mine).want(t, 403).without(t, exploit)
	w.client(other).get("/facts?format=json&address="+mine).want(t, 403, `"message"`).without(t, exploit)
	early := c.request(http.MethodGet, "/facts", nil)
	early.Header.Set("Early-Data", "1")
	c.send(early).want(t, 403)
}

func TestL12ErasureIsAtOnceForWhoHasTheAddress(t *testing.T) {
	w := listed(t, mine)
	foreign := w.client(other)
	foreign.post("/erase", foreign.get("/?address="+mine).form(t, "/erase")).want(t, 200, "A person decides by the time below.", "Ticket")
	if !w.lists(mine) {
		t.Error("a stranger erases it")
	}
	c := w.client(mine)
	c.post("/erase", c.get("/").form(t, "/erase")).want(t, 200, "The data is deleted.")
	facts, err := w.Facts(t.Context(), unit(mine))
	w.must(err)
	if w.lists(mine) || len(facts.Reports) > 0 || len(facts.Cases) > 0 || facts.Suppressed == nil {
		t.Errorf("still there: %+v", facts)
	}
	w.clock.pass(25 * time.Hour)
	w.report(mine, w.vouched(3)...)
	c.post("/erase", c.get("/").form(t, "/erase")).want(t, 200, "A person decides by the time below.", "Ticket")
	if !w.lists(mine) {
		t.Error("a second erasure in a month is at once")
	}
}

func TestL11ADecisionIsSeenByThePerson(t *testing.T) {
	for _, row := range []struct{ outcome, reason, want string }{
		{"upheld", "", "Accepted: the listing was wrong"},
		{"goodwill", "", "Accepted"},
		{"rejected", "It <i>still</i> attacks.", "Rejected"},
	} {
		w := listed(t, mine)
		c := w.client(other)
		page := c.post("/appeal", c.get("/?address="+mine).form(t, "/appeal")).want(t, 200)
		ticket := regexp.MustCompile(`/case\?ticket=\w+`).FindString(page.body)
		_, err := w.Decide(t.Context(), "anna", 1, map[string]community.CaseState{"upheld": community.Upheld, "goodwill": community.Goodwill, "rejected": community.Rejected}[row.outcome], row.reason)
		w.must(err)
		a := c.get(ticket).want(t, 200, row.want, "Decided", row.reason)
		if complain := strings.Contains(a.plain(), "You can complain to the data protection authority"); complain != (row.outcome == "rejected") {
			t.Errorf("%s: told of the right to complain: %v", row.outcome, complain)
		}
	}
	w := found(t, nil)
	w.client(mine).get("/case?ticket=ABCDEFGHIJKLMNOPQRSTUVWXYZ").want(t, 404, "There is no case with this ticket.")
	w.client(mine).get("/case").want(t, 200, "Ticket")
}

func TestAddressesThatAreNone(t *testing.T) {
	w := listed(t, mine)
	for _, address := range []string{"example.org", "1.2.3", "93.184.216.0/24", "2a01:4f8::/32", strings.Repeat("1", 3000), "' OR 1=1", "1.2.3.4\x00"} {
		w.client(mine).get("/?address="+url.QueryEscape(address)).want(t, 422, "This is not an address of the Internet.", "203.0.113.7").without(t, "It is listed.")
	}
	for _, address := range []string{"10.0.0.1", "127.0.0.1", "fe80::1", "0.0.0.0", "224.0.0.1"} {
		w.client(mine).get("/?address="+url.QueryEscape(address)).want(t, 200, "It is not listed.")
	}
	// Spaces around it, as copied, do not matter.
	w.client(other).get("/?address=+"+mine+"%20").want(t, 200, "It is listed.")
}

func TestThePageIsThereAlsoIfTheListIsForMembersOnly(t *testing.T) {
	for _, public := range []bool{false, true} {
		w := found(t, func(cfg *community.Config) { cfg.Public = public })
		w.report(mine, w.vouched(3)...)
		w.client(other).get("/?address="+mine).want(t, 200, "It is listed.")
		who := map[bool]string{false: "the members of the community", true: "everybody: the list is public"}[public]
		w.client(other).get("/notice").want(t, 200, who)
	}
}

func TestEveryPageSpeaksTheLanguageOfThePerson(t *testing.T) {
	w := listed(t, mine)
	for lang, title := range map[string]string{
		"de-AT": "Ist meine Adresse gelistet?", "ar": "هل عنواني مدرج في القائمة؟", "pt-BR": "Meu endereço está na lista?",
		"zh-TW": "我的位址在名單上嗎？", "tlh": "Is my address listed?",
	} {
		c := w.client(mine)
		c.header.Set("Accept-Language", lang)
		a := c.get("/").want(t, 200, title)
		if a.Header().Get("Vary") != "Accept-Language" {
			t.Errorf("%s: %v", lang, a.Header())
		}
		if rtl := strings.Contains(a.body, `dir="rtl"`); rtl != (lang == "ar") {
			t.Errorf("%s: from right to left: %v", lang, rtl)
		}
	}
	c := w.client(mine)
	c.header.Set("Accept-Language", "de")
	c.post("/appeal", c.get("/").form(t, "/appeal")).want(t, 200, "Ihr Antrag ist eingegangen", "Die Adresse ist nicht mehr gelistet.")
	c.post("/appeal", url.Values{}).want(t, 403, "Das hat nicht geklappt")
	c.get("/nothing").want(t, 404, "Hier gibt es nichts")
}

func TestNoPageForThePublicSetsACookieOrLoadsAnything(t *testing.T) {
	w := listed(t, mine)
	c := w.client(mine)
	pages := []string{"/", "/?address=" + other, "/case", "/notice", "/terms", "/records", "/figures", "/member", "/nothing", "/facts?proof=x"}
	for _, path := range pages {
		a := c.get(path)
		h := a.Header()
		policy := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") || !strings.Contains(policy, "form-action 'self'; frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", path, policy)
		}
		if h.Get("Set-Cookie") != "" || h.Get("X-Robots-Tag") != "noindex" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "private, no-store" {
			t.Errorf("%s: %v", path, h)
		}
		for _, banned := range []string{"<script", "<img", "<iframe", "http-equiv", "style=\"", " on"} {
			if slices.ContainsFunc(tags.FindAllString(a.body, -1), func(tag string) bool { return strings.Contains(tag, banned) && !strings.Contains(tag, "<style>") }) {
				t.Errorf("%s: there is %q", path, banned)
			}
		}
	}
	c.get("/robots.txt").want(t, 200, "Disallow: /")
}
