//go:build linux

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/internal/lapitest"
)

// A trap is what a page of another host has the browsers of its visitors do, so that
// a built-in scenario takes them for attackers.
type trap struct {
	scenario string // without tocsin/
	calls    int
	call     func(i int) call
	action   string // that a program meets for the same; default: captcha

	// A faster scenario alerts about the same requests and stops them, so that this
	// one, which is about those who take their time, has nothing to count.
	behind string

	crowd bool   // each request comes from an address of its own
	not   string // why no page can do this
	never string // why a site with nothing but the defaults sees nothing of this
}

// alerts returns the scenario that is to alert.
func (r trap) alerts() string { return "tocsin/" + cmp.Or(r.behind, r.scenario) }

// posts returns a call that sends a form.
func posts(target, format string) func(int) call {
	return func(i int) call {
		return call{target: target, contentType: formEncoded, body: strings.ReplaceAll(format, "#", strconv.Itoa(i))}
	}
}

// one returns the i-th of targets.
func one(targets ...string) func(int) call {
	return func(i int) call { return get(targets[i]) }
}

// word returns a path that is in a place of its own.
func word(i int) call { return get(fmt.Sprintf("/%contari%c/", 'b'+i%20, 'a'+i/20)) }

// traps has a row for each built-in scenario.
func traps() []trap {
	const noHeader = "a page cannot set Authorization without a preflight, and names in addresses are dropped for what it embeds"
	raw := func(body string) func(int) call {
		return func(i int) call {
			return call{target: "/xmlrpc.php", contentType: "text/plain", body: strings.ReplaceAll(body, "#", strconv.Itoa(i))}
		}
	}
	signed := func(format string) func(int) call {
		return func(i int) call { return call{target: "/private/", auth: fmt.Sprintf(format, i)} }
	}
	basic := func(i int) call {
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth("ann", strconv.Itoa(i))
		return call{target: "/private/", auth: r.Header.Get("Authorization")}
	}
	graphQL := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `a%d:login(user:\"ann\",pass:\"p%d\"){token} `, i, i)
		}
		return `{"query":"mutation {` + b.String() + `}","x":"="}`
	}
	return []trap{
		{scenario: "appsec-bans", never: "it asks no AppSec"},
		{scenario: "appsec-slow", never: "it asks no AppSec"},
		{scenario: "http-path-traversal", calls: 5, call: func(i int) call { return getf("/?page=../../../etc/passwd&n=%d", i) }, action: "ban"},
		{scenario: "http-path-traversal-again", calls: 7, call: func(i int) call { return getf("/?page=../../../etc/passwd&n=%d", i) }, action: "ban", behind: "http-path-traversal"},
		{scenario: "http-scanner-agents", calls: 1, call: func(int) call { return call{target: "/", agent: "sqlmap/1.7#stable (https://sqlmap.org)"} }, action: "ban", not: "a page cannot change the user agent without a preflight, which has the browser's own"},
		{scenario: "http-odd-methods", calls: 4, call: func(i int) call { return call{method: "TRACK", target: fmt.Sprint("/", i)} }, not: "a browser refuses TRACE and TRACK, and sends a preflight before others"},
		{scenario: "http-login-bf", calls: 8, call: posts("/wp-login.php", "log=ann&pwd=guess#")},
		{scenario: "http-login-unread", calls: 8, call: posts("/wp-login.php", "log=&pwd=&n=#")},
		{scenario: "http-login-guessing", calls: 10, call: posts("/enter", "username=ann&password=guess#")},
		{scenario: "http-login-bf-slow", calls: 18, call: posts("/wp-login.php", "log=ann&pwd=guess#"), behind: "http-login-bf"},
		{scenario: "http-login-spray", calls: 14, call: posts("/wp-login.php", "log=user#&pwd=leaked"), behind: "http-login-bf"},
		{scenario: "http-login-spray-slow", calls: 24, call: posts("/wp-login.php", "log=user#&pwd=leaked"), behind: "http-login-bf"},
		{scenario: "http-login-slow", calls: 24, call: posts("/wp-login.php", "log=user#&pwd=leaked"), behind: "http-login-bf"},
		{scenario: "http-basic-bf", calls: 6, call: basic, not: noHeader},
		{scenario: "http-digest-bf", calls: 16, call: signed(`Digest username="ann", nonce="n", response="%032x"`), not: noHeader},
		{scenario: "http-proof-bf", calls: 12, call: posts("/login_sid.lua", "username=ann&response=12345678-0f1e2d3c4b5a69788796a5b4c3d2e1#")},
		{scenario: "http-proof-guard", calls: 18, call: posts("/login_sid.lua", "username=ann&response=12345678-0f1e2d3c4b5a69788796a5b4c3d2e1#"), crowd: true},
		{scenario: "http-token-guessing", calls: 51, call: signed("Bearer token-%d"), not: noHeader},
		{scenario: "http-code-guessing", calls: 18, call: func(i int) call {
			return call{target: "/2fa", contentType: formEncoded, body: fmt.Sprintf("password=%06d", i)}
		}},
		{scenario: "http-code-guard", calls: 24, call: func(i int) call {
			return call{target: "/2fa", contentType: formEncoded, body: fmt.Sprintf("password=%06d", i)}
		}, crowd: true},
		{scenario: "http-lookup-guessing", calls: 36, call: posts("/cart", "voucher=SPRING#")},
		{scenario: "http-login-bundle", calls: 2, call: func(int) call { return call{target: "/graphql", contentType: "text/plain", body: graphQL(50)} }, action: "ban"},
		{scenario: "http-login-guard", calls: 18, call: posts("/wp-login.php", "log=user#&pwd=leaked"), crowd: true},
		{scenario: "http-login-guard-slow", calls: 26, call: posts("/wp-login.php", "log=user#&pwd=leaked"), crowd: true, behind: "http-login-guard"},
		{scenario: "http-login-guard-user", calls: 18, call: func(i int) call {
			return call{target: fmt.Sprintf("/%c/wp-login.php", 'b'+i), contentType: formEncoded, body: fmt.Sprint("log=ann&pwd=guess", i)}
		}, crowd: true},
		{scenario: "http-probing", calls: 14, call: word},
		{scenario: "http-probing-slow", calls: 24, call: word, behind: "http-probing"},
		{scenario: "http-probing-guard", calls: 30, call: word, crowd: true},
		{scenario: "http-scan-paths", calls: 7, call: one("/phpmyadmin", "/jenkins", "/actuator", "/cgi-bin", "/solr", "/server-status", "/manager/html")},
		{scenario: "http-api-fuzzing", calls: 11, call: one("/api/admin", "/api/debug", "/api/config", "/api/apikeys", "/api/billing", "/api/backup", "/api/console",
			"/api/database", "/api/dev", "/api/download", "/api/auth")},
		{scenario: "http-enumeration", calls: 48, call: func(i int) call { return getf("/orders/%d", i+1000) }},
		{scenario: "http-enumeration-query", never: "it refuses nothing by 403"},
		{scenario: "http-link-guessing", calls: 34, call: func(i int) call { return getf("/users/reset/%06x", i*7919) }},
		{scenario: "http-backup-files", calls: 5, call: one("/backup.zip", "/site.tar.gz", "/dump.sql", "/db.sql.gz", "/www.rar")},
		{scenario: "http-secret-files", calls: 4, call: one("/.env", "/.git/config", "/wp-config.php.bak", "/.aws/credentials")},
		{scenario: "http-inner-files", calls: 5, call: one("/project/.git/HEAD", "/actuator/env", "/api/credentials.json", "/app/.svn/entries", "/web.config")},
		{scenario: "http-exposed-files", calls: 5, call: one("/app/config/.env", "/app/config/.env.production", "/srv/web/.ssh/id_rsa", "/shop/.git/config", "/shop/.git/index")},
		{scenario: "http-backdoors", calls: 3, call: one("/c99.php", "/wso.php", "/r57.php"), action: "ban"},
		{scenario: "waf-attacks", never: "it has no WAF"},
		{scenario: "waf-suspicion", never: "it has no WAF"},
		{scenario: "wordpress-xmlrpc-bf", calls: 24, call: raw("no=call-#")},
		{scenario: "wordpress-xmlrpc-credentials", calls: 8, call: raw(xmlrpc("wp.getUsersBlogs", "<param>"+xmlString("ann")+"</param><param>"+xmlString("guess#")+"</param>"))},
		{scenario: "wordpress-xmlrpc-multicall", calls: 2, call: raw(multicall(50)), action: "ban"},
		{scenario: "wordpress-user-enum", calls: 18, call: func(i int) call { return getf("/?author=%d", i+1) }},
		{scenario: "wordpress-scan", calls: 5, call: func(i int) call { return get("/wp-content/plugins/" + plugins[i] + "/") }},
		{scenario: "wordpress-ajax-probing", calls: 8, call: func(i int) call { return getf("/wp-admin/admin-ajax.php?action=try%d", i) }},
	}
}

