package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/internal/appsectest"
	"github.com/tocsin-project/tocsin/lookup"
)

// inspected returns a Caddyfile of one site behind the AppSec at url. Its error
// routes say so.
func (h *host) inspected(url, global, block, site string) string {
	h.t.Helper()
	h.list("list.txt", banned)
	return globals("blocklist {DIR}/list.txt\nsnapshot off\n"+global+
		"\nappsec "+url+" "+appsectest.Key+" {\ntimeout 30s\n"+block+"\n}") +
		"http://{ADDR} {\ntocsin {\n" + site + "\n}\nrespond \"site:{http.tocsin.action}:{http.tocsin.challenge}\"\n" +
		"handle_errors {\nrespond \"error {http.tocsin.action} {http.tocsin.origin} {http.tocsin.reason}\" {http.error.status_code}\n}\n}"
}

// post sends a form as the client with address from.
func (h *host) post(from, path, body string) answer {
	h.t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+h.addr+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("X-Forwarded-For", from)
	a, err := h.do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

func TestAppSecJudgesRequests(t *testing.T) {
	h := newHost(t)
	s := appsectest.Start(t, nil)
	h.load(h.inspected(s.URL, "challenge off", "", ""))
	for _, row := range []struct {
		name, path, body string
		status           int
		want             string
	}{
		{"a page", "/", "", 200, "site:"},
		{"a form", "/", "a=b", 200, "site:"},
		{"an attack in the query", "/?q=evil", "", 403, "error ban appsec AppSec: ban"},
		{"an attack in a form", "/", "q=evil", 403, "error ban appsec AppSec: ban"},
		{"a status of AppSec's own", "/teapot", "", 418, "error ban appsec AppSec: ban"},
		{"a captcha with challenges off", "/wp-login.php", "", 403, "error captcha appsec AppSec: captcha"},
		{"an action that nobody knows", "/tarpit", "", 403, "error ban appsec AppSec: tarpit"},
		{"what is AppSec's own", appsec.InternalPrefix + "submit", "a=b", 404, "error ban appsec AppSec has no such challenge page"},
	} {
		a := h.post(attacker, row.path, row.body)
		if a.status != row.status || !strings.HasPrefix(a.body, row.want) {
			t.Errorf("%s: status %d, %q", row.name, a.status, a.body)
		}
	}
	s.Last(t, 8)
}

// AppSec gets the address of the client that Caddy has determined, whatever the client
// claims, and the request from before any rewrite.
func TestAppSecIsToldWhoAsksForWhat(t *testing.T) {
	h := newHost(t)
	s := appsectest.Start(t, nil)
	h.list("list.txt", banned)
	h.load(globals("blocklist {DIR}/list.txt\nsnapshot off\nappsec "+s.URL+" "+appsectest.Key+" {\ntimeout 30s\n}") +
		"http://{ADDR} {\nroute {\nmethod PUT\nrewrite /rewritten\ntocsin\nrespond ok\n}\n}")
	r := h.request(http.MethodGet, attacker, "/asked?x=1#y")
	for _, name := range []string{"Ip", "Uri", "Verb", "Host", "Api-Key", "Transaction-Id"} {
		r.Header.Set("X-Crowdsec-Appsec-"+name, "203.0.113.9")
	}
	r.Header.Set("X-Forwarded-Proto", "https")
	if a, err := h.do(r); err != nil || a.status != http.StatusOK {
		t.Fatal(a, err)
	}
	q := s.Last(t, 1)
	ref := q.Header.Get("X-Crowdsec-Appsec-Transaction-Id")
	if q.IP != attacker || q.URI != "/asked?x=1" || q.Verb != http.MethodGet || len(ref) != 10 || q.Header.Get("X-Crowdsec-Appsec-Host") != h.addr {
		t.Errorf("%+v", q)
	}
}

func TestWhatIsNotInspected(t *testing.T) {
	for _, row := range []struct {
		name, global, site, from, path string
		status                         int
		asked                          int
	}{
		{"a site without", "", "appsec off", attacker, "/?q=evil", 200, 0},
		{"an allow-listed client", "allow " + attacker, "", attacker, "/?q=evil", 200, 0},
		{"one that is allow-listed here", "", "allow " + attacker, attacker, "/?q=evil", 200, 0},
		{"an allow-listed client that asks for AppSec's own", "allow " + attacker, "", attacker, appsec.InternalPrefix, 404, 1},
		{"a client that a decision stops", "", "", banned, "/?q=evil", 403, 0},
		{"one that a scenario stops", trap, "", attacker, "/trap?q=evil", 403, 0},
		{"a dry run is", "", "dry_run", attacker, "/?q=evil", 200, 1},
		{"a site without a look for abuse is", "", "detect off", attacker, "/?q=evil", 403, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t)
			s := appsectest.Start(t, nil)
			h.load(h.inspected(s.URL, row.global, "", row.site))
			h.waitSynced()
			if a := h.get(row.from, row.path); a.status != row.status {
				t.Errorf("status %d, %q", a.status, a.body)
			}
			s.Last(t, row.asked)
		})
	}
}

