//go:build linux

package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// preflight returns what a browser asks before a request of another origin, with more
// lines of the header.
func preflight(target, more string) call {
	return call{
		method: http.MethodOptions, target: target,
		more: "Origin: https://other.example\r\nAccess-Control-Request-Method: GET\r\n" + more,
	}
}

// isWordPress reports whether something of what the site has to say is in r.
func isWordPress(r reply) bool {
	all := r.body + r.header.Get("Link") + r.header.Get("X-Wp-Total")
	return strings.Contains(all, "/wp-includes/") || strings.Contains(all, "/wp-json/") || strings.Contains(all, `"rendered"`) || r.header.Get("X-Wp-Total") != ""
}

// WordPress answers every address by one script, takes the method from a header or a
// parameter, and OPTIONS for GET.
func TestNoWayRoundTheChallengeOfAWordPress(t *testing.T) {
	t.Parallel()
	w := newWordPress(t)
	suspects := filepath.Join(t.TempDir(), "suspects.txt")
	if err := os.WriteFile(suspects, []byte(suspect4+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := newPost(t, "blocklist "+suspects+" {\naction captcha\n}\ndetect off", w.directives())
	suspect, other := p.from(suspect4), p.from("198.51.100.9")
	suspect.refused()
	const posts = "rest_route=/wp/v2/posts"
	for _, row := range []struct {
		name  string
		call  call
		plain bool // without a challenge, too, nothing of the site comes
	}{
		{name: "the front page", call: get("/")},
		{name: "a preflight of the front page", call: preflight("/", "")},
		{name: "the same with another method", call: preflight("/", "X-HTTP-Method-Override: GET\r\n")},
		{name: "a preflight of a post", call: preflight("/hello-world/", "")},
		{name: "a preflight of the API with another method", call: preflight("/wp-json/wp/v2/posts", "X-HTTP-Method-Override: GET\r\n")},
		{name: "a preflight of the API with another method as a parameter", call: preflight("/wp-json/wp/v2/posts?_method=GET", "")},
		{name: "a preflight of the API by a parameter", call: preflight("/?_method=GET&"+posts, "")},
		{name: "robots.txt of the API", call: get("/robots.txt?" + posts)},
		{name: "an icon of the API", call: get("/favicon.ico?" + posts)},
		{name: "well-known of the API", call: get("/.well-known/x?" + posts)},
		{name: "robots.txt with a number", call: get("/robots.txt?p=1")},
		{name: "well-known that is not there", call: get("/.well-known/nothing")},
		{name: "well-known by the name of a post", call: get("/.well-known/hello-world"), plain: true},
		{name: "well-known with a script", call: get("/.well-known/index.php/wp-json/wp/v2/posts"), plain: true},
		{name: "robots.txt with a slash", call: get("/robots.txt/x")},
		{name: "two slashes", call: get("//index.php?" + posts)},
		{name: "a method that there is not", call: call{method: "FETCH", target: "/"}},
		{name: "PUT", call: call{method: http.MethodPut, target: "/"}},
		{name: "PROPFIND", call: call{method: "PROPFIND", target: "/"}},
	} {
		if !row.plain {
			if r := other.send(row.call); !isWordPress(r) {
				t.Errorf("%s, without a decision: status %d, %.200q: this tries nothing", row.name, r.status, r.body)
			}
		}
		if r := suspect.send(row.call); isWordPress(r) || r.status < 300 && r.body != "" {
			t.Errorf("%s: status %d, %v, %.200q", row.name, r.status, r.header, r.body)
		}
	}
	if r := suspect.send(get("/robots.txt")); r.status != http.StatusOK || !strings.Contains(r.body, "User-agent") {
		t.Errorf("a crawler: status %d, %q", r.status, r.body)
	}
	if r := suspect.send(preflight("/wp-json/wp/v2/posts?per_page=2", "")); r.status != http.StatusNoContent || r.header.Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("a preflight: status %d, %v", r.status, r.header)
	}
}
