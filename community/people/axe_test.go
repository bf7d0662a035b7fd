//go:build linux

package people_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/emulation"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/internal/browsertest"
)

// scripts lets the page run scripts, or not.
func (v *visitor) scripts(on bool) {
	v.t.Helper()
	tell(v, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
}

// sound checks the page with axe.
func (v *visitor) sound(axe, page string) {
	v.t.Helper()
	v.scripts(true)
	v.Axe(axe, page)
	v.scripts(false)
}

// Every page can be used by everybody, on a phone and in the dark.
func TestAxeFindsNothingInABrowser(t *testing.T) {
	t.Parallel()
	axe := browsertest.AxeScript(t)
	w := appealed(t)
	by, apiKey := w.join(community.Reporter, true)
	w.report(mine, by)
	v := w.visit(t, mine)
	for _, row := range []struct {
		width   int64
		colours string
	}{{360, "light"}, {1280, "dark"}} {
		v.on(row.width, row.colours)
		for _, path := range append([]string{"/", "/?address=" + mine, "/?address=" + other}, paths...) {
			v.open(path)
			v.sound(axe, fmt.Sprintf("%s, %d pixels, %s", path, row.width, row.colours))
		}
	}
	v.on(360, "dark")
	v.open("/moderator/invitations")
	v.reach("#name")
	v.write("A new member")
	v.press(enter)
	v.Until("!!document.querySelector('#secret')")
	v.sound(axe, "an invitation")
	v.open("/member")
	v.reach("#key")
	v.write(apiKey)
	v.press(enter)
	v.reads("Your membership")
	v.sound(axe, "the page of a member")
	v.reach("form[action='/member/key'] button")
	v.press(enter)
	v.reads("Your new API key")
	v.sound(axe, "a new key")
}

// Nor in what a listed visitor sees, up to the receipt, in a language that is written from
// right to left.
func TestAxeFindsNothingInAnAppealInABrowser(t *testing.T) {
	t.Parallel()
	axe := browsertest.AxeScript(t)
	w := listed(t, mine)
	v := w.visit(t, mine)
	v.on(360, "dark")
	v.speak("ar")
	v.open("/")
	v.sound(axe, "an explanation")
	v.reach("form[action='/appeal'] button")
	v.press(enter)
	v.Until("!!document.querySelector('.ticket a')")
	v.sound(axe, "a receipt")
	v.reach(".ticket a")
	v.press(enter)
	v.Until("location.pathname == '/case' && document.readyState == 'complete'")
	v.sound(axe, "a case")
	v.open("/")
	v.reach("a[href^='/facts']")
	v.press(enter)
	v.Until("location.pathname == '/facts' && document.readyState == 'complete'")
	v.sound(axe, "stored data")
	v.open("/")
	v.reach("form[action='/erase'] button")
	v.press(enter)
	v.Until("location.pathname == '/erase' && document.readyState == 'complete'")
	v.sound(axe, "erased data")
}