// victimSite answers what is asked in traps as sites do.
func victimSite(w http.ResponseWriter, r *http.Request) {
	status, body := http.StatusNotFound, "nothing here"
	switch path := r.URL.Path; {
	case path == "/", path == "/enter", path == "/graphql":
		status, body = http.StatusOK, `<p id="home">Welcome</p>`
	case strings.HasSuffix(path, "/wp-login.php"):
		status, body = http.StatusOK, `<form method="post"><input name="log"><input type="password" name="pwd"></form>`
	case path == "/cart":
		status = http.StatusUnprocessableEntity
	case path == "/private/", path == "/2fa", path == "/login_sid.lua":
		status = http.StatusUnauthorized
	case strings.HasSuffix(path, "/admin-ajax.php"):
		status = http.StatusBadRequest
	case r.Method == "TRACK":
		status = http.StatusMethodNotAllowed
	}
	w.Header().Set("Cache-Control", "no-store")
	if isSecret(r.URL.Path) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = fmt.Fprint(w, "secret = 1\n")
		return
	}
	if r.URL.Path == "/xmlrpc.php" {
		w.Header().Set("Content-Type", "text/xml; charset=UTF-8")
		_, _ = fmt.Fprint(w, `<?xml version="1.0"?><methodResponse><fault><value><struct><member><name>faultCode</name><value><int>403</int></value></member></struct></value></fault></methodResponse>`)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `<!doctype html><link rel="icon" href="data:,"><title>site</title>%s`, body)
}

