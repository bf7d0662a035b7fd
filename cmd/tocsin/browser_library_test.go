//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
)

// Libraries that put what they fetch into the page that is there. These are stand-ins,
// which do with a failure what the real ones do: TOCSIN_HTMX and TOCSIN_TURBO name files
// with those.
const (
	likeHTMX = `addEventListener("DOMContentLoaded", () => {
		const send = async (e, method, url, body) => {
			const r = await fetch(url, {method, body, headers: {"HX-Request": "true"}});
			if (r.headers.get("HX-Refresh") == "true") return location.reload();
			if (r.ok) document.querySelector(e.getAttribute("hx-target")).innerHTML = await r.text();
		};
		document.querySelectorAll("[hx-get]").forEach(e => e.onclick = () => send(e, "GET", e.getAttribute("hx-get")));
		document.querySelectorAll("[hx-post]").forEach(e => e.onsubmit = event => {
			event.preventDefault();
			send(e, "POST", e.getAttribute("hx-post"), new URLSearchParams(new FormData(e)));
		});
	})`
	likeTurbo = `(() => {
		const html = "text/html, application/xhtml+xml";
		const isHTML = r => (r.headers.get("Content-Type") || "").startsWith("text/html");
		const put = text => { // with what stands in its head, which the browser obeys
			const next = new DOMParser().parseFromString(text, "text/html");
			document.documentElement.replaceChild(document.adoptNode(next.head), document.head);
			document.documentElement.replaceChild(document.adoptNode(next.body), document.body);
		};
		const reloads = text => new DOMParser().parseFromString(text, "text/html").querySelector("meta[name=turbo-visit-control][content=reload]");
		addEventListener("click", async event => {
			const a = event.target.closest("a");
			if (!a) return;
			event.preventDefault();
			const frame = a.closest("turbo-frame");
			if (frame) {
				const r = await fetch(a.href, {headers: {Accept: html, "Turbo-Frame": frame.id}});
				if (!isHTML(r)) return; // nothing happens
				const text = await r.text();
				if (reloads(text)) { history.pushState(null, "", a.href); return put(text); }
				const next = new DOMParser().parseFromString(text, "text/html").getElementById(frame.id);
				if (next) frame.innerHTML = next.innerHTML;
				return;
			}
			const r = await fetch(a.href, {headers: {Accept: html, "X-Turbo-Request-Id": "1"}});
			if (!isHTML(r)) return location.href = a.href;
			history.pushState(null, "", a.href);
			put(await r.text());
		});
		addEventListener("submit", async event => {
			event.preventDefault();
			const form = event.target;
			const r = await fetch(form.action, {
				method: "POST", body: new URLSearchParams(new FormData(form)),
				headers: {Accept: "text/vnd.turbo-stream.html, " + html, "X-Turbo-Request-Id": "1"},
			});
			if (!isHTML(r)) return; // nothing happens
			const text = await r.text();
			if (reloads(text)) return location.href = location.href;
			if (r.redirected) history.pushState(null, "", r.url);
			put(text);
		});
	})()`
)

// A libraryAct is what a visitor does on a page that a library serves.
type libraryAct struct {
	name, page, click string // the page, and what is clicked on
	done              string // what is seen then
	post              bool

	script string // the library
}

var htmxActs = []libraryAct{
	{"a part by htmx", `<button hx-get="/part" hx-target="#out">go</button><p id="out">`, "button", "the part", false, ""},
	{"a form by htmx", `<form hx-post="/save" hx-target="#out"><textarea name="text">long</textarea><button>go</button></form><p id="out">`, "button", "saved", true, ""},
}

var turboActs = []libraryAct{
	{"a link by Turbo", `<a href="/next">go</a><p id="out">`, "a", "the next page", false, ""},
	{"a frame by Turbo", `<turbo-frame id="f"><a href="/frame">go</a><p id="out"></p></turbo-frame>`, "a", "the frame", false, ""},
	{"a form by Turbo", `<form action="/save" method="post"><textarea name="text">long</textarea><button>go</button></form><p id="out">`, "button", "saved", true, ""},
}

