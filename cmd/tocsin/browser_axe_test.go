//go:build linux

package main

import (
	"testing"

	"github.com/chromedp/cdproto/network"

	"github.com/tocsin-project/tocsin/internal/browsertest"
)

// Everybody can use the page of the challenge and that of a banned client, on a phone, in
// the dark, and in a language that is written from right to left.
func TestAxeFindsNothingInABrowser(t *testing.T) {
	t.Parallel()
	axe := browsertest.AxeScript(t)
	s := newHeldShop(t)
	v := newVisitor(t, browserConfig{})
	for _, row := range []struct {
		screen          screen
		colours, accept string
	}{{screens[0], "light", "en"}, {screens[1], "dark", "ar"}} {
		v.on(row.screen)
		v.prefers("prefers-color-scheme: "+row.colours, "prefers-reduced-motion: reduce")
		for _, page := range []struct {
			name    string
			headers network.Headers
			see     string
		}{
			{"challenge", network.Headers{"Accept-Language": row.accept}, "#tocsin progress"},
			{"ban", network.Headers{"Accept-Language": row.accept, "X-Forwarded-For": outlaw}, "h1"},
		} {
			v.headers(page.headers)
			v.Open(s.url("shop.example", "/"))
			v.see(page.see)
			v.Axe(axe, page.name+", "+row.screen.name)
		}
	}
}
