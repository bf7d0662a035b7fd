//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// newHeldShop returns a site whose challenge stays to be looked at: the answer to
// it is taken, and never replied to.
func newHeldShop(t testing.TB) *shop {
	s := newShop(t, shopConfig{
		global: "contact help@shop.example",
		site:   "@answer header X-Tocsin-Answer *\nhandle @answer {\nreverse_proxy {APP}\n}\nhandle {\ntocsin\nreverse_proxy {APP}\n}",
	})
	s.app.pages["POST /"] = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	return s
}

// held opens the challenge and waits until the search is under way, or done.
func (v *visitor) held(s *shop) {
	v.t.Helper()
	v.Open(s.url("shop.example", "/"))
	v.Until("document.querySelector('#tocsin progress')?.position > 0")
}

// banned opens the page of a client that is banned.
func (v *visitor) banned(s *shop) {
	v.t.Helper()
	v.headers(network.Headers{"X-Forwarded-For": outlaw})
	v.Open(s.url("shop.example", "/"))
	v.headers(network.Headers{})
	v.reads("h1", "Access denied")
}

// screen is what a visitor looks at.
type screen struct {
	name          string
	width, height int64
	scale         float64
	mobile        bool
}

var screens = []screen{
	{"desktop", 1280, 800, 1, false},
	{"phone", 360, 740, 2, true},
	{"narrow", 320, 568, 2, true}, // the least that WCAG 2.2 asks for (1.4.10)
}

func (v *visitor) on(s screen) {
	v.t.Helper()
	tell(v, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: s.width, Height: s.height, DeviceScaleFactor: s.scale, Mobile: s.mobile,
	})
}

// prefers sets media features, such as prefers-color-scheme.
func (v *visitor) prefers(features ...string) {
	v.t.Helper()
	var set []*emulation.MediaFeature
	for _, f := range features {
		name, value, _ := strings.Cut(f, ": ")
		set = append(set, &emulation.MediaFeature{Name: name, Value: value})
	}
	tell(v, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: set})
}

// shoot writes what can be seen into a PNG file.
func (v *visitor) shoot(name string) {
	v.t.Helper()
	v.Shoot(name, false)
}

// faint lists the elements whose own text has less contrast to what is behind it
// than WCAG 2.2 asks for (1.4.3).
const faint = `(() => {
	const numbers = colour => colour.match(/[\d.]+/g).map(Number);
	const light = colour => {
		const [r, g, b] = numbers(colour).map(x => (x /= 255) <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const behind = e => {
		for (; e; e = e.parentElement) {
			const colour = getComputedStyle(e).backgroundColor;
			if (numbers(colour)[3] !== 0) return colour;
		}
		return "rgb(255, 255, 255)";
	};
	const all = [...document.body.querySelectorAll("*")].filter(e => e.checkVisibility() &&
		[...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()));
	return all.map(e => {
		const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((a, b) => b - a);
		return [e.outerHTML.slice(0, 60), (a + 0.05) / (b + 0.05)];
	}).filter(([, ratio]) => ratio < 4.5).map(([e, ratio]) => ratio.toFixed(2) + " " + e);
})()`

// The page is readable, and needs no horizontal scrolling.
func TestThePagesFitAndCanBeReadInABrowser(t *testing.T) {
	t.Parallel()
	s := newHeldShop(t)
	v := newVisitor(t, browserConfig{})
	for _, row := range []struct {
		name string
		show func(*shop)
	}{
		{"challenge", v.held},
		{"ban", v.banned},
	} {
		for _, scr := range screens {
			for _, colours := range []string{"light", "dark"} {
				name := fmt.Sprintf("%s-%s-%s", row.name, scr.name, colours)
				v.on(scr)
				v.prefers("prefers-color-scheme: "+colours, "prefers-reduced-motion: reduce")
				row.show(s)
				if over := look[int](v, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
					t.Errorf("%s: %d pixels too wide", name, over)
				}
				if texts := look[[]string](v, faint); len(texts) > 0 {
					t.Errorf("%s: hard to read: %q", name, texts)
				}
				if dark := look[bool](v, `getComputedStyle(document.body).backgroundColor.match(/\d+/)[0] < 128`); dark != (colours == "dark") {
					t.Errorf("%s: dark: %v", name, dark)
				}
				v.shoot(name)
			}
		}
	}
}

