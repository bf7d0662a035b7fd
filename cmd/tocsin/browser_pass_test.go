//go:build linux

package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/middleware"
)

func TestAVisitorGetsThePageAskedForInABrowser(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopConfig{challenge: "challenge pow"})
	v := newVisitor(t, browserConfig{})
	v.Open(s.url("127.0.0.1", "/wanted?q=a%20b&r=%2F#part"))
	if q := v.arrive(); q.Method != http.MethodGet || q.URL != "/wanted?q=a%20b&r=%2F" {
		t.Errorf("the application is asked %+v", q)
	} else if q.Cookies != "" {
		t.Errorf("the application sees the pass: %q", q.Cookies)
	}
	if hash := look[string](v, "location.hash"); hash != "#part" {
		t.Errorf("the fragment is now %q", hash)
	}
	if got, want := v.history(), "GET 403, POST 204, GET 200"; got != want {
		t.Errorf("requests: %s; want %s", got, want)
	}
	t.Logf("%v from the first byte to the page", v.took())
	v.Open(s.url("127.0.0.1", "/next"))
	v.arrive()
	if got, want := v.history(), "GET 403, POST 204, GET 200, GET 200"; got != want {
		t.Errorf("and with the pass: %s; want %s", got, want)
	}
}

// All of it happens in one entry of the history, so that the button leads to
// where the visitor came from.
func TestTheBackButtonFindsNoDeadChallengeInABrowser(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		flags []chromedp.ExecAllocatorOption
	}{
		{"of a browser that keeps pages", nil},
		{"of a browser that loads them again", []chromedp.ExecAllocatorOption{chromedp.Flag("disable-back-forward-cache", true)}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, shopConfig{})
			s.app.pages["GET /first"] = show(`<a href="/second">on</a>`)
			v := newVisitor(t, browserConfig{flags: row.flags})
			v.Open(s.url("127.0.0.1", "/first"))
			v.click("a")
			v.arrive()
			v.back()
			v.see("a")
			v.forget() // meanwhile the pass has ended
			v.forward()
			if q := v.arrive(); q.URL != "/second" {
				t.Errorf("forward: %s", q.URL)
			}
			v.back()
			v.see("a")
			if entries := tell(v, page.GetNavigationHistory, cdp.Empty{}).Entries; len(entries) != 3 { // with about:blank
				t.Errorf("%d entries in the history", len(entries))
			}
			if n := strings.Count(v.history(), "GET 403"); n != 2 {
				t.Errorf("%d challenges: %s", n, v.history())
			}
		})
	}
}

// One who opens some links at once, and those who have a browser restore its
// tabs.
func TestTabsOpenedAtOnceAllArriveInABrowser(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopConfig{})
	first := newVisitor(t, browserConfig{})
	tabs := []*visitor{first, first.tab(), first.tab(), first.tab()}
	var wg sync.WaitGroup
	for i, v := range tabs {
		wg.Go(func() {
			to := page.NavigateParams{URL: s.url("127.0.0.1", "/tab?"+string(rune('a'+i)))}
			if _, err := chromedp.Call(v.Context(), page.Navigate, to); err != nil {
				t.Errorf("tab %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	for i, v := range tabs {
		if q := v.arrive(); q.URL != "/tab?"+string(rune('a'+i)) {
			t.Errorf("tab %d has %s", i, q.URL)
		}
	}
	if posts := s.app.posts(); len(posts) > 0 {
		t.Errorf("the application gets %+v", posts)
	}
}

// A relay is a proxy that the site trusts, and says which of its addresses a
// client has used for a request.
func newRelay(t testing.TB, s *shop, address func(*http.Request) string) *httptest.Server {
	to, err := url.Parse(s.url("127.0.0.1", ""))
	if err != nil {
		t.Fatal(err)
	}
	relay := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
		r.Out.Header.Set("X-Forwarded-For", address(r.In))
	}})
	t.Cleanup(relay.Close)
	return relay
}

func TestADualStackVisitorKeepsBothPassesInABrowser(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopConfig{})
	relay := newRelay(t, s, func(r *http.Request) string {
		if strings.HasPrefix(r.URL.Path, "/six") {
			return suspect6
		}
		return suspect4
	})
	v := newVisitor(t, browserConfig{})
	for _, path := range []string{"/four", "/six", "/four/again", "/six/again"} {
		v.Open(relay.URL + path)
		if q := v.arrive(); q.URL != path {
			t.Errorf("%s: %s", path, q.URL)
		}
	}
	if got, want := v.history(), "GET 403, POST 204, GET 200, GET 403, POST 204, GET 200, GET 200, GET 200"; got != want {
		t.Errorf("requests: %s; want %s", got, want)
	}
	cookies := tell(v, network.GetCookies, network.GetCookiesParams{}).Cookies
	var names []string
	for _, c := range cookies {
		names = append(names, c.Name)
	}
	if slices.Sort(names); !slices.Equal(names, []string{"tocsin4", "tocsin6"}) {
		t.Errorf("cookies: %q", names)
	}
}

// A browser may choose anew for every connection. A challenge is for one network,
// so the answer from another counts for nothing.
func TestAVisitorMayChangeTheFamilyBeforeTheAnswerInABrowser(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		changes int // answers that come from the other one
		arrives bool
	}{
		{"once, and the next challenge is solved", 1, true},
		{"every time, and the page gives up", 1000, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, shopConfig{})
			answers := make(chan struct{}, row.changes)
			relay := newRelay(t, s, func(r *http.Request) string {
				if r.Method != http.MethodPost {
					return suspect4
				}
				select {
				case answers <- struct{}{}:
					return suspect6
				default:
					return suspect4
				}
			})
			v := newVisitor(t, browserConfig{})
			v.Open(relay.URL + "/")
			if row.arrives {
				v.arrive()
				return
			}
			v.see("#tocsin button")
			if text := v.text("#tocsin [role=status]"); text != "The check did not work." {
				t.Errorf("the page says %q", text)
			}
			if n := strings.Count(v.history(), "GET"); n > 4 {
				t.Errorf("the page is loaded %d times: %s", n, v.history())
			}
		})
	}
}

