//go:build linux

package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/browsertest"
)

// basic returns a call with the name and the application password of a program.
func basic(name, password string) call {
	return call{target: "/wp-json/wp/v2/users/me", auth: "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))}
}

// applicationPassword has somebody who is logged in make a password for a program.
func (p person) applicationPassword() string {
	p.t.Helper()
	p.goes("/wp-admin/post-new.php") // which has wp.apiFetch
	p.Until("!!window.wp?.apiFetch && window.wp?.data?.select('core/editor')?.getCurrentPostId() > 0")
	look[bool](p.visitor, `(wp.apiFetch({path: '/wp/v2/users/me/application-passwords', method: 'POST', data: {name: 'program ' + Date.now()}}).then(
		made => window.made = made.password, failed => window.made = 'failed: ' + JSON.stringify(failed)), true)`)
	p.Until("!!window.made")
	look[bool](p.visitor, "(window.onbeforeunload = null, true)")
	return look[string](p.visitor, "window.made")
}

// Passwords that have leaked elsewhere are tried at the login of a real WordPress, by
// one address each. The login is guarded soon, for everybody: who is known goes on,
// and a person with a browser logs in with what was typed before the challenge.
func TestStuffingFromManyAddressesIsStoppedInABrowser(t *testing.T) {
	t.Parallel()
	browsertest.Find(t)
	w := newWordPress(t)
	// Without HTTPS, WordPress has passwords for programs in an environment of that
	// kind alone.
	p := newPost(t, "", strings.Replace(w.directives(), "/fpm.sock", "/fpm.sock {\nenv WP_ENVIRONMENT_TYPE local\n}", 1))

	owner := newFront(p, "203.0.113.20")
	author := person{newVisitor(t, browserConfig{}), owner.URL}
	author.readsNoisyPages()
	author.goes("/wp-login.php")
	author.fills([2]string{"user_login", wpUser}, [2]string{"user_pass", wpPassword})
	author.see("#dashboard-widgets")
	password := author.applicationPassword()
	program := p.from("203.0.113.21")
	// A password says something where there is no way in without one.
	if r := program.send(get("/wp-json/wp/v2/users/me")); r.status != http.StatusUnauthorized {
		t.Fatalf("without a password: status %d", r.status)
	}
	if r := program.send(basic(wpUser, password)); r.status != http.StatusOK {
		t.Fatalf("the program: status %d\n%s", r.status, r.body)
	}

	failures, stopped := 0, 0
	for i := range 40 {
		r := p.from(fmt.Sprintf("198.51.%d.7", 100+i)).send(login(fmt.Sprint("user", i), "leaked"))
		switch {
		case refusedLogin(r):
			failures++
		case r.status == http.StatusForbidden && r.header.Get("X-Tocsin") == "challenge":
			stopped++
		default:
			t.Errorf("try %d: status %d", i+1, r.status)
		}
	}
	t.Logf("%d of 40 tries are answered, %d are challenged", failures, stopped)
	if failures > 20 {
		t.Errorf("%d tries are answered, want at most 20", failures)
	}

	visitor := person{newVisitor(t, browserConfig{}), newFront(p, "203.0.113.22").URL}
	visitor.readsNoisyPages()
	visitor.goes("/wp-login.php")
	start := time.Now()
	visitor.fills([2]string{"user_login", wpUser}, [2]string{"user_pass", wpPassword})
	visitor.see("#dashboard-widgets")
	t.Logf("%v from the click to the dashboard", time.Since(start))
	if h := visitor.history(); !strings.HasPrefix(h, "GET 200, POST 403, POST 204, POST 302") && !strings.HasPrefix(h, "GET 200, POST 403, POST 204, POST 200") {
		t.Errorf("requests: %s", h)
	}
	for i := range 5 {
		if r := program.send(basic(wpUser, password)); r.status != http.StatusOK {
			t.Errorf("request %d of the program: status %d", i+1, r.status)
		}
	}
	if r := program.send(login(wpUser, wpPassword)); r.status != http.StatusFound {
		t.Errorf("a login of who is known: status %d, %q", r.status, r.header.Get("X-Tocsin"))
	}
}