// isSecret reports whether the site hands out a file by mistake.
func isSecret(path string) bool {
	return strings.HasPrefix(path, "/app/config/") || strings.HasPrefix(path, "/srv/web/") || strings.HasPrefix(path, "/shop/.git/")
}

// ways have a page send requests, each in its manner, and wait for what comes of
// them. Frames are opened by their address and by a script in turns.
const ways = `window.flood = async (site, way, calls) => {
	const put = (tag, set) => { const e = document.createElement(tag); set(e); return e };
	const ended = (e, go) => new Promise(done => { go(); e.onload = e.onerror = done });
	const added = e => ended(e, () => document.body.append(e));
	const ways = {
		image: c => added(put('img', e => e.src = c.url)),
		script: c => added(put('script', e => e.src = c.url)),
		style: c => added(put('link', e => { e.rel = 'stylesheet'; e.href = c.url })),
		frame: (c, i) => {
			const e = put('iframe', e => { if (i % 2) e.src = c.url });
			if (i % 2) return added(e);
			document.body.append(e);
			return ended(e, () => e.contentWindow.location = c.url);
		},
		fetch: c => fetch(c.url, c.body ? {method: 'POST', mode: 'no-cors', credentials: 'include', body: c.body, headers: {'Content-Type': c.type}} : {mode: 'no-cors', credentials: 'include'}).catch(() => 0),
		form: (c, i) => {
			const frame = put('iframe', e => e.name = 'frame' + way + i);
			const form = put('form', e => { e.method = 'post'; e.action = c.url; e.target = frame.name });
			const field = (name, value) => form.append(put('input', e => { e.type = 'hidden'; e.name = name; e.value = value }));
			if (c.type == 'text/plain') {
				form.enctype = c.type;
				const at = c.body.indexOf('=');
				field(c.body.slice(0, at), c.body.slice(at + 1));
			} else for (const [name, value] of new URLSearchParams(c.body)) field(name, value);
			document.body.append(frame, form);
			return ended(frame, () => HTMLFormElement.prototype.submit.call(form));
		},
	};
	await Promise.all(calls.map((c, i) => ways[way]({...c, url: site + c.target}, i)));
	window.flooded = (window.flooded ?? 0) + 1;
}, true`

// A stage is a site with nothing but the defaults, and other people's pages.
type stage struct {
	*post
	api    *lapitest.Server
	front  *front
	secure bool
	evil   string // the address of the other pages

	next   int              // the number of the next victim
	mu     sync.Mutex       // for what follows
	crowds map[string]int64 // requests to hosts of which each has an address of its own
}