// A screen reader can read the page.
func TestTheChallengeIsAccessibleInABrowser(t *testing.T) {
	t.Parallel()
	s := newHeldShop(t)
	v := newVisitor(t, browserConfig{})
	v.prefers("prefers-reduced-motion: reduce")
	v.held(s)
	named := map[string]string{}
	for _, n := range tell(v, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if n.Role != nil && n.Name != nil && !n.Ignored {
			var role, name string
			if err := errors.Join(json.Unmarshal(n.Role.Value, &role), json.Unmarshal(n.Name.Value, &name)); err != nil {
				t.Fatal(err)
			}
			named[role] += name
		}
	}
	for role, want := range map[string]string{
		"heading":     "One moment, please",
		"progressbar": "Checking your browser …",
		"RootWebArea": "One moment, please",
	} {
		if named[role] != want {
			t.Errorf("%s is called %q, want %q", role, named[role], want)
		}
	}
	if _, ok := named["status"]; !ok {
		t.Errorf("nothing has the role status: %q", named)
	}
	v.reads("[role=status]", "Checking your browser …")
	if lang := look[string](v, "document.documentElement.lang"); lang != "en" {
		t.Errorf("lang is %q", lang)
	}
	// The bar tells how far it is, and nothing moves of itself.
	moving := look[[]string](v, `[...document.querySelectorAll("*")].filter(e => {
		const s = getComputedStyle(e);
		return s.animationName != "none" || s.transitionDuration.split(",").some(d => parseFloat(d) > 0);
	}).map(e => e.tagName)`)
	if len(moving) > 0 || !look[bool](v, "document.querySelector('progress').position >= 0") {
		t.Errorf("moving: %q", moving)
	}
}

func TestTheChallengeSpeaksTheVisitorsLanguageInABrowser(t *testing.T) {
	t.Parallel()
	s := newHeldShop(t)
	v := newVisitor(t, browserConfig{})
	v.on(screens[2])
	for _, row := range []struct{ accept, lang, title string }{
		{"de-CH, de;q=0.9, en;q=0.8", "de", "Einen Moment bitte"},
		{"fr", "fr", "Un instant, s’il vous plaît"},
		{"nl-BE", "nl", "Een ogenblik geduld"},
		{"tlh, en;q=0.1", "en", "One moment, please"},
		{"ar-EG, en;q=0.5", "ar", "لحظة من فضلك"},
		{"ja", "ja", "しばらくお待ちください"},
		{"pl", "pl", "Proszę chwilę poczekać"},
		{"ru-RU", "ru", "Подождите немного"},
		{"tr", "tr", "Lütfen biraz bekleyin"},
		{"zh-CN", "zh-Hans", "请稍候"},
		{"zh-TW", "zh-Hant", "請稍候"},
	} {
		v.headers(network.Headers{"Accept-Language": row.accept})
		v.held(s)
		if lang := look[string](v, "document.documentElement.lang"); lang != row.lang {
			t.Errorf("%s: the language is %s", row.accept, lang)
		}
		if title := v.text("h1"); title != row.title || title != look[string](v, "document.title") {
			t.Errorf("%s: the title is %q", row.accept, title)
		}
		if over := look[int](v, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
			t.Errorf("%s: %d pixels too wide", row.accept, over)
		}
	}
}

