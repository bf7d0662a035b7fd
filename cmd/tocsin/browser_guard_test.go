//go:build linux

package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/middleware"
)

// A guard is an observer that wants a pass for every login, since a moment that can
// be changed, and decides nothing about a client.
type guard struct{ since atomic.Pointer[time.Time] }

func (g *guard) begin() {
	now := time.Now()
	g.since.Store(&now)
}

func (g *guard) Request(e *event.Event) (lookup.Decision, bool) {
	since := *g.since.Load()
	d := lookup.Decision{Action: lookup.Captcha, Origin: "tocsin", Since: since, Until: since.Add(10 * time.Minute)}
	return d, e.Method == http.MethodPost && e.Target == "/login"
}

func (g *guard) Response(*event.Event) {}

// newGuarded starts a site whose login is guarded by g, with the gate that a
// middleware has by itself.
func newGuarded(t *testing.T, g *guard) (url string, app *application) {
	t.Helper()
	app = newApplication(t)
	app.pages["GET /login"] = show(`<form action="/login" method="post">
		<input type="text" name="user" id="user" autocomplete="username">
		<input type="password" name="password" id="password" autocomplete="current-password">
		<input type="hidden" name="token" value="a&amp;b">
		<button name="go" value="1">Log in</button>
	</form>`)
	app.pages["POST /login"] = func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "admin", Path: "/", HttpOnly: true})
		http.Redirect(w, r, "/account", http.StatusSeeOther)
	}
	m, err := middleware.New(middleware.Config{
		Lookup:  func(context.Context, netip.Addr) (lookup.Decision, bool) { return lookup.Decision{}, false },
		Observe: g,
	})
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(m.Handler(app))
	t.Cleanup(site.Close)
	return site.URL, app
}

// A visitor who logs in while many others try passwords is let in by the browser alone:
// the form arrives once and unchanged, and the visitor sees its answer. A pass from
// before the guard is replaced by a new one.
func TestALoginGoesThroughAGuardInABrowser(t *testing.T) {
	t.Parallel()
	g := new(guard)
	g.begin()
	url, app := newGuarded(t, g)
	v := newVisitor(t, browserConfig{})
	for i, want := range []string{
		"GET 200, POST 403, POST 204, POST 303, GET 200", // no pass
		"GET 200, POST 303, GET 200",                     // with the pass
		"GET 200, POST 403, POST 204, POST 303, GET 200", // which is older than the next guard
	} {
		if i == 2 {
			g.begin()
		}
		before := len(v.asked())
		v.Open(url + "/login")
		v.click("#user")
		v.Do(chromedp.KeyEvent("admin"))
		v.click("#password")
		v.Do(chromedp.KeyEvent(`p<&"'ß %`))
		start := time.Now()
		v.click("button")
		q := v.arrive()
		t.Logf("login %d: %v from the click to the page", i+1, time.Since(start))
		if q.Method != http.MethodGet || q.URL != "/account" || q.Cookies != "session=admin" {
			t.Errorf("login %d: in the end comes %+v", i+1, q)
		}
		if got := strings.Join(strings.Split(v.history(), ", ")[before:], ", "); got != want {
			t.Errorf("login %d: requests: %s; want %s", i+1, got, want)
		}
	}
	posts := app.posts()
	if len(posts) != 3 {
		t.Fatalf("%d logins come, want 3", len(posts))
	}
	for i, p := range posts {
		const want = "user=admin&password=p%3C%26%22%27%C3%9F+%25&token=a%26b&go=1"
		if p.Body != want || p.FetchSite != "same-origin" {
			t.Errorf("login %d is %+v", i+1, p)
		}
	}
}

// A visitor who only reads needs no pass, and gets no challenge.
func TestAGuardIsForItsPlaceAloneInABrowser(t *testing.T) {
	t.Parallel()
	g := new(guard)
	g.begin()
	url, _ := newGuarded(t, g)
	v := newVisitor(t, browserConfig{})
	v.Open(url + "/elsewhere")
	if q := v.arrive(); q.URL != "/elsewhere" || v.history() != "GET 200" {
		t.Errorf("%+v, requests: %s", q, v.history())
	}
}