func newStage(t *testing.T, secure bool) *stage {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(victimSite))
	t.Cleanup(app.Close)
	s := &stage{secure: secure, api: lapitest.Start(t, lapitest.Config{}), crowds: map[string]int64{}}
	options := fmt.Sprintf("lapi %s %s {\ninterval 1h\nmachine %s %s\n}\nreport lapi\nchallenge pow {\nlevel low\n}", s.api.URL, lapitest.DefaultKey, lapitest.DefaultMachine, lapitest.DefaultPassword)
	s.post = newPostAt(t, victimHosts(), options, "reverse_proxy "+app.Listener.Addr().String())
	s.front = startFront(s.post, secure, s.addressAt)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		show(`<a id="link" href="`+r.URL.Query().Get("to")+`">a link</a>`)(w, r)
	})
	mux.HandleFunc("/quiet", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Referrer-Policy", "no-referrer")
		show("")(w, r)
	})
	evil := httptest.NewServer(mux)
	t.Cleanup(evil.Close)
	s.evil = strings.Replace(evil.URL, "127.0.0.1", "evil.example", 1)
	return s
}

// A victim is a visitor with a host name and an address that no other visitor uses.
type victim struct {
	host, address, target string // target: as alerts name it
	network               netip.Prefix
	site                  string // the address of the site
}

// victimHosts returns the addresses of all of them. The config names each, so that
// each is a site of its own: guards and what is learned are about one site.
func victimHosts() string {
	const many = 200
	var all []string
	for n := range many {
		all = append(all, fmt.Sprintf("http://victim%d.example", n), fmt.Sprintf("http://crowd-victim%d.example", n))
	}
	return strings.Join(all, ", ")
}

// victim returns the next one, in a network of its own.
func (s *stage) victim(crowd bool) victim {
	s.next++
	n := s.next
	v := victim{host: fmt.Sprintf("victim%d.example", n), address: fmt.Sprintf("2001:db8:%x00::1", n)}
	if crowd {
		v.host = "crowd-" + v.host
	}
	v.network, _ = netip.MustParseAddr(v.address).Prefix(40)
	v.target = netip.PrefixFrom(netip.MustParseAddr(v.address), 64).Masked().String()
	u, _ := url.Parse(s.front.URL)
	v.host += ":" + u.Port()
	v.site = u.Scheme + "://" + v.host
	return v
}