// A pass ends, or a new offence voids it, while a page is open whose clicks are fetched
// by a library: the visitor is brought to the challenge, and back; the next click, if that
// first one was not made up for, does what it should. Nothing is posted twice.
func TestALibrarysVisitComesOutOfAChallengeInABrowser(t *testing.T) {
	t.Parallel()
	for _, lib := range []struct {
		name, script, env string
		acts              []libraryAct
	}{
		{"like htmx", likeHTMX, "", htmxActs},
		{"like Turbo", likeTurbo, "", turboActs},
		{"htmx", "", "TOCSIN_HTMX", htmxActs},
		{"Turbo", "", "TOCSIN_TURBO", turboActs},
	} {
		t.Run(lib.name, func(t *testing.T) {
			t.Parallel()
			if lib.env != "" {
				file := os.Getenv(lib.env)
				if file == "" {
					t.Skip(lib.env + " names no script")
				}
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				lib.script = string(text)
			}
			for _, act := range lib.acts {
				act.script = lib.script
				t.Run(act.name, func(t *testing.T) { act.survives(t, (*visitor).forget) })
				t.Run(act.name+", after an offence", func(t *testing.T) { act.survives(t, (*visitor).offends) })
			}
		})
	}
}

// survives checks that what is clicked on is done in the end, and once, after something
// that leaves a visitor without a pass.
func (act libraryAct) survives(t *testing.T, happens func(*visitor)) {
	s := newShop(t, shopConfig{global: "scenario offence {\nmatch {\npath /offence\n}\ncaptcha\n}"})
	s.app.pages["GET /lib.js"] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = io.WriteString(w, act.script)
	}
	s.app.pages["GET /page"] = show(`<script src="/lib.js"></script>` + act.page)
	s.app.pages["GET /part"] = show("the part")
	s.app.pages["GET /next"] = show("the next page")
	s.app.pages["GET /frame"] = show(`<turbo-frame id="f">the frame</turbo-frame>`)
	s.app.pages["GET /saved"] = show("saved")
	s.app.pages["POST /save"] = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/saved", http.StatusSeeOther) }
	v := newVisitor(t, browserConfig{})
	v.readsNoisyPages()                                     // libraries complain of failures
	v.headers(network.Headers{"X-Forwarded-For": suspect4}) // nobody decides about loopback
	v.Open(s.url("127.0.0.1", "/page"))
	v.see(act.click)
	happens(v)
	v.solves(act.click)
	v.Until("document.readyState == 'complete' && !document.querySelector('#tocsin')")
	if seen := fmt.Sprintf("document.body.innerText.includes(%q)", act.done); !look[bool](v, seen) {
		if act.post {
			t.Logf("what was written is now %q", look[string](v, "document.querySelector('textarea').value"))
		}
		v.click(act.click)
		v.Until(seen)
	}
	if posts := s.app.posts(); len(posts) > 1 || (len(posts) == 1) != act.post {
		t.Errorf("the application gets %+v", posts)
	}
}

// offends does what a scenario challenges.
func (v *visitor) offends() {
	v.t.Helper()
	if status := look[int](v, "(r => (r.open('GET', '/offence', false), r.send(), r.status))(new XMLHttpRequest)"); status != http.StatusForbidden {
		v.t.Fatalf("an offence gets %d", status)
	}
}

// solves clicks, and waits until one more challenge is solved.
func (v *visitor) solves(click string) {
	v.t.Helper()
	solved := func() int { return strings.Count(v.history(), "POST 204") }
	before := solved()
	v.click(click)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); solved() == before; {
		select {
		case <-tick.C:
		case <-late:
			v.Give(errors.New("nobody is brought to a challenge"))
		}
	}
}
