package detect

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

const (
	random      = "anna%7C1764547200%7C4hXyQ2" // the value of a cookie that WordPress sets
	otherRandom = "9f86d081884c7d659a2feaa0c55ad015"
)

// shows returns a request of a browser, from a page of the site, with fields such as
// Cookie: a=b.
func shows(fields ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "https://blog.example/wp-json/wp/v2/posts/1", nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Set(name, value)
		if name == "Host" {
			r.Host = value
		}
	}
	return r
}

// Who has logged in is known by what the site accepted, at the same host and address, in
// requests that no other site's page can have made the browser send.
func TestLoggedIn(t *testing.T) {
	login := step{target: "/wp-login.php", body: wpLogin("anna", "x"), status: 302, cookie: "wordpress_logged_in_1=" + random}
	sets := func(cookie string) step { s := login; s.cookie = cookie; return s }
	session := "Cookie: a=b; wordpress_logged_in_1=" + random
	asks := step{target: "/api/me", status: 401, client: "198.51.100.9"}
	token := step{target: "/api/me", auth: "Bearer 0123456789abcdef"}
	password := step{target: "/api/me", auth: "Basic YTpi"}
	wrong := step{target: "/login", body: "user=c&password=d", status: 302, location: "/login", client: "198.51.100.9"}
	right := step{target: "/login", body: "user=a&password=b", status: 302, location: "/", cookie: "s=" + random}
	changes := step{target: "/", header: "Cookie: s=" + random, cookie: "s=" + otherRandom}
	deletes := step{target: "/", header: "Cookie: wordpress_logged_in_1=" + random, cookie: "wordpress_logged_in_1=%20; Max-Age=0"}
	for _, row := range []struct {
		name  string
		steps []step
		shown *http.Request
		want  bool
	}{
		{"the cookie of a login", []step{login}, shows(session), true},
		{"no cookie", []step{login}, shows(), false},
		{"a cookie that the site has not set", []step{login}, shows("Cookie: wordpress_logged_in_1=" + otherRandom), false},
		{"the value in another cookie", []step{login}, shows("Cookie: session=" + random), false},
		{"without a login", nil, shows(session), false},
		{"after a wrong password", []step{{target: "/wp-login.php", body: wpLogin("anna", "y"), cookie: "s=" + otherRandom}}, shows("Cookie: s=" + otherRandom), false},
		{"a cookie that the site gives everybody", []step{{target: "/", cookie: "s=" + otherRandom}}, shows("Cookie: s=" + otherRandom), false},
		{"at another host", []step{login}, shows(session, "Host: shop.example"), false},
		{"the host in capital letters", []step{login}, shows(session, "Host: BLOG.example"), true},
		{"from a page of another site", []step{login}, shows(session, "Sec-Fetch-Site: cross-site"), false},
		{"from a page of the same domain", []step{login}, shows(session, "Sec-Fetch-Site: same-site"), false},
		{"from a link in a mail", []step{login}, shows(session, "Sec-Fetch-Site: none"), false},
		{"by a picture in a page", []step{login}, func() *http.Request {
			r := shows(session, "Sec-Fetch-Dest: image")
			r.Method = http.MethodGet
			return r
		}(), false},
		{"a cookie after many others", []step{login}, shows("Cookie: " + strings.Repeat("a=b; ", 64) + "wordpress_logged_in_1=" + random), false},
		{"a cookie that is too short", []step{sets("wordpress_logged_in_1=0123456789abcde")}, shows("Cookie: wordpress_logged_in_1=0123456789abcde"), false},
		{"a cookie with words", []step{sets("wordpress_logged_in_1=WP%20Cookie%20check%20of%20this%20site")}, shows("Cookie: wordpress_logged_in_1=WP%20Cookie%20check%20of%20this%20site"), false},
		{"a cookie with a number", []step{sets("wordpress_logged_in_1=01234567890123456789")}, shows("Cookie: wordpress_logged_in_1=01234567890123456789"), false},
		{"a cookie against forged requests", []step{sets("csrftoken=" + otherRandom)}, shows("Cookie: csrftoken=" + otherRandom), false},
		{"a cookie with what the client has sent", []step{{
			target: "/wp-login.php", body: wpLogin("anna0123456789abcdef", "x"), status: 302, cookie: "wordpress_logged_in_1=anna0123456789abcdef",
		}}, shows("Cookie: wordpress_logged_in_1=anna0123456789abcdef"), false},
		{"the cookie of any application", []step{wrong, right}, shows("Cookie: s=" + random), true},
		{"a cookie that the site has changed", []step{wrong, right, changes}, shows("Cookie: s=" + otherRandom), true},
		{"the one before, which requests under way still have", []step{wrong, right, changes}, shows("Cookie: s=" + random), true},
		{"a changed cookie without a login", []step{wrong, changes}, shows("Cookie: s=" + otherRandom), false},
		{"another cookie that a session gets", []step{wrong, right, {target: "/", header: "Cookie: s=" + random, cookie: "visitor=" + otherRandom}}, shows("Cookie: visitor=" + otherRandom), false},
		{"after the logout", []step{login, deletes}, shows(session), false},
		{"a token that the site has accepted", []step{asks, token}, shows("Authorization: Bearer 0123456789abcdef"), true},
		{"a token, by a script of another site, which can only have it from the user", []step{asks, token}, shows("Authorization: Bearer 0123456789abcdef", "Sec-Fetch-Site: same-site"), true},
		{"a token that nobody was refused without", []step{token}, shows("Authorization: Bearer 0123456789abcdef"), false},
		{"another token", []step{asks, token}, shows("Authorization: Bearer 0123456789abcdee"), false},
		{"a password of HTTP", []step{asks, password}, shows("Authorization: Basic YTpi"), true},
		{"a password of HTTP, from a page of another site", []step{asks, password}, shows("Authorization: Basic YTpi", "Sec-Fetch-Site: cross-site"), false},
		{"a key in a field of its own", []step{asks, {target: "/api/me", header: "X-Api-Key: k"}}, shows("X-Api-Key: k"), true},
	} {
		d := New(Config{Rules: builtinRules(t)})
		play(d, 0, row.steps...)
		if got := d.LoggedIn(row.shown, netip.MustParseAddr("192.0.2.1"), began); got != row.want {
			t.Errorf("%s: %v", row.name, got)
		}
		if d.LoggedIn(row.shown, netip.MustParseAddr("192.0.2.9"), began) {
			t.Errorf("%s: from another address, too", row.name)
		}
	}
}