// addressAt returns the address of who asks for a host: that of its victim, or, in
// a crowd, the next one of the same network.
func (s *stage) addressAt(host string) string {
	name, _, _ := strings.Cut(host, ".")
	number, crowd := strings.CutPrefix(name, "crowd-")
	n, _ := strconv.Atoi(strings.TrimPrefix(number, "victim"))
	if !crowd {
		return fmt.Sprintf("2001:db8:%x00::1", n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.crowds[host] < 0 {
		return fmt.Sprintf("2001:db8:%x00::1", n)
	}
	s.crowds[host]++
	return fmt.Sprintf("2001:db8:%x00:%x::1", n, s.crowds[host])
}

// settles has all further requests of v come from one address.
func (s *stage) settles(v victim) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crowds[v.host] = -1
}

// A flood is one way in which a page sends requests.
type flood struct{ page, way string }

func (f flood) String() string { return f.way + " of the " + f.page + " page" }

// floods returns ways to send the calls of r: one for each page, in turns from row to
// row, since all of them for all rows take minutes. Of a scenario that a faster one
// forestalls there is one.
func (r trap) floods(row int) []flood {
	ways := []string{"image", "script", "style", "frame", "fetch"}
	all := []flood{{"evil", ways[row%5]}, {"quiet", ways[(row/2+3)%5]}, {"own", "image"}}
	if r.call(0).body != "" {
		ways = []string{"form", "fetch"}
		all = []flood{{"evil", ways[row%2]}, {"quiet", ways[(row+1)%2]}}
	}
	if r.behind != "" { // the row of that one has the others
		return all[:1]
	}
	return all
}

// sends has a tab open the page of f, which sends the calls of r to v.
func (s *stage) sends(tab *visitor, r trap, f flood, v victim) {
	tab.t.Helper()
	tab.Open(map[string]string{"evil": s.evil + "/", "quiet": s.evil + "/quiet", "own": v.site + "/"}[f.page])
	type sent struct {
		Target string `json:"target"`
		Body   string `json:"body,omitempty"`
		Type   string `json:"type,omitempty"`
	}
	var calls []sent
	for i := range r.calls {
		c := r.call(i)
		calls = append(calls, sent{c.target, c.body, c.contentType})
	}
	text, err := json.Marshal(calls)
	if err != nil {
		tab.t.Fatal(err)
	}
	look[bool](tab, ways)
	look[bool](tab, fmt.Sprintf("(flood(%q, %q, %s), true)", v.site, f.way, text))
	tab.Until("window.flooded == 1")
}

// own reports whether nothing tells requests of f from the visitor's own: a browser
// says whose they are to sites with HTTPS, where they come from unless the page
// forbids it, and asks for pictures and styles in a way of their own.
func (s *stage) own(r trap, f flood) bool {
	return !s.secure && f.page == "quiet" && r.call(0).body == "" && (f.way == "script" || f.way == "frame" || f.way == "fetch")
}

// alarms returns the alerts about v, and about what its requests have led to a guard
// of.
func (s *stage) alarms(v victim) []alarm {
	name, _, _ := strings.Cut(v.host, ":")
	return slices.DeleteFunc(s.every(), func(a alarm) bool {
		p, err := netip.ParsePrefix(a.Target)
		return (err != nil || !v.network.Contains(p.Addr())) && !strings.Contains(a.Guard, name)
	})
}

// program sends the calls of r as a program does that means it, from addresses that
// nobody else has, and waits until the scenario has caught it.
func (s *stage) program(t *testing.T, r trap) {
	t.Helper()
	v := s.victim(r.crowd)
	p := s.with(t)
	for i := range r.calls {
		c := r.call(i)
		c.host = v.host
		p.from(s.addressAt(v.host)).send(c)
	}
	action := cmp.Or(r.action, "captcha")
	p.wait("the alert of "+r.alerts(), func() error {
		all := s.alarms(v)
		if !slices.ContainsFunc(all, func(a alarm) bool {
			return a.Scenario == r.alerts() && !a.Reflected && a.Decision != nil && a.Decision.Action == action && (a.Guard != "") == r.crowd
		}) {
			return fmt.Errorf("alerts: %v", all)
		}
		return nil
	})
}

// unharmed checks that v still gets the site after what f has done in its browser.
func (s *stage) unharmed(t *testing.T, r trap, f flood, v victim) {
	t.Helper()
	caught := false
	for _, a := range s.alarms(v) {
		caught = caught || a.Scenario == r.alerts()
		if !a.Reflected && a.Guard == "" {
			t.Errorf("%v: %v", f, a)
		}
	}
	if caught == (r.scenario == netGuard) {
		t.Errorf("%v: alert of %s: %v: %v", f, r.alerts(), caught, s.alarms(v))
	}
	if reply := s.with(t).from(v.address).send(call{target: "/", host: v.host}); reply.status != http.StatusOK {
		t.Errorf("%v: the visitor is answered %d, %q", f, reply.status, reply.header.Get("X-Tocsin"))
	}
}

// The scenario that guards a network, and that pages of others cannot trip.
const netGuard = "http-probing-guard"

// visits has a tab come by address, and then by a link of the evil page, and returns
// what was asked for that.
func (s *stage) visits(tab *visitor, v victim) (typed, linked string) {
	tab.t.Helper()
	before := len(tab.asked())
	since := func() string {
		all := strings.Split(tab.history(), ", ")[before:]
		before += len(all)
		return strings.Join(all, ", ")
	}
	tab.Open(v.site + "/")
	tab.see("#home")
	typed = since()
	tab.Open(s.evil + "/?to=" + url.QueryEscape(v.site+"/"))
	since()
	tab.click("#link")
	tab.see("#home")
	return typed, since()
}

// Requests that a page of another host, or a picture in a post on the site itself, makes
// a browser send do not count against the visitor, in any scenario: the visitor still
// gets the site, maybe after a challenge, no alert goes to CrowdSec, and the alerts say
// that the requests are reflected. A program that sends the same requests is caught.
func TestPagesOfOthersHarmNoVisitorInABrowser(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		secure bool
	}{
		{"a site with HTTPS, to which browsers say whose requests are", true},
		{"a site without", false},
	} {
		for part := range 2 { // most of the time is waiting for alerts
			t.Run(fmt.Sprintf("%s, part %d", row.name, part), func(t *testing.T) {
				t.Parallel()
				s := newStage(t, row.secure)
				tab := newVisitor(t, browserConfig{})
				tab.readsNoisyPages()
				var victims []victim
				for i, r := range traps() {
					if i%2 != part {
						continue
					}
					t.Run(r.scenario, func(t *testing.T) {
						if r.never != "" {
							t.Skip(r.never)
						}
						victims = append(victims, s.harm(t, tab, r, i)...)
					})
				}
				s.silent(t, victims)
			})
		}
	}
}

