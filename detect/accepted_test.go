package detect

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// A client without valid credentials never counts as accepted, whatever it sends to sites
// that answer all clients in the same way, or that decide by something else.
func TestStandingIsNotForged(t *testing.T) {
	const again = `<form method="post"><input type="password" name="p"></form>`
	tips := func(s step) step {
		s.target, s.body, s.status, s.location, s.cookie = "/blog/login-tips", "user=a&password=b", 302, "/", "session=x"
		return s
	}
	rows := []struct {
		name  string
		steps []step
	}{
		{"a page that has login in its address, of a site that redirects everybody and begins a session", []step{tips(step{})}},
		{"the same, again and again", times(5, func(int) step { return tips(step{}) })},
		{"the same, after a firewall has refused something there", []step{
			{target: "/blog/login-tips", body: "user=a&password=../../etc/passwd", status: 403}, tips(step{}),
		}},
		{"the same, after a body that is too odd", []step{{target: "/blog/login-tips", body: "user=a&password=b", status: 400}, tips(step{})}},
		{"the same, after a redirect that repeats what it was asked", []step{
			{target: "/blog/login-tips?error=1", body: "user=a&password=b", status: 302, location: "/?error=1", cookie: "session=x"}, tips(step{}),
		}},
		{"the same, after a redirect that adds a slash", []step{{target: "/blog/login-tips", body: "user=a&password=b", status: 302, location: "/blog/login-tips/"}, tips(step{})}},
		{"the same, after one that adds a slash by a relative address", []step{{target: "/blog/login-tips", body: "user=a&password=b", status: 302, location: "login-tips/"}, tips(step{})}},
		{"the same, after one that writes it in small letters", []step{{target: "/blog/Login-Tips", body: "user=a&password=b", status: 302, location: "login-tips"}, tips(step{})}},
		{"the same, after one that adds a slash, and repeats the query", []step{
			{target: "/blog/login-tips?error=x", body: "user=a&password=b", status: 302, location: "/blog/login-tips/?error=x"},
			func() step { s := tips(step{}); s.target += "?error=x"; return s }(),
		}},
		{"the same, after a redirect to https", []step{{target: "/blog/login-tips", body: "user=a&password=b", status: 308, location: "https://blog.example/blog/login-tips"}, tips(step{})}},
		{"the same as JSON", []step{{target: "/login-tips", form: mediaJSON, body: `{"user":"a","password":"b"}`, status: 302, location: "/", cookie: "session=x"}}},
		{"a form that asks for other things as well", []step{
			{target: "/login", body: "user=a&password=b", answer: again},
			{target: "/login", body: "user=a&password=b&cancel=1", status: 302, location: "/", cookie: "session=x"},
		}},
		{"another action of the same script", []step{
			{target: "/login.php?do=login", body: "user=a&password=b", answer: again},
			{target: "/login.php?do=language", body: "user=a&password=b", status: 302, location: "/", cookie: "session=x"},
		}},
		{"another action, in the body", []step{
			{target: "/login", body: "action=login&user=a&password=b", answer: again},
			{target: "/login", body: "action=language&user=a&password=b", status: 302, location: "/", cookie: "session=x"},
		}},
		{"a comment, after one that was refused", []step{
			{target: "/post/1", body: "text=&user=a&password=b", status: 302, location: "/post/1?error=empty"},
			{target: "/post/1", body: "text=x&user=a&password=b", status: 302, location: "/thanks", cookie: "flash=x"},
		}},
		{"what looks like a grant, where everything is 200", []step{{target: "/blog/token", body: "grant_type=password&username=a&password=b", answer: "<p>hello</p>"}}},
		{"a token for every guest", times(3, func(int) step {
			return step{target: "/login/guest", form: mediaJSON, body: `{"user":"a","password":"b"}`, media: mediaJSON, answer: `{"token":"x"}`}
		})},

		{"a public page behind a query, where another query is refused", []step{
			{target: "/index.php?page=admin", status: 401}, {target: "/index.php?page=home", auth: "a:b"},
		}},
		{"a public page where a scheme is refused that the server does read", []step{
			{target: "/", auth: "Bearer x", status: 401}, {target: "/", auth: "a:b"},
		}},
		{"a public page that refuses an invalid JSON Web Token", []step{
			{target: "/", auth: "Bearer eyJ.eyJ.x", status: 401}, {target: "/", auth: "Bearer x"},
		}},
		{"a page to log in by, which programs get 401 for", []step{
			{target: "/", header: "X-Requested-With: XMLHttpRequest", status: 401}, {target: "/", auth: "a:b", media: "text/html; charset=utf-8", answer: again},
		}},
	}
	for _, row := range rows {
		for _, from := range []string{"192.0.2.1", "2001:db8:1:%d::1"} { // one address, and a /48
			d := New(Config{Rules: builtinRules(t)})
			for i, s := range row.steps {
				if s.client = from; from != "192.0.2.1" {
					s.client = fmt.Sprintf(from, i)
				}
				play(d, time.Duration(i)*time.Second, s)
				if d.Known(netip.MustParseAddr(s.client), began.Add(time.Minute)) {
					t.Errorf("%s: %s is known", row.name, s.client)
				}
			}
		}
	}
}