// A login counts for a day, and what the site then changes in it does not extend that.
func TestALoginCountsForADay(t *testing.T) {
	d := New(Config{Rules: builtinRules(t)})
	play(d, 0, step{target: "/login", body: "user=c&password=d", status: 302, location: "/login", client: "198.51.100.9"},
		step{target: "/login", body: "user=a&password=b", status: 302, location: "/", cookie: "s=" + random})
	change := step{target: "/", header: "Cookie: s=" + random, cookie: "s=" + otherRandom}
	d.Response(change.event(began.Add(23 * time.Hour)))
	for _, value := range []string{random, otherRandom} {
		for _, row := range []struct {
			after time.Duration
			want  bool
		}{{24*time.Hour - time.Second, true}, {24 * time.Hour, false}} {
			if got := d.LoggedIn(shows("Cookie: s="+value), netip.MustParseAddr("192.0.2.1"), began.Add(row.after)); got != row.want {
				t.Errorf("%s after %v: %v", value, row.after, got)
			}
		}
	}
}

// A network with many logins, or whose site changes cookies with each answer, takes nothing
// from others.
func TestCredentialsAreBounded(t *testing.T) {
	d := New(Config{Rules: builtinRules(t), Clients: 2000})
	login := func(client string, i int) step {
		return step{target: "/wp-login.php", body: wpLogin("anna", "x"), status: 302, cookie: fmt.Sprintf("wordpress_logged_in_1=%s%04d", random, i), client: client}
	}
	play(d, 0, login("198.51.100.1", 0))
	for i := range 5000 {
		play(d, 0, login(fmt.Sprintf("192.0.2.%d", i%200), i))
	}
	if n := d.clients.credentials.len(); n != 513 {
		t.Errorf("%d are remembered, want 512 of the network, and one", n)
	}
	if !d.LoggedIn(shows("Cookie: wordpress_logged_in_1="+random+"0000"), netip.MustParseAddr("198.51.100.1"), began) {
		t.Error("the other one is forgotten")
	}
	for i := range 5000 {
		play(d, 0, login(fmt.Sprintf("10.%d.%d.1", i%250, i/250), i))
	}
	if n := d.clients.credentials.len(); n != 2000 {
		t.Errorf("%d are remembered, want 2000", n)
	}
}
