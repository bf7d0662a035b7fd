//go:build linux

package people_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/internal/browsertest"
)

// The package browsertest says what these tests need.
//
//	go test -run InABrowser ./community/people

// A visitor is a tab of a browser.
type visitor struct {
	*browsertest.Tab
	t    testing.TB
	base string // of the pages
}

// visit starts a browser without scripts that is at an address for the community, and is let
// in as a moderator.
func (w *town) visit(t testing.TB, address string) *visitor {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = address + ":1"
		if strings.HasPrefix(r.URL.Path, "/moderator") {
			r.Header.Set("Moderator", "anna")
		}
		w.clock.pass(time.Second)
		w.handler.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	browser := browsertest.Start(t, nil, chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"))
	v := &visitor{browsertest.NewTab(t, browser), t, server.URL}
	tell(v, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	return v
}

func (v *visitor) open(path string) {
	v.t.Helper()
	v.Open(v.base + path)
}

// tell sends the browser a command.
func tell[P, R any](v *visitor, command cdp.Command[P, R], params P) R {
	v.t.Helper()
	return browsertest.Tell(v.Tab, command, params)
}

// look returns what an expression says of the page.
func look[T any](v *visitor, expression string) T {
	v.t.Helper()
	return browsertest.Look[T](v.Tab, expression)
}

// reads waits until the page says a text.
func (v *visitor) reads(text string) {
	v.t.Helper()
	v.Until(fmt.Sprintf("document.body?.innerText.includes(%q)", text))
}

// A key is one of the keyboard.
type key struct {
	name, code string
	number     int64
	text       string
}

var (
	tab   = key{"Tab", "Tab", 9, ""}
	enter = key{"Enter", "Enter", 13, "\r"}
	space = key{" ", "Space", 32, " "}
)

func (v *visitor) press(k key) {
	v.t.Helper()
	for _, kind := range []input.DispatchKeyEventType{"keyDown", "keyUp"} {
		text := k.text
		if kind == "keyUp" {
			text = ""
		}
		tell(v, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: k.name, Code: k.code, WindowsVirtualKeyCode: k.number, Text: text})
	}
}

func (v *visitor) write(text string) {
	v.t.Helper()
	tell(v, input.InsertText, input.InsertTextParams{Text: text})
}

// reach presses the tabulator until a selector matches what has the focus, which must be seen
// to have it.
func (v *visitor) reach(selector string) {
	v.t.Helper()
	for range 60 {
		v.press(tab)
		if look[bool](v, fmt.Sprintf("document.activeElement.matches(%q)", selector)) {
			if look[string](v, "getComputedStyle(document.activeElement).outlineStyle") == "none" {
				v.t.Errorf("%s: nobody sees that it has the focus", selector)
			}
			return
		}
	}
	v.Give(fmt.Errorf("the keyboard does not reach %s", selector))
}

func (v *visitor) shoot(name string) {
	v.t.Helper()
	v.Shoot("community-"+name, true)
}

// on sets the screen and the preferred colours.
func (v *visitor) on(width int64, colours string) {
	v.t.Helper()
	tell(v, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 740, DeviceScaleFactor: 1, Mobile: width < 500})
	tell(v, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: colours}}})
}

