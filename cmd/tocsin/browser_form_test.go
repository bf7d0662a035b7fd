//go:build linux

package main

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// hostile is a form whose fields would break out of a page that does not escape
// them, or get in the way of its script.
var hostile = form("/send?a=b&c=%2F", [][2]string{
	{"x<y&z\"'", "x<y&z\"'`</form></script><script>alert(1)</script>"},
	{"submit", "1"},
	{"action", "https://evil.example/"},
	{"method", "get"},
	{"again", "first"},
	{"again", "second"},
	{"empty", ""},
	{"lines", "one\ntwo\n\n three"},
	{"umlaut", "Grüße, 世界 \U0001F514"},
	{"tocsin-answer", "x"},
	{"id", "tocsin"},
	{"plus and space", "1+1 = 2 %41"},
})

// form returns a page with a form and a button.
func form(action string, fields [][2]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<form method="post" action="%s">`, html.EscapeString(action))
	for _, f := range fields {
		fmt.Fprintf(&b, `<textarea name="%s">`+"\n%s</textarea>", html.EscapeString(f[0]), html.EscapeString(f[1]))
	}
	return b.String() + `<button>send</button></form>`
}

// A form that a visitor has filled in while the pass ended must arrive exactly once, and
// byte for byte as without a challenge.
func TestAFormSurvivesTheChallengeInABrowser(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, host string
		tls        bool
	}{
		{"over HTTP", "127.0.0.1", false},
		{"over HTTP on an ordinary name", "shop.example", false},
		{"over HTTPS", "shop.example", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, shopConfig{tls: row.tls})
			s.app.pages["GET /form"] = show(hostile)
			v := newVisitor(t, browserConfig{})
			var sent [2]asked
			for i := range sent {
				v.Open(s.url(row.host, "/form"))
				v.see("form")
				if i == 1 {
					v.forget()
				}
				v.click("button")
				sent[i] = v.arrive()
				if u := look[string](v, "location.href"); u != s.url(row.host, "/send?a=b&c=%2F") {
					t.Errorf("the visitor is at %s", u)
				}
			}
			if sent[1] != sent[0] {
				t.Errorf("through a challenge comes\n%+v, want\n%+v", sent[1], sent[0])
			}
			if n := len(s.app.posts()); n != 2 {
				t.Errorf("%d forms come, want 2", n)
			}
			if got := v.history(); !strings.HasSuffix(got, "POST 200, GET 200, POST 403, POST 204, POST 200") {
				t.Errorf("requests: %s", got)
			}
			// The way back leads past no page that would send it once more.
			v.back()
			v.Until("document.querySelector('#app')?.innerText.includes('\"GET\"')")
			v.back()
			v.see("form")
			if n := len(s.app.posts()); n != 2 {
				t.Errorf("after going back %d forms have come", n)
			}
		})
	}
}

// The form is WordPress's, whose answer is a redirection with a cookie.
func TestALoginSurvivesTheChallengeInABrowser(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopConfig{})
	s.app.pages["GET /wp-login.php"] = func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "wordpress_test_cookie", Value: "WP%20Cookie%20check", Path: "/"})
		show(`<form name="loginform" id="loginform" action="/wp-login.php" method="post">
			<input type="text" name="log" id="user_login" autocomplete="username">
			<input type="password" name="pwd" id="user_pass" autocomplete="current-password">
			<input name="rememberme" type="checkbox" value="forever" checked>
			<input type="submit" name="wp-submit" id="wp-submit" value="Log In">
			<input type="hidden" name="redirect_to" value="/wp-admin/">
			<input type="hidden" name="testcookie" value="1">
		</form>`)(w, r)
	}
	s.app.pages["POST /wp-login.php"] = func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "wordpress_logged_in", Value: "admin", Path: "/", HttpOnly: true})
		http.Redirect(w, r, "/wp-admin/", http.StatusFound)
	}
	v := newVisitor(t, browserConfig{})
	v.Open(s.url("127.0.0.1", "/wp-login.php"))
	v.click("#user_login")
	v.Do(chromedp.KeyEvent("admin"))
	v.click("#user_pass")
	v.Do(chromedp.KeyEvent(`p<&"'ß %`))
	tell(v, network.DeleteCookies, network.DeleteCookiesParams{Name: "tocsin4", URL: s.url("127.0.0.1", "/")})
	v.click("#wp-submit")
	q := v.arrive()
	if q.Method != http.MethodGet || q.URL != "/wp-admin/" || q.Cookies != "wordpress_test_cookie=WP%20Cookie%20check; wordpress_logged_in=admin" {
		t.Errorf("in the end comes %+v", q)
	}
	posts := s.app.posts()
	if len(posts) != 1 {
		t.Fatalf("%d logins come", len(posts))
	}
	const want = "log=admin&pwd=p%3C%26%22%27%C3%9F+%25&rememberme=forever&wp-submit=Log+In&redirect_to=%2Fwp-admin%2F&testcookie=1"
	if p := posts[0]; p.Body != want || p.FetchSite != "same-origin" || p.Cookies != "wordpress_test_cookie=WP%20Cookie%20check" {
		t.Errorf("the login is %+v", p)
	}
}

// The answer to a form may lead elsewhere, as that of a shop leads to whoever
// takes the money.
func TestAFormMayLeadToAnotherSiteInABrowser(t *testing.T) {
	t.Parallel()
	bank := httptest.NewServer(show(`<p id="bank">pay`))
	t.Cleanup(bank.Close)
	s := newShop(t, shopConfig{})
	s.app.pages["GET /form"] = show(form("/pay", [][2]string{{"sum", "1"}}))
	s.app.pages["POST /pay"] = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, named(bank, "bank.example"), http.StatusSeeOther)
	}
	v := newVisitor(t, browserConfig{})
	v.Open(s.url("shop.example", "/form"))
	v.see("form")
	v.forget()
	v.click("button")
	v.see("#bank")
	if n := len(s.app.posts()); n != 1 {
		t.Errorf("%d forms come", n)
	}
}

