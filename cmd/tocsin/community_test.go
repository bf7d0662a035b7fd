//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
)

// A centre is the program with a community, as a process of its own.
type centre struct {
	*post
	members int
}

// newCentre starts a centre whose list of shared addresses has one entry.
func newCentre(t testing.TB, shared string) *centre {
	t.Helper()
	return newCentreWith(t, `
		database {DIR}/community.db
		secret   {DIR}/community.secret
		shared   {DIR}/shared.txt`, map[string]string{"shared.txt": shared + "\n"})
}

// newCentreWith starts a centre with options. {DIR} is the folder of the files.
func newCentreWith(t testing.TB, options string, files map[string]string) *centre {
	t.Helper()
	c := &centre{post: &post{t: t, dir: t.TempDir()}}
	c.run(`{
`+globalOptions+`}
http:// {
	bind fd/3
	tocsin_community {
		name     Example hosts`+options+`
	}
}
`, files)
	c.waitForStart()
	return c
}

// waitForStart waits until the centre answers.
func (c *centre) waitForStart() {
	c.t.Helper()
	c.wait("the centre", func() error { return c.ask(http.MethodGet, "/tocsin/community/listings?by=test", nil) })
}

// A membership is an account at the centre, and the way there: a proxy, so that each member
// is in a network of its own.
type membership struct {
	url, login, key string
}

// join makes a member.
func (c *centre) join(role string, vouched bool) membership {
	c.t.Helper()
	c.members++
	name := fmt.Sprint("member ", c.members)
	query := url.Values{"by": {"test"}, "name": {name}, "operator": {name}, "role": {role}, "vouched": {fmt.Sprint(vouched)}}
	var invitation struct{ Code string }
	if err := c.ask(http.MethodPost, "/tocsin/community/invitations?"+query.Encode(), &invitation); err != nil {
		c.t.Fatal(err)
	}
	m := membership{url: c.door(netip.AddrFrom4([4]byte{9, byte(c.members), 1, 1}))}
	var joined struct{ Key, Login string }
	c.call(m, "/api/v1/join", map[string]string{"invitation": invitation.Code, "name": name, "terms": "1"}, &joined)
	m.login, m.key = joined.Login, joined.Key
	return m
}

// door returns the address of a proxy, behind which everybody comes from one address.
func (c *centre) door(from netip.Addr) string {
	target, err := url.Parse(c.url)
	if err != nil {
		c.t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Header.Set("X-Forwarded-For", from.String())
	}, ErrorLog: log.New(io.Discard, "", 0)}
	server := httptest.NewServer(proxy)
	c.t.Cleanup(server.Close)
	return server.URL
}

// call sends JSON as a member.
func (c *centre) call(m membership, path string, in, out any) {
	c.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		c.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, m.url+path, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if m.key != "" {
		req.Header.Set("Authorization", "Bearer "+m.key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(text, out)
	}
	if err != nil || resp.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %s %s %v", path, resp.Status, text, err)
	}
}

// reports lets a member report an exploit.
func (c *centre) reports(m membership, address string) {
	c.t.Helper()
	now := time.Now().UTC().Truncate(time.Minute)
	var answer struct{ Accepted int }
	c.call(m, "/api/v1/signals", map[string]any{"signals": []map[string]any{
		{"address": address, "scenario": "crowdsecurity/http-cve-2021-41773", "first": now, "last": now, "count": 4},
	}}, &answer)
	if answer.Accepted != 1 {
		c.t.Fatalf("accepted %d signals, want 1", answer.Accepted)
	}
}

// hidden are the hidden fields of a form.
var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)

// appeals lets the one who has an address appeal on the public page.
func (c *centre) appeals(address string) {
	c.t.Helper()
	door := c.door(netip.MustParseAddr(address))
	page := c.page(http.Get(door + "/"))
	_, form, found := strings.Cut(page, `action="/appeal"`)
	if !found {
		c.t.Fatalf("no appeal on the page:\n%s", page)
	}
	form, _, _ = strings.Cut(form, "</form>")
	fields := url.Values{"text": {"It is my address now."}}
	for _, m := range hidden.FindAllStringSubmatch(form, -1) {
		fields.Set(m[1], html.UnescapeString(m[2]))
	}
	if page := c.page(http.PostForm(door+"/appeal", fields)); !strings.Contains(page, "Your request has arrived") {
		c.t.Fatalf("the appeal:\n%s", page)
	}
}

// page returns the text of an answer.
func (c *centre) page(resp *http.Response, err error) string {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		c.t.Fatalf("%s %s %v", resp.Status, text, err)
	}
	return string(text)
}

