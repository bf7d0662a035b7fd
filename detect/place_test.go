package detect

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tocsin-project/tocsin/event"
)

// However an address is written, a guard on its place holds.
func TestPlaceOf(t *testing.T) {
	const login = "POST site.example/login"
	for _, row := range []struct{ name, method, host, target, want string }{
		{"as it is", "POST", "site.example", "/login", login},
		{"a query", "POST", "site.example", "/login?next=/a/b", login},
		{"a slash at the end", "POST", "site.example", "/login/", login},
		{"slashes", "POST", "site.example", "//login///", login},
		{"capitals", "POST", "site.example", "/LogIn", login},
		{"a method in other letters", "pOsT", "site.example", "/login", login},
		{"a host in other letters", "POST", "Site.EXAMPLE", "/login", login},
		{"a port", "POST", "site.example:8443", "/login", login},
		{"dots", "POST", "site.example", "/./login/.", login},
		{"a way up", "POST", "site.example", "/x/../login", login},
		{"a way up, escaped", "POST", "site.example", "/x/%2e%2E/login", login},
		{"an escaped slash", "POST", "site.example", "/login%2f", login},
		{"an escaped way up", "POST", "site.example", "/x%2F..%2Flogin", login},
		{"an escaped letter", "POST", "site.example", "/%6Cogin", login},
		{"a session in the path", "POST", "site.example", "/login;jsessionid=1A2B3C", login},
		{"a session in the path, escaped", "POST", "site.example", "/login%3Bjsessionid=1A2B3C", login},
		{"parameters of nothing", "POST", "site.example", "/;x=y/login", login},
		{"a parameter and a slash", "POST", "site.example", "/login;x/", login},
		{"a way up with a parameter", "POST", "site.example", "/x/..;/login", login},
		{"a way up with an escaped parameter", "POST", "site.example", "/x/..%3ba=b/login", login},
		{"a dot with a parameter", "POST", "site.example", "/.;x/login", login},
		{"the form that proxies are asked in", "POST", "site.example", "http://other.example/login", login},

		{"what a script reads behind its name", "POST", "h", "/wp-login.php/x.css", "POST h/wp-login.php"},
		{"what a script of ASP.NET reads", "POST", "h", "/Login.aspx/x", "POST h/login.aspx"},
		{"what a script of Java reads", "POST", "h", "/login.jsp/x/y", "POST h/login.jsp"},
		{"what a script of CGI reads", "POST", "h", "/cgi/login.cgi/x", "POST h/cgi/login.cgi"},
		{"a script in capitals", "POST", "h", "/WP-LOGIN.PHP/x", "POST h/wp-login.php"},
		{"a front controller is one place", "POST", "h", "/index.php/apps/x", "POST h/index.php"},
		{"no script", "POST", "h", "/a.phpx/b", "POST h/a.phpx/b"},

		{"another method is another place", "GET", "site.example", "/login", "GET site.example/login"},
		{"another folder, too", "POST", "site.example", "/x/login", "POST site.example/x/login"},
		{"numbers", "POST", "h", "/user/17/reset-9", "POST h/user/#/reset-#"},
		{"a UUID", "POST", "h", "/flow/0b9c1f7e-5d21-4c5a-9a7b-3f1f0e9d8c7b/submit", "POST h/flow/*/submit"},
		{"an address of IPv6 with a port", "POST", "[2001:DB8::1]:8443", "/login", "POST [2001:db8::1]/login"},
		{"no host", "POST", "", "/login", "POST /login"},
		{"the start page", "GET", "h", "/", "GET h/"},
		{"the start page, without its slash", "GET", "h", "http://h", "GET h/"},
		{"the whole server", "OPTIONS", "h", "*", "OPTIONS h/"},
		{"nothing", "", "", "", " /"},
		{"thirteen elements are twelve", "GET", "h", "/a/b/c/d/e/f/g/h/i/j/k/l/m", "GET h/a/b/c/d/e/f/g/h/i/j/k/l"},
		{"an element of 49 bytes", "GET", "h", "/" + strings.Repeat("x", 49) + "/y", "GET h/*/y"},
		{"an element of 48 bytes", "GET", "h", "/" + strings.Repeat("x", 48), "GET h/" + strings.Repeat("x", 48)},
	} {
		if got := PlaceOf(&event.Event{Method: row.method, Host: row.host, Target: row.target}); got != row.want {
			t.Errorf("%s: %s %q at %q is %q, want %q", row.name, row.method, row.target, row.host, got, row.want)
		}
	}
}