func withoutScripts(v *visitor) {
	tell(v, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

func TestWithoutJavaScriptThePageExplainsItselfInABrowser(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopConfig{global: "contact help@shop.example"})
	v := newVisitor(t, browserConfig{})
	withoutScripts(v)
	v.Open(s.url("127.0.0.1", "/wanted"))
	v.reads("noscript p", "Please switch on JavaScript for this site and load the page again.")
	v.see("a[href^='mailto:']")
	if look[bool](v, "[...document.querySelectorAll('form, button, progress')].some(e => e.checkVisibility())") {
		t.Error("there is something that does nothing")
	}
	if got := v.history(); got != "GET 403" {
		t.Errorf("requests: %s", got)
	}
	v.shoot("challenge-without-javascript")
}

func TestWhoWaitsIsLetInWithoutJavaScriptInABrowser(t *testing.T) {
	t.Parallel()
	const wait = 5 * time.Second
	s := newShop(t, shopConfig{challenge: "challenge pow {\nnojs wait 5s\nraise off\n}"})
	v := newVisitor(t, browserConfig{})
	withoutScripts(v)
	v.Open(s.url("127.0.0.1", "/wanted?q=1"))
	v.see("noscript button")
	first := look[string](v, "document.querySelector('[name=tocsin-answer]').value")
	v.click("noscript button")
	v.Until("/^That was too early. Press the button in [2-5] seconds.$/.test(document.querySelector('noscript form p')?.textContent)")
	if again := look[string](v, "document.querySelector('[name=tocsin-answer]').value"); again != first {
		t.Errorf("the wait begins anew: %q, then %q", first, again)
	}
	over := time.NewTimer(wait) // from when the page is there, which is later than when it was made
	defer over.Stop()
	v.shoot("challenge-without-javascript-wait")
	<-over.C
	v.click("noscript button")
	if q := v.arrive(); q.URL != "/wanted?q=1" || q.Method != http.MethodGet {
		t.Errorf("%+v", q)
	}
	if got, want := v.history(), "GET 403, POST 403, POST 303, GET 200"; got != want {
		t.Errorf("requests: %s; want %s", got, want)
	}
	if n := len(s.app.posts()); n > 0 {
		t.Errorf("the application gets %d forms", n)
	}
}

// Without the pass the visitor is challenged again, and again: the page has to
// notice.
func TestWithoutCookiesThePageSaysSoInABrowser(t *testing.T) {
	t.Parallel()
	const text = "Your browser does not keep cookies. Please allow them for this site."
	for _, row := range []struct {
		name  string
		prefs string
		site  string
	}{
		{"blocked by the browser", `{"profile": {"default_content_setting_values": {"cookies": 2}}}`, ""},
		{"lost on the way", "", "header {\n-Set-Cookie\ndefer\n}\nroute {\ntocsin\nreverse_proxy {APP}\n}"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, shopConfig{site: row.site})
			v := newVisitor(t, browserConfig{prefs: row.prefs})
			v.Open(s.url("127.0.0.1", "/wanted"))
			v.reads("#tocsin [role=status]", text)
			v.see("#tocsin button")
			first := v.history()
			if n := strings.Count(first, ","); n > 5 {
				t.Errorf("it takes %d requests: %s", n+1, first)
			}
			v.shoot("challenge-without-cookies")
			// To try again is no dead end, nor the beginning of a loop.
			v.Do(chromedp.Evaluate[chromedp.Void]("window.left = true"))
			v.click("#tocsin button")
			v.Until("!window.left")
			v.reads("#tocsin [role=status]", text)
			if got, want := v.history(), first+", "+first; got != want {
				t.Errorf("trying again: %s; want %s", got, want)
			}
		})
	}
}

// If an answer is lost, the page says so, and it can be sent again.
func TestALostAnswerInABrowser(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopConfig{site: "@answer header X-Tocsin-Answer *\nhandle @answer {\nabort\n}\nhandle {\ntocsin\nreverse_proxy {APP}\n}"})
	v := newVisitor(t, browserConfig{})
	v.Open(s.url("127.0.0.1", "/"))
	v.reads("#tocsin [role=status]", "The check did not work.")
	v.reads("#tocsin button", "Try again")
	v.heard() // that the connection was closed
	v.shoot("challenge-failed")
}