// A request that comes to the directive again, here in the error routes, has been
// asked about.
func TestAppSecIsAskedOnceForARequest(t *testing.T) {
	h := newHost(t)
	s := appsectest.Start(t, nil)
	h.list("list.txt", banned)
	h.load(globals("blocklist {DIR}/list.txt\nsnapshot off\nappsec "+s.URL+" "+appsectest.Key+" {\ntimeout 30s\n}") +
		"http://{ADDR} {\nroute {\ntocsin\ntocsin\nerror 502\n}\nhandle_errors {\ntocsin\nrespond fallback 502\n}\n}")
	if a := h.post(attacker, "/", "a=b"); a.status != http.StatusBadGateway || a.body != "fallback" {
		t.Errorf("status %d, %q", a.status, a.body)
	}
	s.Last(t, 1)
	if a := h.get(attacker, "/"); a.status != http.StatusBadGateway {
		t.Errorf("without a body: status %d, %q", a.status, a.body)
	}
	s.Last(t, 2)
	if a := h.get(attacker, "/?q=evil"); a.status != http.StatusForbidden {
		t.Errorf("an attack: status %d, %q", a.status, a.body)
	}
	s.Last(t, 3)
}

// The page for a site that does not answer may come from another server, and that
// gets the body.
func TestErrorRoutesGetTheBody(t *testing.T) {
	h := newHost(t)
	s, site := appsectest.Start(t, nil), backend(t)
	h.list("list.txt", banned)
	h.load(globals("blocklist {DIR}/list.txt\nsnapshot off\nappsec "+s.URL+" "+appsectest.Key+" {\ntimeout 30s\n}") +
		"http://{ADDR} {\nroute {\ntocsin\nerror 503\n}\nhandle_errors {\nrewrite /hash\nreverse_proxy " + site.Listener.Addr().String() + "\n}\n}")
	if a := h.post(attacker, "/", "a=b"); !strings.Contains(a.body, "3 bytes") {
		t.Errorf("%q", a.body)
	}
	if a := h.post(attacker, "/", "a=evil"); !strings.Contains(a.body, "0 bytes") {
		t.Errorf("it gets an attack: %q", a.body)
	}
	waitForInspector(t, func(s appsec.Stats) bool { return s.BodyMemory == 0 })
}