// A client that logs in counts as accepted, whatever the login page is called and
// wherever the site redirects failed logins.
func TestStandingIsEarned(t *testing.T) {
	const other = "198.51.100.9"
	for _, row := range []struct{ name, target, refused string }{
		{"by an absolute address", "/account/login", "https://blog.example/account/login"},
		{"by a path", "/account/login", "/account/login"},
		{"by a path that is relative", "/account/login", "login"},
		{"by one that is relative to a folder", "/account/login/", "../login/"},
		{"by one that climbs", "/account/login", "../signin"},
		{"by a query alone", "/login", "?again"},
		{"with a query, in a folder", "/login/", "./?error=1"},
		{"to a fragment", "/login", "/login#form"},
		{"to a session that is new", "/session", "/session/new"},
		{"to the page of a session", "/sessions", "sessions"},
		{"to a page in French", "/connexion", "connexion"},
		{"to a page of its own", "/auth", "/anmelden"},
	} {
		d := New(Config{Rules: builtinRules(t)})
		play(d, 0,
			step{target: row.target, body: "user=c&password=d", status: 302, location: row.refused, client: other},
			step{target: row.target, body: "user=a&password=b", status: 302, location: "/", cookie: "s=x"})
		if !d.Known(netip.MustParseAddr("192.0.2.1"), began) || d.Known(netip.MustParseAddr(other), began) {
			t.Errorf("%s: %s, after a redirect to %s", row.name, row.target, row.refused)
		}
	}
}

// A place where people log in is one by all of its names: what is posted there counts,
// whether or not it can be read, and whatever is posted beside it.
func TestPlacesToLogInByTheirNames(t *testing.T) {
	for _, target := range []string{"/login", "/session", "/session/new", "/users/session", "/connexion", "/auth", "/anmelden", "/account/logon.aspx"} {
		for name, s := range map[string]step{
			"a body that is cut off":               {body: "junk=x", cut: true, status: 422},
			"a password to set beside that of now": {body: "user=a&password=b&new_password=c", status: 422},
		} {
			s.target = target
			d := New(Config{Rules: builtinRules(t)})
			if got := d.loginOf(s.event(began)); got != loginFailure {
				t.Errorf("%s, %s: %q, want a failure", target, name, got)
			}
		}
	}
	for _, target := range []string{"/oauth/token", "/oauth2/token", "/account/password", "/contact", "/sso"} {
		d := New(Config{Rules: builtinRules(t)})
		if got := d.loginOf(step{target: target, body: "junk=x", cut: true, status: 422}.event(began)); got != "" {
			t.Errorf("%s: %q, want nothing", target, got)
		}
	}
}