// action returns what the list says about an address; empty: nothing.
func (c *centre) action(address string) string {
	c.t.Helper()
	var list struct {
		Listings []struct{ Address, Action string }
	}
	if err := c.ask(http.MethodGet, "/tocsin/community/listings?by=test", &list); err != nil {
		c.t.Fatal(err)
	}
	for _, l := range list.Listings {
		if l.Address == address {
			return l.Action
		}
	}
	return ""
}

// bouncer runs Debian's bouncer for scripts, and returns a function that returns an error
// unless its script was called with add or del and an address.
func (c *centre) bouncer(m membership) func(call string) error {
	c.t.Helper()
	calls := lapitest.CustomBouncer(c.t, m.url, m.key)
	return func(call string) error {
		if text := calls(); !strings.Contains(text, call+" ") {
			return fmt.Errorf("the script was called with %q", text)
		}
		return nil
	}
}

// stops waits until a server stops a client that it has never seen, or no longer does.
func (c *caller) stops(want bool) {
	c.t.Helper()
	c.wait(fmt.Sprintf("%s to be stopped: %v", c.address, want), func() error {
		if r := c.send(call{target: "/"}); (r.status != http.StatusOK) != want {
			return fmt.Errorf("status %d", r.status)
		}
		return nil
	})
}

func TestTheOperatorReplacesALostKey(t *testing.T) {
	c := newCentre(t, "198.51.100.1")
	m := c.join("member", true)
	var fresh struct{ Login, Key string }
	if err := c.ask(http.MethodPost, "/tocsin/community/members/key?by=test&login="+m.login, &fresh); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, key string
		want      int
	}{{"the lost key", m.key, http.StatusUnauthorized}, {"the new key", fresh.Key, http.StatusOK}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.url+"/api/v1/standing", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+row.key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != row.want {
			t.Errorf("%s: %d, want %d", row.name, resp.StatusCode, row.want)
		}
	}
	if err := c.ask(http.MethodPost, "/tocsin/community/members/key?by=test&login=missing", nil); err == nil {
		t.Error("a key for nobody")
	}
}

// Four servers, a real CrowdSec and a real bouncer are members of one community.
func TestACommunityOfRealPrograms(t *testing.T) {
	t.Parallel()
	const attacker, shared, framed = "198.51.100.66", "198.51.100.77", "198.51.100.88"
	c := newCentre(t, shared)
	script := c.bouncer(c.join("reader", false))
	app := wrongPasswords(t)
	var sites []*post
	var members []membership
	for range 4 {
		m := c.join("member", true)
		members = append(members, m)
		sites = append(sites, newPost(t, fmt.Sprintf("community %s %s {\ninterval 1s\n}\nreport community", m.url, m.key), app))
	}
	central := c.join("member", true)
	crowdsec := lapitest.RealOnline(t, lapitest.Central{URL: central.url, Login: central.login, Password: central.key})

	// What only newcomers say lists nobody.
	for range 5 {
		c.reports(c.join("member", false), framed)
	}
	if got := c.action(framed); got != "" {
		t.Errorf("newcomers alone listed %s: %s", framed, got)
	}
	// Who is seen by two sites is stopped by a third that has never seen him.
	for _, s := range sites[:2] {
		s.from(attacker).bundle()
	}
	c.wait("the listing", func() error {
		if c.action(attacker) == "" {
			return errors.New("not listed")
		}
		return nil
	})
	sites[3].from(attacker).stops(true)
	c.wait("the bouncer", func() error { return script("add " + attacker) })
	engine := api{crowdsec, t}
	engine.pulls(attacker, true)

	// An address that many share is challenged at most.
	for _, m := range members {
		c.reports(m, shared)
	}
	if got := c.action(shared); got != "captcha" {
		t.Errorf("a shared address: %q, want captcha", got)
	}
	// An appeal frees the address everywhere, and old evidence does not list it again.
	c.appeals(attacker)
	sites[3].from(attacker).stops(false)
	c.wait("the bouncer", func() error { return script("del " + attacker) })
	c.reports(members[2], attacker)
	if got := c.action(attacker); got != "" {
		t.Errorf("listed again by one report: %s", got)
	}
}

// pulls waits until the engine has a decision of the community about an address.
func (a api) pulls(address string, want bool) {
	a.t.Helper()
	body := fmt.Sprintf(`{"machine_id":%q,"password":%q,"scenarios":["crowdsecurity/http-probing"]}`, a.Machine, a.Password)
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for ; time.Now().Before(deadline); <-tick.C {
		resp, err := http.Post(a.URL+"/v1/watchers/login", "application/json", strings.NewReader(body))
		if err != nil {
			a.t.Fatal(err)
		}
		resp.Body.Close()
		if strings.Contains(a.Cscli("decisions", "list", "-a", "-o", "raw", "--ip", address), address) == want {
			return
		}
	}
	a.t.Errorf("the engine: %s is listed: %v, want %v", address, !want, want)
}