// named returns the URL of a server by another of the names that lead to it.
func named(s *httptest.Server, host string) string {
	return strings.Replace(s.URL, "127.0.0.1", host, 1)
}

// To send a form of another site again would make it one of the site's own, for
// all that the application can tell: it would come with cookies that are for the
// site's own forms, and past protection against forgery.
func TestAFormOfAnotherSiteIsNotLaunderedInABrowser(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, from, to string // hosts; an empty one is that of a page without an origin
		tls            bool
		again          string // what Sec-Fetch-Site says when it is sent again; empty: it cannot be
	}{
		{"from another port", "127.0.0.1", "127.0.0.1", false, "same-site"},
		{"from another site", "evil.example", "shop.example", true, "cross-site"},
		{"from another site over plain HTTP, to which the pass does not come along", "evil.example", "shop.example", false, ""},
		{"from nowhere", "", "shop.example", true, "cross-site"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, shopConfig{tls: row.tls})
			page := form(s.url(row.to, "/transfer"), [][2]string{{"to", "mallory"}})
			elsewhere := httptest.NewServer(show(page))
			t.Cleanup(elsewhere.Close)
			address := named(elsewhere, row.from)
			if row.from == "" {
				address = "data:text/html," + url.PathEscape("<!doctype html>"+page)
			}
			v := newVisitor(t, browserConfig{})
			v.Open(address)
			v.click("button")
			v.reads("#tocsin [role=status]", "Check done. Go back and send your form again.")
			if posts := s.app.posts(); len(posts) > 0 {
				t.Fatalf("the application gets %+v", posts)
			}
			v.back()
			v.Until("!document.querySelector('#tocsin')")
			v.click("button")
			if row.again == "" {
				v.reads("#tocsin [role=status]", "Check done. Go back and send your form again.")
				if posts := s.app.posts(); len(posts) > 0 {
					t.Errorf("the application gets %+v", posts)
				}
				return
			}
			q := v.arrive()
			origin := strings.TrimSuffix(address, "/")
			if row.from == "" {
				origin = "null"
			}
			if q.Method != http.MethodPost || q.Body != "to=mallory" || q.FetchSite != row.again || q.Origin != origin {
				t.Errorf("sent again: %+v", q)
			}
			if n := len(s.app.posts()); n != 1 {
				t.Errorf("%d forms come", n)
			}
		})
	}
}

// A form that is too large to keep is sent again by the visitor, once the challenge is
// solved.
func TestAFormThatIsNotKeptInABrowser(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, form string }{
		{"with a file", `<form method="post" action="/send" enctype="multipart/form-data"><input type="file" name="f"><button>send</button></form>`},
		{"too large", form("/send", [][2]string{{"text", strings.Repeat("long ", 20_000)}})},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, shopConfig{})
			s.app.pages["GET /form"] = show(row.form)
			v := newVisitor(t, browserConfig{})
			v.Open(s.url("127.0.0.1", "/form"))
			v.see("form")
			v.forget()
			v.click("button")
			v.reads("#tocsin [role=status]", "Check done. Go back and send your form again.")
			v.back()
			v.Until("!document.querySelector('#tocsin')")
			v.click("button")
			v.arrive()
			if n := len(s.app.posts()); n != 1 {
				t.Errorf("%d forms come", n)
			}
		})
	}
}

// A form that a script sends, as htmx does, is no navigation, and over plain HTTP the
// browser does not tell. What was typed arrives where it was to go, or stays in its box.
func TestAFormThatAScriptSendsInABrowser(t *testing.T) {
	t.Parallel()
	const send = `<script>
		document.querySelector("form").onsubmit = async e => {
			e.preventDefault();
			const form = e.target;
			const answer = await fetch(form.action, {method: "POST", headers: HEADERS, body: new URLSearchParams(new FormData(form))});
			if (answer.headers.get("Content-Type").startsWith("text/html")) {
				document.documentElement.innerHTML = await answer.text();
				for (const old of document.querySelectorAll("script")) {
					const script = document.createElement("script");
					script.textContent = old.textContent;
					old.replaceWith(script);
				}
			}
			document.title = answer.status;
		};
	</script>`
	for _, row := range []struct {
		name, headers string
		arrives       bool
	}{
		{"htmx", `{Accept: "text/html, */*", "HX-Request": "true"}`, false},
		{"a library that says nothing of itself, and shows what it gets", `{Accept: "text/html, application/xhtml+xml"}`, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, shopConfig{})
			s.app.pages["GET /form"] = show(form("/send?a=b", [][2]string{{"text", "long text"}}) + strings.Replace(send, "HEADERS", row.headers, 1))
			v := newVisitor(t, browserConfig{})
			v.Open(s.url("shop.example", "/form"))
			v.see("form textarea")
			v.forget()
			v.click("button")
			if !row.arrives {
				v.Until("document.title == '403'")
				if text := look[string](v, "document.querySelector('textarea').value"); text != "long text" {
					t.Errorf("the box has %q", text)
				}
				if posts := s.app.posts(); len(posts) > 0 {
					t.Errorf("the application gets %+v", posts)
				}
				return
			}
			if q := v.arrive(); q.Method != http.MethodPost || q.URL != "/send?a=b" || q.Body != "text=long+text" {
				t.Errorf("%+v", q)
			}
		})
	}
}