// waitForInspector waits until what the inspector of the running app counts is good.
func waitForInspector(t *testing.T, good func(appsec.Stats) bool) {
	t.Helper()
	app, err := runningApp()
	if err != nil {
		t.Fatal(err)
	}
	wait(t, func() error {
		if s := app.inspectors[0].Inspector.(guest.Counted).Stats(); !good(s) {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
}

// A captcha is met by our challenge, each request is inspected all the same, and an
// attack is one with a pass too.
func TestACaptchaOfAppSecIsSolved(t *testing.T) {
	h := newHost(t)
	captcha := true
	s := appsectest.Start(t, func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		if captcha && !strings.Contains(r.Header.Get("X-Crowdsec-Appsec-Uri"), "evil") {
			w.WriteHeader(http.StatusForbidden)
			say(w, `{"action":"captcha","http_status":403}`)
			return
		}
		answer(w, r)
	})
	h.load(h.inspected(s.URL, "challenge pow {\nlevel low\n}", "", ""))
	cookie := h.solve(h.challenge())
	if a := h.visit(cookie); a.status != http.StatusOK || a.body != "site:captcha:passed" {
		t.Errorf("with a pass: status %d, %q", a.status, a.body)
	}
	r := h.request(http.MethodGet, suspect, "/?q=evil")
	r.Header.Set("Cookie", cookie)
	if a, err := h.do(r); err != nil || a.status != http.StatusForbidden || !strings.HasPrefix(a.body, "error ban appsec") {
		t.Errorf("an attack with a pass: status %d, %q, %v", a.status, a.body, err)
	}
}

// A challenge of AppSec's own gets to the browser as it is, past the error routes,
// and so does all that its page fetches and sends.
func TestAChallengeOfAppSecIsRelayed(t *testing.T) {
	h := newHost(t)
	var mu sync.Mutex
	var asked []string
	s := appsectest.Start(t, func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		uri := r.Header.Get("X-Crowdsec-Appsec-Uri")
		mu.Lock()
		asked = append(asked, r.Header.Get("X-Crowdsec-Appsec-Verb")+" "+uri)
		mu.Unlock()
		w.WriteHeader(http.StatusForbidden)
		if strings.HasPrefix(uri, appsec.InternalPrefix) {
			say(w, `{"action":"challenge","http_status":200,"user_body_content":"{\"status\":\"ok\"}",`+
				`"user_cookies":["__crowdsec_challenge=x; Path=/"],"user_headers":{"Content-Type":["application/json"]}}`)
			return
		}
		say(w, `{"action":"challenge","http_status":307,"user_body_content":%q,"user_cookies":["a=1","b=2; Secure"],`+
			`"user_headers":{"Location":["/next"],"X-Many":["1","2"]}}`, strings.Repeat("p", 250_000))
	})
	h.load(h.inspected(s.URL, "", "", "dry_run"))
	if a := h.get(attacker, "/page"); a.status != http.StatusOK {
		t.Errorf("in a dry run: status %d", a.status)
	}
	if a := h.post(attacker, appsec.InternalPrefix+"submit", "f=1"); a.body != `{"status":"ok"}` {
		t.Errorf("what is AppSec's own, in a dry run: %q", a.body)
	}
	h.load(h.inspected(s.URL, "", "", ""))
	r := h.request(http.MethodGet, attacker, "/page")
	r.Header.Set("X-Forwarded-Proto", "https")
	a, err := h.do(r)
	if err != nil || a.status != 307 || len(a.body) != 250_000 || a.header.Get("Location") != "/next" || len(a.header["X-Many"]) != 2 {
		t.Errorf("status %d, %v, %d bytes, %v", a.status, a.header, len(a.body), err)
	}
	if got := fmt.Sprint(a.header["Set-Cookie"]); got != "[a=1; Secure b=2; Secure]" {
		t.Errorf("cookies %s", got)
	}
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions} {
		a, err := h.do(h.request(method, attacker, appsec.InternalPrefix+"submit"))
		if err != nil || a.status != 200 || a.header.Get("Set-Cookie") != "__crowdsec_challenge=x; Path=/" || (a.body == "") != (method == http.MethodHead) {
			t.Errorf("%s: %+v, %v", method, a, err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(asked) != 7 {
		t.Errorf("asked %q", asked)
	}
	// That a page fetches what it needs is no stop.
	var stopped, relayed uint64
	for _, c := range runningEngine(t).counters.each {
		for _, o := range c.Snapshot().ByOrigin {
			if o.Origin == "appsec" {
				stopped, relayed = stopped+o.Stopped, relayed+o.Relayed
			}
		}
	}
	if stopped != 1 || relayed != 1 {
		t.Errorf("%d stopped, %d of them by a challenge of AppSec's; want 1 and 1", stopped, relayed)
	}
}

// A client that continues to attack is banned, and AppSec does not get its requests any
// more.
func TestWhoTripsRulesAgainAndAgainIsBanned(t *testing.T) {
	h := newHost(t)
	s := appsectest.Start(t, nil)
	h.load(h.inspected(s.URL, "detect builtin", "", ""))
	for i := range 5 {
		if a := h.get(attacker, fmt.Sprint("/teapot?", i)); a.status != http.StatusTeapot {
			t.Fatalf("status %d", a.status)
		}
	}
	h.waitStatus(attacker, http.StatusForbidden)
	if d, ok := runningEngine(t).Table().Lookup(addr(t, attacker)); !ok || d.Action != lookup.Ban || d.Reason != "tocsin/appsec-bans" {
		t.Errorf("%+v, %v", d, ok)
	}
}

// An unsolved captcha, a failure and an answer of our own are no attack.
func TestWhatIsNoAttackBansNobody(t *testing.T) {
	h := newHost(t)
	var down atomic.Bool
	s := appsectest.Start(t, func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		if down.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		answer(w, r)
	})
	h.load(h.inspected(s.URL, "detect builtin", "failure ban\nbody_over ban\nbody_limit 10", ""))
	for _, outage := range []bool{true, false} {
		down.Store(outage)
		for range 8 {
			want := map[bool]int{false: 403, true: 503}[outage]
			if a := h.get(attacker, "/wp-login.php"); a.status != want {
				t.Errorf("outage %v: status %d", outage, a.status)
			}
		}
	}
	for range 8 {
		if a := h.post(attacker, "/", "more than ten bytes"); a.status != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d", a.status)
		}
	}
	if a := h.get(attacker, "/"); a.status != http.StatusOK {
		t.Errorf("status %d", a.status)
	}
	if n := runningEngine(t).Stats().Alerts.Total; n != 0 {
		t.Errorf("%d alerts", n)
	}
}

// A reload with another policy goes on with the same client of AppSec: with its
// connections and counts, and what it knows of one that hangs.
func TestAppSecGoesOnOverReloads(t *testing.T) {
	h := newHost(t)
	s := appsectest.Start(t, nil)
	var before *inspector
	for i, row := range []struct{ global, block, site string }{
		{"", "", ""}, {"log_ip off", "", ""}, {"blocklist {DIR}/more.txt", "", "dry_run"}, {"", "", "appsec off"},
	} {
		h.list("more.txt", "192.0.2.200")
		h.load(h.inspected(s.URL, row.global, row.block, row.site))
		h.get(attacker, "/")
		app, err := runningApp()
		if err != nil {
			t.Fatal(err)
		}
		if before == nil {
			before = app.inspectors[0].inspector
		}
		want := uint64(min(i+1, 3))
		if app.inspectors[0].inspector != before || app.inspectors[0].Inspector.(guest.Counted).Stats().Asked != want {
			t.Errorf("load %d: another client: %v, asked %d times", i, app.inspectors[0].inspector != before, app.inspectors[0].Inspector.(guest.Counted).Stats().Asked)
		}
	}
	if err := h.tryLoad(h.inspected(s.URL, "contact nowhere", "", "")); err == nil {
		t.Error("a bad config is loaded")
	}
	h.load(h.inspected(s.URL, "", "body_limit 10", ""))
	app, err := runningApp()
	if err != nil {
		t.Fatal(err)
	}
	if app.inspectors[0].inspector == before {
		t.Error("another limit, and the same client")
	}
	n := 0
	inspectorPool.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d clients in the pool", n)
	}
}