// Over plain HTTP browsers have no WebCrypto, and some other things are missing.
func TestPlainHTTPOnAnOrdinaryNameInABrowser(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopConfig{challenge: "challenge pow"})
	v := newVisitor(t, browserConfig{})
	v.Open(s.url("shop.example", "/wanted?q=1"))
	if q := v.arrive(); q.URL != "/wanted?q=1" {
		t.Errorf("%+v", q)
	}
	if look[bool](v, "isSecureContext || !!crypto.subtle") {
		t.Error("the context is secure, which proves nothing")
	}
	for _, c := range tell(v, network.GetCookies, network.GetCookiesParams{}).Cookies {
		if c.Name != "tocsin4" || c.Secure || !c.HTTPOnly || c.SameSite != network.CookieSameSiteLax || c.Path != "/" || c.Domain != "shop.example" {
			t.Errorf("cookie: %+v", c)
		}
	}
}

func TestThePassOverHTTPSInABrowser(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopConfig{tls: true})
	v := newVisitor(t, browserConfig{})
	v.Open(s.url("shop.example", "/wanted?q=1"))
	if q := v.arrive(); q.URL != "/wanted?q=1" {
		t.Errorf("%+v", q)
	}
	cookies := tell(v, network.GetCookies, network.GetCookiesParams{}).Cookies
	if len(cookies) != 1 {
		t.Fatalf("%d cookies", len(cookies))
	}
	if c := cookies[0]; c.Name != "__Host-tocsin4" || !c.Secure || !c.HTTPOnly || c.SameSite != network.CookieSameSiteNone || c.Path != "/" || c.Domain != "shop.example" {
		t.Errorf("cookie: %+v", c)
	}
}

// The page knows no address but its own, so it works wherever the directive is.
func TestASiteBelowAPathInABrowser(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopConfig{site: "handle_path /shop/* {\ntocsin\nreverse_proxy {APP}\n}\nhandle {\nerror 404\n}"})
	v := newVisitor(t, browserConfig{})
	v.Open(s.url("127.0.0.1", "/shop/wanted?q=1"))
	if q := v.arrive(); q.URL != "/wanted?q=1" {
		t.Errorf("%+v", q)
	}
	if got, want := v.history(), "GET 403, POST 204, GET 200"; got != want {
		t.Errorf("requests: %s; want %s", got, want)
	}
}

// A path that begins with two slashes, taken for a relative reference, leads to
// another host.
func TestAPathOfTwoSlashesStaysOnTheSiteInABrowser(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopConfig{})
	v := newVisitor(t, browserConfig{})
	v.Open(s.url("127.0.0.1", "//evil.example/page?q=1"))
	v.arrive()
	if host := look[string](v, "location.hostname"); host != "127.0.0.1" {
		t.Errorf("the visitor is at %s", host)
	}
	for _, u := range v.asked() {
		if u != s.url("127.0.0.1", "//evil.example/page?q=1") {
			t.Errorf("the browser asks for %s", u)
		}
	}
}

// The site's policy is for its own pages, at whichever moment it is set, and would
// not let the script of a challenge run.
func TestASiteWithAPolicyOfItsOwnInABrowser(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, moment string }{
		{"set at once", ""},
		{"set when the answer is sent", "defer"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, shopConfig{site: "header {\nContent-Security-Policy \"default-src 'none'; img-src data:\"\n" +
				row.moment + "\n}\ntocsin\nreverse_proxy {APP}"})
			v := newVisitor(t, browserConfig{})
			v.Open(s.url("127.0.0.1", "/wanted"))
			v.arrive()
		})
	}
}

func TestAnyHTTPHandlerInABrowser(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, browserConfig{})
	keys, err := challenge.NewKeyring([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	gate, err := challenge.New(challenge.Config{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	m, err := middleware.New(middleware.Config{
		Challenge: gate,
		Lookup: func(context.Context, netip.Addr) (lookup.Decision, bool) {
			return lookup.Decision{Action: lookup.Captcha}, true
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<!doctype html><link rel="icon" href="data:,"><p id="there">`+r.Method+" "+r.URL.RawQuery)
	})))
	t.Cleanup(site.Close)
	v.Open(site.URL + "/wanted?q=1")
	if text := v.text("#there"); text != "GET q=1" {
		t.Error(text)
	}
	if n := gate.Counters().Counts().Solved; n != 1 {
		t.Errorf("%d challenges are solved", n)
	}
}

// BenchmarkChallengeInABrowser measures what a challenge costs a visitor: the time
// from the first byte of its page until the page that was asked for is there. All
// of it is on one machine, whose cores the browser has to itself while it works.
func BenchmarkChallengeInABrowser(b *testing.B) {
	for _, level := range []string{"low", "medium", "high"} {
		b.Run(level, func(b *testing.B) {
			s := newShop(b, shopConfig{challenge: "challenge pow {\nlevel " + level + "\nraise off\nbar off\n}"})
			v := newVisitor(b, browserConfig{})
			r := results{}
			for b.Loop() {
				v.forget()
				tab := v.tab() // the page remembers how often the same one was challenged
				tab.Open(s.url("shop.example", "/"))
				tab.arrive()
				r.add("arrival-ms", float64(tab.took())/1e6)
			}
			r.report(b)
		})
	}
}