// The place of a login is that of the guard.
func TestTheLoginPlaceIsThePlace(t *testing.T) {
	e := step{target: "/x/..//Users/Sign_In;a?b", body: "user=a&password=b", host: "Site.example:443"}.event(began)
	if got, want := fieldsOf(e)["Meta.login_place"], PlaceOf(e); got != want || want != "POST site.example/users/sign_in" {
		t.Errorf("login_place is %q, PlaceOf says %q", got, want)
	}
	if at, ok := fieldsOf(step{target: "/"}.event(began))["Meta.login_place"]; ok {
		t.Errorf("nobody logs in at %q", at)
	}
}

func TestPlacesAndTemplates(t *testing.T) {
	for _, row := range []struct{ target, place, template string }{
		{"/", "/", "/"},
		{"/avatars/17.png", "/stored", "/avatars/#.png"},
		{"/Avatars/18.png?x", "/stored", "/avatars/#.png"},
		{"/old/page1.php?x=1", "/old/page1.php", "/old/page#.php"},
		{"/old/page1.php/x.css", "/old/page1.php", "/old/page#.php/x.css"},
		{"/OLD/Page1.PHP", "/old/page1.php", "/old/page#.php"},
		{"/a.aspx", "/a.aspx", "/a.aspx"},
		{"/x/y.do/z", "/x/y.do", "/x/y.do/z"},
		{"/x.php.bak", "/x.php.bak", "/x.php.bak"},
		{"/1/wp-content/plugins/akismet/readme.txt", "/1/wp-content/plugins/akismet", "/#/wp-content/plugins/akismet/readme.txt"},
		{"/wp-content/themes/twenty/style.css", "/wp-content/themes/twenty", "/wp-content/themes/twenty/style.css"},
		{"/wp-content/uploads/2024/05/a.jpg", "/stored", "/wp-content/uploads/#/#/a.jpg"},
		{"/wp-includes/js/x.js", "/wp-includes/js", "/wp-includes/js/x.js"},
		{"/2024/05/17/news", "/#", "/#/#/#/news"},
		{"/2024-05-17/news", "/*", "/*/news"},
		{"/v2/library/nginx/blobs/sha256:" + strings.Repeat("ab12", 16), "/v#", "/v#/library/nginx/blobs/*"},
		{"/github.com/a/b/@v/list", "/@v", "/github.com/a/b/@v/list"},
		{"/example.org/c/@latest", "/@v", "/example.org/c/@latest"},
		{"/@types%2fnode", "/@", "/@types/node"},
		{"/@alice", "/@", "/@alice"},
		{"/0b9c1f7e5d214c5a/x", "/*", "/*/x"},
		{"/page;a=b/c;d", "/page", "/page/c"},
		{"*", "", ""},
	} {
		fields := fieldsOf(&event.Event{Client: netip.MustParseAddr("192.0.2.1"), Target: row.target})
		if got := fields["Parsed.place"]; got != row.place {
			t.Errorf("%s: place is %q, want %q", row.target, got, row.place)
		}
		if got := fields["Parsed.path_template"]; got != row.template {
			t.Errorf("%s: path_template is %q, want %q", row.target, got, row.template)
		}
	}
}

func TestIdentifiersAreNoWords(t *testing.T) {
	for _, word := range []string{
		"", "a", "login", "administrator", "wp-content", "deadbeef", "facade", "cafebabe", "feedback-added", "decade", "12345678", "20240517",
		"phpmyadmin", "php-my-admin4", "backup2024", "docker-compose.yml", "apple-touch-icon", "internationalization",
		"main.3", "jquery-3.7.1.min.js", "how-to-bake-bread-in-10-minutes", "web-inf", "abc123", "v2", "IMG_2041", "covid-19-in-numbers",
		strings.Repeat("a", 48),
	} {
		if isIdentifier(word) {
			t.Errorf("%q is taken for an identifier", word)
		}
	}
	for _, id := range []string{
		"0b9c1f7e-5d21-4c5a-9a7b-3f1f0e9d8c7b", "0B9C1F7E5D21", "d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00.jpg", "2024-05-17",
		"01HX3ZK5Q6J8M2N4P7R9", "dQw4w9WgXcQ1aB2cZ", "a1b2c3d4", "sha256:0123456789abcdef", "covid-19-news-2021", strings.Repeat("a", 49),
	} {
		if !isIdentifier(id) {
			t.Errorf("%q is taken for a word", id)
		}
	}
}