// An AppSec that hangs delays no request for longer than the timeout, however many there
// are.
func TestAHangingAppSecHoldsNobody(t *testing.T) {
	const requests = 1000
	h := newHost(t)
	hang := make(chan struct{})
	s := appsectest.Start(t, func(http.ResponseWriter, *http.Request, http.HandlerFunc) { <-hang })
	t.Cleanup(func() { close(hang) })
	h.load(strings.Replace(h.inspected(s.URL, "", "connections 32", ""), "timeout 30s", "timeout 2500ms", 1))
	h.http.Timeout = time.Minute // one after the other, in 32 lanes, they would take 78 s
	h.http.Transport.(*http.Transport).MaxIdleConnsPerHost = requests
	var passed atomic.Int64
	var wg sync.WaitGroup
	for range requests {
		wg.Go(func() {
			if a, err := h.do(h.request(http.MethodGet, attacker, "/?q=evil")); err == nil && a.status == http.StatusOK {
				passed.Add(1)
			}
		})
	}
	wg.Wait()
	if passed.Load() != requests {
		t.Errorf("%d passed", passed.Load())
	}
	app, err := runningApp()
	if err != nil {
		t.Fatal(err)
	}
	st := app.inspectors[0].Inspector.(guest.Counted).Stats()
	if st.Failed[appsec.Late]+st.Failed[appsec.Busy]+st.Failed[appsec.Paused] != requests {
		t.Errorf("%+v", st)
	}
}