func (v *visitor) speak(lang string) {
	v.t.Helper()
	tell(v, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": lang}})
}

// controls are roles of what people use.
var controls = map[string]bool{
	"button": true, "link": true, "textbox": true, "searchbox": true, "checkbox": true, "radio": true, "combobox": true, "DateTime": true, "InputTime": true,
}

// named checks the names for a screen reader: each control has a name, no two different buttons
// have the same, and there is a heading in the main part.
func (v *visitor) named(what string) {
	v.t.Helper()
	count := map[string]int{}
	buttons := map[string]bool{}
	for _, n := range tell(v, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if n.Role == nil || n.Ignored {
			continue
		}
		var role, name string
		err := json.Unmarshal(n.Role.Value, &role)
		if n.Name != nil {
			err = errors.Join(err, json.Unmarshal(n.Name.Value, &name))
		}
		if err != nil {
			v.t.Fatal(err)
		}
		count[role]++
		if controls[role] && strings.TrimSpace(name) == "" {
			v.t.Errorf("%s: a %s without a name", what, role)
		}
		if role == "button" {
			if buttons[name] {
				v.t.Errorf("%s: two buttons are called %q", what, name)
			}
			buttons[name] = true
		}
	}
	if count["main"] != 1 || count["heading"] == 0 || look[int](v, "document.querySelectorAll('h1').length") != 1 {
		v.t.Errorf("%s: %v", what, count)
	}
}

// faint lists the elements whose own text has less contrast to what is behind it than WCAG 2.2
// asks for (1.4.3).
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
		([...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()) || e.matches("input, textarea, select")));
	return all.map(e => {
		const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((a, b) => b - a);
		return [e.outerHTML.slice(0, 60), (a + 0.05) / (b + 0.05)];
	}).filter(([, ratio]) => ratio < 4.5).map(([e, ratio]) => ratio.toFixed(2) + " " + e);
})()`

func TestL09AnAppealWithTheKeyboardAloneInABrowser(t *testing.T) {
	t.Parallel()
	w := listed(t, mine)
	v := w.visit(t, mine)
	v.open("/")
	v.reads("It is listed.")
	v.named("check")
	v.reach("#address")
	v.press(enter)
	v.Until("location.search.startsWith('?address=') && document.readyState == 'complete'")
	v.reads("Members that saw it")
	v.reach("textarea")
	v.write("It was my old router.")
	v.reach("form[action='/appeal'] button")
	v.press(enter)
	v.reads("Your request has arrived")
	v.reads("The address is not listed any more.")
	v.named("received")
	v.shoot("received")
	if w.lists(mine) {
		t.Error("it is still listed")
	}
	v.reach(".ticket a")
	v.press(enter)
	v.reads("How a case stands")
	v.reads("Decision by")
	v.named("case")
	v.open("/")
	v.reads("It is not listed.")
	v.reach("a[href^='/facts']")
	v.press(enter)
	v.reads(exploit)
	v.named("facts")
	cookies := tell(v, network.GetCookies, network.GetCookiesParams{}).Cookies
	if len(cookies) > 0 {
		t.Errorf("cookies %v", cookies)
	}
}

func TestL11AModeratorDecidesInABrowser(t *testing.T) {
	t.Parallel()
	w := appealed(t)
	v := w.visit(t, other)
	v.on(1280, "light")
	v.open("/moderator")
	v.named("queue")
	v.shoot("queue")
	v.reach("td a")
	v.press(enter)
	v.reads("Please look.")
	v.named("file")
	v.shoot("file")
	v.reach("#upheld")
	v.press(space)
	v.reach("#reason")
	v.write("A shared address.")
	v.reach("form[action$='/decide'] button")
	v.press(enter)
	v.reads("Case 1 is decided: upheld.")
	v.reads("No case waits.")
	f, err := w.File(t.Context(), "test", 1)
	if w.must(err); f.Case.State != community.Upheld || f.Case.By != "anna" || f.Case.Reason != "A shared address." || w.lists(mine) {
		t.Errorf("%+v", f.Case)
	}
	for _, path := range []string{"/exclusive", "/members", "/list", "/invitations", "/audit", "/case?id=1", "?all=1"} {
		v.open("/moderator" + path)
		v.named(path)
		v.shoot("moderator-" + strings.Trim(strings.NewReplacer("?", "", "=", "", "/", "").Replace(path), "-"))
	}
}

func TestAMemberLogsInInABrowser(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	by, apiKey := w.join(community.Reporter, true)
	w.report(mine, by)
	v := w.visit(t, other)
	v.open("/member")
	v.named("login")
	v.reach("#key")
	v.write(apiKey)
	v.press(enter)
	v.reads("Your membership")
	v.reads(by.Login)
	v.named("member")
	v.shoot("member")
	for _, c := range tell(v, network.GetCookies, network.GetCookiesParams{URLs: []string{v.base + "/member"}}).Cookies {
		if !c.HTTPOnly || !c.Secure || c.Path != "/member" || c.SameSite != "Strict" {
			t.Errorf("cookie %+v", c)
		}
	}
	v.reach("form[action='/member/key'] button")
	v.press(enter)
	v.reads("Your new API key")
	v.reach("form[action='/member/logout'] button")
	v.press(enter)
	v.reads("You are logged out.")
}

// paths are those of the pages.
var paths = []string{
	"/member", "/case", "/facts", "/notice", "/terms", "/records", "/figures", "/nothing", "/?address=x",
	"/moderator", "/moderator/case?id=1", "/moderator/exclusive", "/moderator/members", "/moderator/list", "/moderator/invitations", "/moderator/audit",
}

// Nobody has to scroll sideways, and everybody can read it.
func TestThePagesFitAndCanBeReadInABrowser(t *testing.T) {
	t.Parallel()
	w := appealed(t)
	_, apiKey := w.join(community.Reporter, true)
	v := w.visit(t, mine)
	check := func(path, lang string) {
		t.Helper()
		v.open(path)
		name := path + " " + lang
		if over := look[int](v, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
			t.Errorf("%s: %d pixels too wide", name, over)
		}
		if texts := look[[]string](v, faint); len(texts) > 0 {
			t.Errorf("%s: hard to read: %q", name, texts)
		}
	}
	for _, row := range []struct {
		width   int64 // 320 is the least that WCAG 2.2 asks for (1.4.10)
		colours string
	}{{320, "light"}, {1280, "dark"}} {
		v.on(row.width, row.colours)
		for _, lang := range []string{"en", "ar", "de", "es", "fr", "it", "ja", "nl", "pl", "pt", "pt-BR", "ru", "tr", "zh-CN", "zh-TW"} {
			v.speak(lang)
			check("/", lang)
			if rtl := look[bool](v, "getComputedStyle(document.body).direction == 'rtl'"); rtl != (lang == "ar") {
				t.Errorf("%s: from right to left: %v", lang, rtl)
			}
			if dark := look[bool](v, `getComputedStyle(document.body).backgroundColor.match(/\d+/)[0] < 128`); dark != (row.colours == "dark") {
				t.Errorf("%s: dark: %v", lang, dark)
			}
			if lang == "en" || lang == "ar" || lang == "ja" {
				v.shoot(fmt.Sprintf("check-%d-%s-%s", row.width, row.colours, lang))
			}
		}
		v.speak("en")
		v.open("/member")
		if look[bool](v, "!!document.querySelector('#key')") {
			check("/member", "login")
			v.reach("#key")
			v.write(apiKey)
			v.press(enter)
			v.reads("Your membership")
		}
		for _, path := range paths {
			check(path, row.colours)
		}
	}
}
