package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/internal/challengetest"
)

// suspect is a client that a captcha decision is in force for.
const suspect = "192.0.2.50"

// challenged returns a Caddyfile of one site that challenges the suspect.
func (h *host) challenged(global, site string) string {
	h.t.Helper()
	h.list("suspects.txt", suspect)
	return globals("blocklist {DIR}/suspects.txt {\naction captcha\n}\nsnapshot {DIR}/snap\n"+global) +
		"http://{ADDR} {\ntocsin {\n" + site + "\n}\nrespond \"site:{http.tocsin.action}:{http.tocsin.challenge}\"\n" +
		"handle_errors {\nrespond \"error {http.tocsin.action}\" 403\n}\n}"
}

// visit is a browser's request for a page, with a cookie if there is one.
func (h *host) visit(cookie string) answer {
	h.t.Helper()
	r := h.request(http.MethodGet, suspect, "/page?q=1")
	r.Header.Set("Accept", "text/html")
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	a, err := h.do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

// challenge waits for the challenge and returns its page.
func (h *host) challenge() string {
	h.t.Helper()
	h.waitStatus(suspect, http.StatusForbidden)
	a := h.visit("")
	if a.status != http.StatusForbidden || a.header.Get("X-Tocsin") != "challenge" || !strings.Contains(a.header.Get("Cache-Control"), "no-store") {
		h.t.Fatalf("no challenge: status %d, %v, %q", a.status, a.header, a.body)
	}
	return a.body
}

// solve solves the challenge in a page and returns the cookie.
func (h *host) solve(page string) string {
	h.t.Helper()
	return h.solveAt(page, "/page?q=1")
}

// solveAt is solve for the challenge that stands at a path.
func (h *host) solveAt(page, path string) string {
	h.t.Helper()
	answer, err := challengetest.Solve(page)
	if err != nil {
		h.t.Fatal(err)
	}
	r, err := answer.Request("http://" + h.addr + path)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("X-Forwarded-For", suspect)
	a, err := h.do(r)
	if err != nil || a.status != http.StatusNoContent {
		h.t.Fatalf("solution: status %d, %q, %v", a.status, a.body, err)
	}
	cookie, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";")
	return cookie
}

// The error pages of the site must not stand in the challenge's way.
func TestASuspectSolvesAChallengeAndComesIn(t *testing.T) {
	h := newHost(t)
	h.load(h.challenged("challenge pow {\nlevel low\n}", ""))
	cookie := h.solve(h.challenge())
	if a := h.visit(cookie); a.status != http.StatusOK || a.body != "site:captcha:passed" {
		t.Errorf("with a pass: status %d, %q", a.status, a.body)
	}
	if a := h.visit(""); a.status != http.StatusForbidden {
		t.Errorf("without: status %d", a.status)
	}
	if a := h.visit("tocsin4=" + strings.Repeat("A", 54)); a.status != http.StatusForbidden {
		t.Errorf("with a forged one: status %d", a.status)
	}
}

func TestAPassHoldsOverReloads(t *testing.T) {
	h := newHost(t)
	h.load(h.challenged("challenge pow {\nlevel low\n}", ""))
	cookie := h.solve(h.challenge())
	for _, row := range []struct{ name, global string }{
		{"another title", "challenge pow {\nlevel low\ntitle Hello\n}"},
		{"another source of decisions", "challenge pow {\nlevel low\n}\nblocklist {DIR}/more.txt"},
		{"no challenge for a while", "challenge off"},
		{"a challenge again", "challenge pow {\nlevel low\n}"},
	} {
		t.Run(row.name, func(t *testing.T) {
			h.t = t
			h.list("more.txt", banned)
			h.load(h.challenged(row.global, ""))
			want := http.StatusOK
			if row.global == "challenge off" {
				want = http.StatusTooManyRequests
			}
			if a := h.visit(cookie); a.status != want {
				t.Errorf("status %d, want %d", a.status, want)
			}
		})
	}
}

// The snapshot knows since when the decision is in force, and Caddy's storage the
// secrets.
func TestAPassHoldsOverARestart(t *testing.T) {
	for _, row := range []struct {
		name, challenge string
		stored          bool
	}{
		{"secrets in the storage", "challenge pow {\nlevel low\n}", true},
		{"a secret in the config", "challenge pow {\nlevel low\nsecret " + strings.Repeat("s", 32) + "\n}", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t)
			h.load(h.challenged(row.challenge, ""))
			h.waitSecrets(row.stored)
			cookie := h.solve(h.challenge())
			if err := caddy.Stop(); err != nil {
				t.Fatal(err)
			}
			h.load(h.challenged(row.challenge, ""))
			h.waitStatus(suspect, http.StatusForbidden)
			wait(t, func() error {
				if a := h.visit(cookie); a.status != http.StatusOK {
					return fmt.Errorf("status %d", a.status)
				}
				return nil
			})
		})
	}
}

