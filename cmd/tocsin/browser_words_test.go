//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
)

// bannedIn opens the page of a banned client in a language.
func (v *visitor) bannedIn(s *shop, lang string) {
	v.t.Helper()
	v.headers(network.Headers{"X-Forwarded-For": outlaw, "Accept-Language": lang})
	v.Open(s.url("shop.example", "/"))
	v.headers(network.Headers{})
	v.see("h1")
}

// heldIn opens the challenge in a language.
func (v *visitor) heldIn(s *shop, lang string) {
	v.t.Helper()
	v.headers(network.Headers{"Accept-Language": lang})
	v.held(s)
	v.headers(network.Headers{})
}

// mirrored lists what is not where the direction of the script wants it: the labels
// before what they are for, all texts from the side that one reads from, and times and
// addresses in their own order.
const mirrored = `(() => {
	const rtl = getComputedStyle(document.body).direction == "rtl";
	const wrong = [], main = document.querySelector("main").getBoundingClientRect();
	if (rtl != (document.documentElement.dir == "rtl")) wrong.push("direction");
	const start = r => rtl ? main.right - r.right : r.left - main.left;
	const text = e => {
		const range = document.createRange();
		range.selectNodeContents(e);
		return range.getBoundingClientRect();
	};
	for (const e of document.querySelectorAll("h1, dt")) {
		if (Math.abs(start(text(e)) - start(text(document.querySelector("h1")))) > 3) wrong.push(e.outerHTML);
	}
	for (const dt of document.querySelectorAll("dt")) {
		const a = text(dt), b = text(dt.nextElementSibling);
		if (rtl ? a.left < b.right : a.right > b.left) wrong.push(dt.outerHTML);
		if (Math.abs(start(b) - start(text(document.querySelector("dd")))) > 3) wrong.push(dt.nextElementSibling.outerHTML);
	}
	if (text(document.querySelector(".ref")).height > 40) wrong.push("a reference in two lines");
	const when = [...document.querySelectorAll("dd")].find(e => e.textContent.endsWith("UTC"));
	const at = (from, to) => {
		const nodes = document.createTreeWalker(when, NodeFilter.SHOW_TEXT), node = nodes.nextNode(), range = document.createRange();
		range.setStart(node, from);
		range.setEnd(node, to);
		return range.getBoundingClientRect();
	};
	const parts = [at(0, 4), at(5, 7), at(8, 10), at(11, 13), at(17, 19), at(20, 23)];
	// On a narrow screen it has two lines.
	if (parts.some((r, i) => i && parts[i - 1].bottom > r.top && parts[i - 1].left > r.left)) wrong.push(when.outerHTML);
	return wrong;
})()`

// The pages in every language, one of them from right to left. Those who look at the
// artifacts see three.
func TestThePagesInEveryLanguageInABrowser(t *testing.T) {
	t.Parallel()
	s := newHeldShop(t)
	v := newVisitor(t, browserConfig{})
	for _, lang := range []string{"en", "ar", "de", "es", "fr", "it", "ja", "nl", "pl", "pt", "ru", "tr", "zh-CN", "zh-TW"} {
		for _, row := range []struct {
			name string
			show func(*shop, string)
		}{{"ban", v.bannedIn}, {"challenge", v.heldIn}} {
			for i, colours := range []string{"light", "dark"} {
				v.on(screens[i*2])
				v.prefers("prefers-color-scheme: "+colours, "prefers-reduced-motion: reduce")
				row.show(s, lang)
				name := fmt.Sprintf("%s-%s-%s-%s", row.name, screens[i*2].name, colours, lang)
				if over := look[int](v, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
					t.Errorf("%s: %d pixels too wide", name, over)
				}
				if wrong := look[[]string](v, mirrored); len(wrong) > 0 {
					t.Errorf("%s: not in the direction of the script: %q", name, wrong)
				}
				if texts := look[[]string](v, faint); len(texts) > 0 {
					t.Errorf("%s: hard to read: %q", name, texts)
				}
				if strings.Contains("ar ja ru", lang) {
					v.shoot(name)
				}
			}
		}
	}
}

// A screen reader and the keyboard work on a page from right to left.
func TestAPageFromRightToLeftIsAccessibleInABrowser(t *testing.T) {
	t.Parallel()
	s := newHeldShop(t)
	v := newVisitor(t, browserConfig{})
	v.prefers("prefers-reduced-motion: reduce")
	for _, row := range []struct {
		show    func(*shop, string)
		heading string
		bar     string
	}{
		{v.heldIn, "لحظة من فضلك", "جارٍ التحقق من متصفحك…"},
		{v.bannedIn, "تم رفض الوصول", ""},
	} {
		row.show(s, "ar")
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
		for role, want := range map[string]string{"heading": row.heading, "RootWebArea": row.heading, "progressbar": row.bar, "link": "help@shop.example"} {
			if named[role] != want {
				t.Errorf("%s is called %q, want %q", role, named[role], want)
			}
		}
		for _, kind := range []input.DispatchKeyEventType{"keyDown", "keyUp"} {
			tell(v, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: "Tab", Code: "Tab", WindowsVirtualKeyCode: 9})
		}
		if focused := look[string](v, "document.activeElement.textContent"); focused != "help@shop.example" {
			t.Errorf("the first step of the keyboard leads to %q", focused)
		}
	}
}

// ALTCHA's own widget, from the script that knows English alone, speaks the language of
// the page.
func TestALTCHAsWidgetSpeaksTheLanguageOfThePageInABrowser(t *testing.T) {
	t.Parallel()
	file := os.Getenv("TOCSIN_ALTCHA")
	if file == "" {
		t.Skip("TOCSIN_ALTCHA does not name the script of ALTCHA's widget")
	}
	s := newShop(t, shopConfig{tls: true, challenge: "challenge altcha " + file + " {\nlevel low\nraise off\n}"})
	for lang, label := range map[string]string{"ar": "أنا لست روبوتًا", "de": "Ich bin kein Roboter", "zh-TW": "我不是機器人"} {
		v := newVisitor(t, browserConfig{})
		v.headers(network.Headers{"Accept-Language": lang})
		v.Open(s.url("shop.example", "/"))
		v.see("altcha-widget input[type=checkbox]")
		if got := v.text("altcha-widget label"); got != label {
			t.Errorf("%s: the label is %q, want %q", lang, got, label)
		}
		v.shoot("altcha-" + lang)
		v.click("altcha-widget input[type=checkbox]")
		v.arrive()
	}
}