// harm has pages do what r describes to victims, and a program after them, and
// returns the victims that are to be unharmed. Answers are judged in their order:
// with those to the program, all are.
func (s *stage) harm(t *testing.T, tab *visitor, r trap, row int) (victims []victim) {
	t.Helper()
	if r.not != "" {
		s.program(t, r)
		return nil
	}
	var floods []flood
	var blamed []victim // for want of anything that tells
	for _, f := range r.floods(row) {
		v := s.victim(r.crowd)
		s.sends(tab, r, f, v)
		if s.own(r, f) {
			blamed = append(blamed, v)
			continue
		}
		floods, victims = append(floods, f), append(victims, v)
	}
	s.program(t, r)
	for i, f := range floods {
		s.unharmed(t, r, f, victims[i])
	}
	for _, v := range blamed {
		all := s.alarms(v)
		if slices.ContainsFunc(all, func(a alarm) bool { return a.Reflected }) {
			t.Errorf("what nothing tells from the visitor's own act is known after all: %v", all)
		}
		if slices.ContainsFunc(all, func(a alarm) bool { return a.Decision != nil && a.Decision.Action == "ban" }) {
			t.Errorf("what may be the act of another page leads to a ban: %v", all)
		}
	}
	s.settles(victims[0]) // a pass is of one address
	typed, linked := s.visits(tab, victims[0])
	const passes = "GET 403, POST 204, GET 200"
	want := [2]string{"GET 200", passes}
	if r.crowd {
		want[1] = "GET 200"
	}
	if got := [2]string{typed, linked}; got != want {
		t.Errorf("by address and by the link: %q, want %q", got, want)
	}
	return victims
}

// A client that claims that its requests come from pages of others is not banned for
// them. It gets a challenge, also at paths that serve other pages, such as the start
// page.
func TestForgingWhoseRequestsAreWinsNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	for _, r := range traps() {
		if r.never != "" || r.crowd || r.call(0).auth != "" {
			continue
		}
		t.Run(r.scenario, func(t *testing.T) {
			v := s.victim(false)
			c := s.with(t).from(v.address)
			forged := func(q call) reply {
				q.host, q.site = v.host, "cross-site"
				return c.send(q)
			}
			for range 3 { // what a link on another page does
				forged(get("/"))
			}
			stopped := func() bool {
				for i := range r.calls {
					if r := forged(r.call(i)); r.status == http.StatusForbidden && r.header.Get("X-Tocsin") == "challenge" {
						return true
					}
				}
				return false
			}
			s.with(t).wait("a challenge", func() error {
				if !stopped() {
					return fmt.Errorf("alerts: %v", s.alarms(v))
				}
				return nil
			})
			for i := range r.calls {
				if reply := forged(r.call(i)); reply.header.Get("X-Tocsin") != "challenge" {
					t.Fatalf("%s goes through afterwards: status %d", r.call(i).target, reply.status)
				}
			}
		})
	}
}

// silent checks that the Local API got only alerts about programs.
func (s *stage) silent(t *testing.T, victims []victim) {
	t.Helper()
	p := s.with(t)
	p.wait("all reports", func() error {
		for _, r := range p.detection().Reporters {
			if r.Queued > 0 || r.Sent == 0 {
				return fmt.Errorf("%+v", r)
			}
		}
		return nil
	})
	for _, told := range s.api.Alerts() {
		var a struct{ Source struct{ IP string } }
		if err := json.Unmarshal(told.JSON, &a); err != nil {
			t.Fatal(err)
		}
		ip := netip.MustParseAddr(a.Source.IP)
		for _, v := range victims {
			if v.network.Contains(ip) {
				t.Errorf("told of a victim: %s", told.JSON)
			}
		}
	}
}

// Every scenario that is built in has a row above, and those that no page can trip
// say why.
func TestTrapsAreForAllScenarios(t *testing.T) {
	t.Parallel()
	rules, err := detect.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range traps() {
		names = append(names, "tocsin/"+r.scenario)
		if (r.call == nil) != (r.never != "") {
			t.Errorf("%s: no requests and no reason why not, or both", r.scenario)
		}
	}
	slices.Sort(names)
	if all := rules.Names(); !slices.Equal(names, slices.Sorted(slices.Values(all))) {
		t.Errorf("rows for %q, want %q", names, all)
	}
}
