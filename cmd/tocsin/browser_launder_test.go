//go:build linux

package main

import (
	"cmp"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
)

// A link of another page must lead to the site as it would without a challenge: with
// the same cookies, and as the other page's. Else that page could have anything done
// that a site lets only its own pages do.
func TestTheChallengeKeepsWhoHasLedToTheSiteInABrowser(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, from, host string
		tls              bool
		policy           string // Referrer-Policy of the page with the link
		click            bool   // the visitor has to go on
		as               string // Sec-Fetch-Site after the challenge; default: as without
	}{
		{name: "another site, over HTTPS", from: "evil.example", host: "shop.example", tls: true},
		{name: "another site that is not named", from: "evil.example", host: "shop.example", tls: true, policy: "no-referrer"},
		{name: "another site, over HTTP", from: "evil.example", host: "shop.example"},
		{name: "another site that is not named, over HTTP", from: "evil.example", host: "shop.example", policy: "no-referrer"},
		{name: "another site, on this machine", from: "evil.example", host: "127.0.0.1"},
		{name: "another host of the site", from: "www.shop.example", host: "shop.example", tls: true, click: true, as: "same-origin"},
		{name: "the site itself", host: "shop.example", tls: true},
		{name: "the site itself, over HTTP", host: "shop.example"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, shopConfig{tls: row.tls})
			target := s.url(row.host, "/pay?to=mallory&n=1#part")
			link := func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Referrer-Policy", cmp.Or(row.policy, "strict-origin-when-cross-origin"))
				show(`<a href="`+strings.ReplaceAll(target, "&", "&amp;")+`">a prize</a>`)(w, r)
			}
			s.app.pages["GET /link"] = link
			s.app.pages["GET /login"] = func(w http.ResponseWriter, r *http.Request) {
				http.SetCookie(w, &http.Cookie{Name: "strict", Value: "1", Path: "/", SameSite: http.SameSiteStrictMode})
				http.SetCookie(w, &http.Cookie{Name: "lax", Value: "1", Path: "/", SameSite: http.SameSiteLaxMode})
				show(`<p id="in">in</p>`)(w, r)
			}
			start := s.url(row.host, "/link")
			if row.from != "" {
				evil := httptest.NewServer(http.HandlerFunc(link))
				if row.tls {
					evil.Close()
					evil = httptest.NewTLSServer(http.HandlerFunc(link))
				}
				t.Cleanup(evil.Close)
				start = strings.Replace(evil.URL, "127.0.0.1", row.from, 1) + "/link"
			}
			v := newVisitor(t, browserConfig{})
			v.Open(s.url(row.host, "/login"))
			v.see("#in")
			v.Open(start)
			v.click("a")
			plain := v.arrive()

			v.Open(start)
			v.see("a")
			for _, name := range []string{"tocsin4", "__Host-tocsin4"} {
				tell(v, network.DeleteCookies, network.DeleteCookiesParams{Name: name, URL: s.url(row.host, "/")})
			}
			entries := len(tell(v, page.GetNavigationHistory, cdp.Empty{}).Entries)
			v.click("a")
			if row.click {
				v.click("#tocsin button")
			}
			got := v.arrive()
			if row.as != "" {
				plain.FetchSite = row.as
			}
			if got != plain {
				t.Errorf("through the challenge comes\n%+v, without\n%+v", got, plain)
			}
			if row.from != "" && !row.click && strings.Contains(got.Cookies, "strict") || !strings.Contains(got.Cookies, "lax") {
				t.Errorf("cookies: %s", got.Cookies)
			}
			if at := look[string](v, "location.href"); at != target {
				t.Errorf("the visitor is at %s", at)
			}
			if from := look[string](v, "document.referrer"); row.from != "" && !row.click && from != "" {
				t.Errorf("the page takes itself for a visit from %s", from)
			}
			if n := len(tell(v, page.GetNavigationHistory, cdp.Empty{}).Entries); n != entries+1 {
				t.Errorf("%d entries in the history, want %d", n, entries+1)
			}
			if h := v.history(); !strings.HasSuffix(h, "GET 403, POST 204, GET 200") {
				t.Errorf("requests: %s", h)
			}
		})
	}
}
