//go:build linux

package main

import (
	"maps"
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/page"
)

// script returns a handler that answers with a script.
func script(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write([]byte(text))
	}
}

// newServiceWorker returns a site with pages, and a visitor whose pass has ended and
// whose requests go through the worker whose script is given.
func newServiceWorker(t *testing.T, worker string, pages map[string]http.HandlerFunc) (*shop, *visitor) {
	t.Helper()
	s := newShop(t, shopConfig{})
	maps.Copy(s.app.pages, pages)
	s.app.pages["GET /sw.js"] = script("onactivate = e => e.waitUntil(clients.claim());\n" + worker)
	s.app.pages["GET /install"] = show(`<script>
		navigator.serviceWorker.oncontrollerchange = () => document.title = "controlled";
		navigator.serviceWorker.register("/sw.js");
	</script>`)
	v := newVisitor(t, browserConfig{})
	v.Open(s.url("127.0.0.1", "/install"))
	v.Until("document.title == 'controlled'")
	v.forget()
	return s, v
}

// A service worker that fetches pages for the browser, in whichever way, is no end of
// the way to them.
func TestAServiceWorkerThatFetchesPagesInABrowser(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, worker string }{
		{"as they were asked for", "onfetch = e => e.respondWith(fetch(e.request))"},
		{"with a request made anew", `onfetch = e => {
			if (e.request.mode == "navigate") e.respondWith(fetch(new Request(e.request, {mode: "same-origin", redirect: "manual"})));
		}`},
		{"by their address", `onfetch = e => { if (e.request.mode == "navigate") e.respondWith(fetch(e.request.url)); }`},
		{"with their fields", `onfetch = e => {
			if (e.request.mode == "navigate") e.respondWith(fetch(e.request.url, {headers: e.request.headers, credentials: "include"}));
		}`},
		{"and would rather have them from a cache, whatever they are", `onfetch = e => {
			if (e.request.mode == "navigate") e.respondWith(caches.open("pages").then(async cache => {
				const kept = await cache.match(e.request.url);
				if (kept) return kept;
				const got = await fetch(e.request.url);
				cache.put(e.request.url, got.clone());
				return got;
			}));
		}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s, v := newServiceWorker(t, row.worker, nil)
			v.Open(s.url("127.0.0.1", "/wanted?q=1"))
			if q := v.arrive(); q.URL != "/wanted?q=1" {
				t.Errorf("%+v", q)
			}
		})
	}
}

// An app shell that a service worker has in its cache asks for no page. The header
// X-Tocsin tells it when to load one from the network.
func TestAnAppShellMeetsTheChallengeInABrowser(t *testing.T) {
	t.Parallel()
	shell := show(`<p id="shell"></p><script>
		fetch("/api/items").then(async r => {
			if (r.headers.get("X-Tocsin") == "challenge") location.assign("/?online");
			else document.querySelector("#shell").textContent = await r.text();
		});
	</script>`)
	s, v := newServiceWorker(t, `
		oninstall = e => e.waitUntil(caches.open("shell").then(cache => cache.add("/shell")));
		onfetch = e => {
			if (e.request.mode != "navigate" || new URL(e.request.url).searchParams.has("online")) return;
			e.respondWith(caches.open("shell").then(cache => cache.match("/shell")));
		};`, map[string]http.HandlerFunc{
		"GET /shell": shell, "GET /": shell,
		"GET /api/items": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("items")) },
	})
	v.Open(s.url("127.0.0.1", "/start"))
	v.reads("#shell", "items")
	v.heard() // that the way back skips a page that was left without a click
}

// A worker that neither answers nor fails, as extensions make them, is given up.
func TestAWorkerThatNeverAnswersInABrowser(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, fake string }{
		{"from the beginning", "Worker = class { postMessage() {} terminate() {} }"},
		{"after its first part", `Worker = class extends Worker {
			postMessage(m) { this.n = (this.n || 0) + 1; if (this.n < 2) super.postMessage([m[0], 2 ** 31, m[2]]) }
		}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, shopConfig{})
			v := newVisitor(t, browserConfig{})
			tell(v, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: row.fake})
			v.Open(s.url("127.0.0.1", "/wanted?q=1"))
			if q := v.arrive(); q.URL != "/wanted?q=1" {
				t.Errorf("%+v", q)
			}
			if got, want := v.history(), "GET 403, POST 204, GET 200"; got != want {
				t.Errorf("requests: %s; want %s", got, want)
			}
		})
	}
}