func TestNetworkOf(t *testing.T) {
	for ip, want := range map[string]string{
		"192.0.2.77": "192.0.2.0/24", "2001:db8:12:3456::1": "2001:db8::/40", "2001:db8:ff12::1": "2001:db8:ff00::/40",
	} {
		if got := event.NetworkOf(netip.MustParseAddr(ip)); got.String() != want {
			t.Errorf("%s is in %v, want %s", ip, got, want)
		}
	}
	if got := event.NetworkOf(netip.Addr{}); got.IsValid() {
		t.Errorf("nobody is in %v", got)
	}
}

// FuzzPlace holds the places of one path in many spellings against each other.
func FuzzPlace(f *testing.F) {
	for _, p := range []string{
		"/login", "/x/../wp-login.php/y", "/a;b/..;c/d", "/%2e%2e/%2f", "/user/17/0b9c1f7e-5d21-4c5a-9a7b-3f1f0e9d8c7b", "/İ/\xff", "/dead1eef.12345678901",
		"*", "", "http://h", "/" + strings.Repeat("a/", 300), strings.Repeat("/x1", 200), "/.php/.aspx", "/a.php.aspx/b",
	} {
		f.Add("POST", "Site.example:8443", p)
	}
	f.Fuzz(func(t *testing.T, method, host, target string) {
		place := func(target string) string { return PlaceOf(&event.Event{Method: method, Host: host, Target: target}) }
		was := place(target)
		if most := 3*(32+256) + 256 + 3*48; len(was) > most {
			t.Errorf("%d bytes of a place, want at most %d", len(was), most)
		}
		if once := template(target, 12); template(once, 12) != once {
			t.Errorf("%q is %q, which is %q", target, once, template(once, 12))
		}
		fields := fieldsOf(&event.Event{Client: netip.MustParseAddr("192.0.2.1"), Target: target})
		if n := len(fields["Parsed.place"]); n > 3*16_384 {
			t.Errorf("%d bytes of evt.Parsed.place", n)
		}
		if n := len(fields["Parsed.path_template"]); n > 2*256 {
			t.Errorf("%d bytes of evt.Parsed.path_template", n)
		}
		if !strings.HasPrefix(target, "/") || len(target) > 16_384/4 || !utf8.ValidString(target) {
			return
		}
		p, query, _ := strings.Cut(target, "?")
		for name, other := range map[string]string{
			"a query":            p + "?" + query + "&x=y",
			"slashes":            "//" + p,
			"a dot":              "/." + p,
			"a way up":           "/x/.." + p,
			"a Java way up":      "/x/..;y=z" + p,
			"an escaped way up":  "/x%2f%2e%2e" + p,
			"an empty parameter": "/;x" + p,
			"an address":         "http://elsewhere.example" + p,
		} {
			if got := place(other); got != was {
				t.Errorf("%s: %q is %q, and %q is %q", name, target, was, other, got)
			}
		}
	})
}

// Where the server names the site, another Host for each try dodges no guard. Where it
// does not, each host is a site of its own.
func TestOneSiteByManyHosts(t *testing.T) {
	for _, tt := range []struct {
		site string
		want bool
	}{{"*", true}, {"", false}} {
		d := New(Config{Rules: builtinRules(t)})
		guarded := false
		for i := range 20 {
			e := step{
				target: "/wp-login.php", body: wpLogin("user"+strconv.Itoa(i), "x"), answer: "<form id=loginform>",
				client: fmt.Sprintf("198.51.%d.7", i), host: fmt.Sprintf("x%d.example", i),
			}.event(began.Add(time.Duration(i) * time.Second))
			e.Site = tt.site
			for _, a := range append(d.Request(e), d.Response(e)...) {
				guarded = guarded || a.Guard == event.GuardPlace && a.Place == "POST */wp-login.php"
			}
		}
		if guarded != tt.want {
			t.Errorf("site %q: a guard on the place: %t, want %t", tt.site, guarded, tt.want)
		}
	}
}
