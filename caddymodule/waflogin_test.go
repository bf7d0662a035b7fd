package caddymodule

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// A rule that is not certain stops no browser that shows a login that the site has accepted,
// however many directives the request meets. Everybody else meets the challenge.
func TestUsersWhoHaveLoggedInPassALikelyRule(t *testing.T) {
	const cookie = "wordpress_logged_in_1=anna%7C1764547200%7C4hXyQ2"
	h := newHost(t)
	config := h.ruled("", "", "")
	h.load(strings.Replace(config, "\nrespond \"site", "\nhandle /wp-login.php {\nheader Set-Cookie "+cookie+"\nrespond \"in\"\n}\n"+
		"handle /twice/* {\ntocsin\nrespond twice\n}\nrespond \"site", 1))
	save := func(from, path, cookie, site string) int {
		r := h.request(http.MethodGet, from, path)
		r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/147.0")
		r.Header.Set("Cookie", cookie)
		r.Header.Set("Sec-Fetch-Site", site)
		r.Header.Set("Sec-Fetch-Mode", "cors")
		a, err := h.do(r)
		if err != nil {
			t.Fatal(err)
		}
		return a.status
	}
	if status := save(attacker, "/?c=evil", cookie, "same-origin"); status != 403 {
		t.Fatalf("before the login: status %d", status)
	}
	h.post(attacker, "/wp-login.php", "log=anna&pwd=right")
	wait(t, func() error {
		if status := save(attacker, "/?c=evil", cookie, "same-origin"); status != 200 {
			return fmt.Errorf("after the login: status %d", status)
		}
		return nil
	})
	for _, row := range []struct {
		name, from, path, cookie, site string
		want                           int
	}{
		{"a directive in a directive", attacker, "/twice/?c=evil", cookie, "same-origin", 200},
		{"a rule that is certain", attacker, "/?a=evil", cookie, "same-origin", 403},
		{"a page of another site", attacker, "/?c=evil", cookie, "cross-site", 403},
		{"without the cookie", attacker, "/?c=evil", "a=b", "same-origin", 403},
		{"another cookie", attacker, "/?c=evil", "wordpress_logged_in_1=anna%7C1764547200%7C000000", "same-origin", 403},
		{"the cookie from another address", "198.51.100.67", "/?c=evil", cookie, "same-origin", 403},
	} {
		if status := save(row.from, row.path, row.cookie, row.site); status != row.want {
			t.Errorf("%s: status %d, want %d", row.name, status, row.want)
		}
	}
}