func TestStatusAndMetricsTellOfAppSec(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	s := appsectest.Start(t, nil)
	h.load(h.inspected(s.URL, "", "", ""))
	h.get(attacker, "/")
	h.get(attacker, "/?q=evil")
	h.get(attacker, "/wp-login.php")
	out, failure := h.command("status", "--address", h.admin)
	if failure != "" || !strings.Contains(out, "APPSEC") || !strings.Contains(out, s.URL+"  3 ") || !strings.Contains(out, "appsec  2") {
		t.Errorf("%s, %s", out, failure)
	}
	if a := h.ask(http.MethodGet, "/tocsin/status"); !strings.Contains(a.body, `"asked":3,"stopped":{"ban":1,"captcha":1,"challenge":0}`) {
		t.Errorf("%s", a.body)
	}
	a := h.ask(http.MethodGet, "/metrics")
	for _, want := range []string{
		"tocsin_appsec_requests_total 3", `tocsin_appsec_stopped_total{action="ban"} 1`, "tocsin_appsec_latency_seconds_count 3",
		`tocsin_requests_stopped_total{action="ban",ip_type="ipv4",origin="appsec",server="srv0"} 1`,
	} {
		if !strings.Contains(a.body, want+"\n") {
			t.Errorf("no %s in the metrics", want)
		}
	}
}

// The key is that of the Local API if there is no other.
func TestAppSecTakesTheKeyOfTheLocalAPI(t *testing.T) {
	h := newHost(t)
	s := appsectest.Start(t, nil)
	h.list("list.txt", banned)
	api := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(api.Close)
	h.load(globals("blocklist {DIR}/list.txt\nsnapshot off\nlapi "+api.URL+" "+appsectest.Key+" {\nmetrics off\n}\nappsec "+s.URL+" {\ntimeout 30s\n}") +
		"http://{ADDR} {\ntocsin\nrespond ok\n}")
	if a := h.get(attacker, "/?q=evil"); a.status != http.StatusForbidden {
		t.Errorf("status %d", a.status)
	}
}

// Resources are released when a config does not load, or ends.
func TestInspectorsAreGivenBack(t *testing.T) {
	h := newHost(t)
	text := h.inspected("http://127.0.0.1:1", "", "", "")
	if err := h.validate(text); err != nil {
		t.Fatal(err)
	}
	if err := h.validate(strings.Replace(text, "tocsin {\n\n}", "tocsin {\npage {DIR}/none\n}", 1)); err == nil {
		t.Fatal("it is valid")
	}
	h.load(text)
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	wait(t, func() error {
		left := false
		inspectorPool.Range(func(any, any) bool { left = true; return false })
		if left {
			return errors.New("a client is left in the pool")
		}
		return nil
	})
}
