//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// The pictures and calls of the page are on hosts that visitors never open themselves,
// and that could not show a challenge.
func TestASiteOfSeveralHostsInABrowser(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopConfig{challenge: "challenge pow {\nlevel low\nhosts shop.example\n}"})
	s.app.pages["GET /"] = show(`<link rel="stylesheet" href="` + s.url("cdn.shop.example", "/a.css") + `"><p id="app">...</p><script>
		fetch("` + s.url("api.shop.example", "/data") + `", {credentials: "include"}).then(r => r.text()).then(t => app.textContent = t)
	</script>`)
	s.app.pages["GET /a.css"] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css")
		_, _ = io.WriteString(w, "#app { color: rgb(1, 2, 3) }")
	}
	s.app.pages["GET /data"] = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		_, _ = io.WriteString(w, "the data")
	}
	v := newVisitor(t, browserConfig{})
	v.Open(s.url("www.shop.example", "/"))
	v.reads("#app", "the data")
	if colour := look[string](v, "getComputedStyle(app).color"); colour != "rgb(1, 2, 3)" {
		t.Errorf("the style sheet of another host does not count: %s", colour)
	}
	if got, want := v.history(), "GET 403, POST 204, GET 200, GET 200"; got != want {
		t.Errorf("requests: %s; want %s", got, want)
	}
}

// A proxy that is trusted ends TLS. What an identity provider sends back is a POST
// of another site, which arrives with the pass.
func TestAPassBehindAProxyThatEndsTLSInABrowser(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopConfig{})
	to, err := url.Parse(s.url("127.0.0.1", ""))
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
		r.SetXForwarded()
	}})
	t.Cleanup(front.Close)
	shop := "https://shop.example:" + front.URL[strings.LastIndexByte(front.URL, ':')+1:]
	provider := httptest.NewTLSServer(show(`<form method="post" action="` + shop + `/acs"><input name="SAMLResponse" value="x"><button>back</button></form>`))
	t.Cleanup(provider.Close)
	v := newVisitor(t, browserConfig{})
	v.Open(shop + "/")
	v.arrive()
	cookies := tell(v, network.GetCookies, network.GetCookiesParams{}).Cookies
	if len(cookies) != 1 || cookies[0].Name != "__Host-tocsin4" || !cookies[0].Secure || cookies[0].SameSite != network.CookieSameSiteNone {
		t.Errorf("cookies: %+v", cookies)
	}
	v.Open(provider.URL)
	v.click("button")
	if q := v.arrive(); q.Method != http.MethodPost || q.Body != "SAMLResponse=x" {
		t.Errorf("the site gets %+v", q)
	}
}

// A site that may embed the shop shows it in a frame, also in a browser that keeps the
// cookies of frames apart.
func TestAPageInAFrameOfAnotherSiteInABrowser(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopConfig{tls: true, global: "frame_ancestors https://embed.example:*"})
	s.app.pages["GET /framed"] = show(`<script>parent.postMessage("there", "*")</script>`)
	embed := httptest.NewTLSServer(show(`<p id="app"></p><script>onmessage = e => app.textContent = e.data</script>` +
		`<iframe src="` + s.url("shop.example", "/framed") + `"></iframe>`))
	t.Cleanup(embed.Close)
	v := newVisitor(t, browserConfig{flags: []chromedp.ExecAllocatorOption{chromedp.Flag("test-third-party-cookie-phaseout", true)}})
	v.Open("https://embed.example:" + embed.URL[strings.LastIndexByte(embed.URL, ':')+1:] + "/")
	v.leadsOn(`document.querySelector("#app").innerText == "there"`)
}

// leadsOn presses the button of a challenge in a frame of another site, which the page
// around it cannot see, until the expression holds. Where another site has led there, a
// challenge goes on by a press only.
func (v *visitor) leadsOn(expression string) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.Context(), patience)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for !look[bool](v, expression) {
		v.Do(chromedp.KeyEvent("\t"))
		v.Do(chromedp.KeyEvent("\r"))
		select {
		case <-tick.C:
		case <-ctx.Done():
			v.Give(fmt.Errorf("pressing until %s: %w", expression, ctx.Err()))
		}
	}
}