// waitSecrets waits until secrets of the storage sign, if there are to be any.
// Before that a pass is good for this server alone.
func (h *host) waitSecrets(stored bool) {
	h.t.Helper()
	name := filepath.Join(h.dir, "storage", storedSecrets)
	if _, err := os.Stat(name); !stored && err == nil {
		h.t.Fatal("secrets are stored that nobody wants")
	}
	if !stored {
		return
	}
	a, err := runningApp()
	if err != nil {
		h.t.Fatal(err)
	}
	wait(h.t, func() error {
		if !a.gates.keeper.read.Load() {
			return errors.New("the secrets are not read")
		}
		return nil
	})
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		h.t.Fatalf("%v, %v: others can read the secrets", info, err)
	}
}

func TestOtherSecretsTakeNoPass(t *testing.T) {
	h := newHost(t)
	block := func(secrets string) string { return "challenge pow {\nlevel low\n" + secrets + "\n}" }
	a, b := strings.Repeat("a", 32), strings.Repeat("b", 32)
	h.load(h.challenged(block("secret "+a), ""))
	cookie := h.solve(h.challenge())
	h.load(h.challenged(block("secret "+b), ""))
	if a := h.visit(cookie); a.status != http.StatusForbidden {
		t.Errorf("another secret: status %d", a.status)
	}
	h.load(h.challenged(block("secret "+b+"\nold_secrets "+a), ""))
	if a := h.visit(cookie); a.status != http.StatusOK {
		t.Errorf("the old secret still counts: status %d", a.status)
	}
}

func TestASiteWithoutAChallengeTurnsAway(t *testing.T) {
	h := newHost(t)
	h.load(h.challenged("challenge pow", "challenge off"))
	h.waitStatus(suspect, http.StatusTooManyRequests)
	if a := h.visit(""); a.body != "error captcha" || a.header.Get("Retry-After") == "" {
		t.Errorf("%q, %v", a.body, a.header)
	}
}

func TestTheContactStandsOnBothPages(t *testing.T) {
	h := newHost(t)
	h.list("list.txt", banned)
	sites := h.challenged("challenge pow\ncontact help@example.com\nblocklist {DIR}/list.txt", "")
	sites, _, _ = strings.Cut(sites, "handle_errors")
	h.load(sites + "}")
	page := h.challenge()
	h.waitStatus(banned, http.StatusForbidden)
	r := h.request(http.MethodGet, banned, "/")
	r.Header.Set("Accept", "text/html")
	ban, err := h.do(r)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"challenge": page, "ban": ban.body} {
		if !strings.Contains(text, "mailto:help@example.com?subject=") {
			t.Errorf("%s: no contact in %s", name, text)
		}
	}
}

func TestAContactOfASiteIsItsOwn(t *testing.T) {
	h := newHost(t)
	h.load(h.challenged("challenge pow\ncontact help@example.com", "contact https://example.com/appeal?ref={ref}"))
	if page := h.challenge(); !strings.Contains(page, "https://example.com/appeal?ref=") || strings.Contains(page, "help@") {
		t.Error(page)
	}
}

// A client that solves a challenge and continues has to solve another one for each
// offence, also if the operator wants captchas and no bans.
func TestAPassEndsWithANewOffence(t *testing.T) {
	h := newHost(t)
	traps := ""
	for n := range 3 { // each is silent for a minute after an alert
		traps += fmt.Sprintf("scenario trap%d {\nmatch {\npath /trap/%d\n}\ncaptcha\n}\n", n, n)
	}
	h.load(globals("snapshot off\nlocal captcha 1h\nchallenge pow {\nlevel low\n}\n"+traps) + "http://{ADDR} {\ntocsin\nrespond ok\n}")
	ask := func(path, cookie string) answer {
		r := h.request(http.MethodGet, suspect, path)
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Cookie", cookie)
		a, err := h.do(r)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	cookie := ""
	for n := range 3 {
		a := ask(fmt.Sprintf("/trap/%d", n), cookie)
		if a.header.Get("X-Tocsin") != "challenge" {
			t.Fatalf("offence %d: status %d", n+1, a.status)
		}
		if a = ask("/", cookie); a.header.Get("X-Tocsin") != "challenge" {
			t.Fatalf("after offence %d: status %d, with the pass from before", n+1, a.status)
		}
		cookie = h.solveAt(a.body, "/")
		if a = ask("/", cookie); a.status != http.StatusOK {
			t.Fatalf("after the challenge: status %d", a.status)
		}
	}
}
