package detect

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

// loadBuiltin reads the built-in scenarios once for all tests: rules do not change.
var loadBuiltin = sync.OnceValues(Builtin)

func builtinRules(t testing.TB) *Rules {
	t.Helper()
	rules, err := loadBuiltin()
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

const firefox = "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0"

// A step is a request and its answer, as a test writes it down.
type step struct {
	method string // default: GET, or POST if there is a body
	target string
	status int // default: 200
	body   string
	form   string // content type of body, default: of a form
	header string // of the request, Name: value
	auth   string // in place of credentials, name:password of Basic, or a whole header
	cookie string // that the answer sets
	agent  string // default: a browser's
	client string // default: 192.0.2.1
	cut    bool   // the body went on

	matched string // what the server has found out
	rule    string // of the WAF, by which it was stopped
	likely  bool   // which is not certain

	location string // where the answer redirects to
	media    string // content type of the answer; default of answers: text/html
	answer   string // the answer's body, as far as it was kept
	size     int64  // of the answer; default: that of answer
	host     string // default: blog.example
	whose    event.Attribution
	referer  string
}

func (s step) event(at time.Time) *event.Event {
	e := &event.Event{
		Time: at, Ended: at, Client: netip.MustParseAddr("192.0.2.1"), Method: s.method, Target: s.target,
		Host: "blog.example", Proto: "HTTP/2.0", UserAgent: firefox, Status: s.status,
		Request: http.Header{}, Header: http.Header{}, Body: []byte(s.body), Truncated: s.cut, Matched: s.matched,
	}
	if s.method == "" {
		e.Method = "GET"
		if s.body != "" || s.form != "" {
			e.Method = "POST"
		}
	}
	if e.Status == 0 {
		e.Status = 200
	}
	if s.agent != "" {
		e.UserAgent = s.agent
	}
	if s.client != "" {
		e.Client = netip.MustParseAddr(s.client)
	}
	e.Referer = s.referer
	s.answers(e)
	if e.Method == "POST" {
		e.Request.Set("Content-Type", mediaForm)
	}
	if s.form != "" {
		e.Request.Set("Content-Type", s.form)
	}
	if s.cookie != "" {
		e.Header.Set("Set-Cookie", s.cookie)
	}
	if name, value, ok := strings.Cut(s.header, ": "); ok {
		e.Request.Set(name, value)
	}
	switch {
	case strings.Contains(s.auth, " "):
		e.Request.Set("Authorization", s.auth)
	case s.auth != "":
		r := &http.Request{Header: e.Request}
		name, password, _ := strings.Cut(s.auth, ":")
		r.SetBasicAuth(name, password)
	}
	if s.rule != "" {
		return e.OfFinding(&event.Finding{Inspector: "waf", Rule: s.rule, Stopped: true, Likely: s.likely})
	}
	return e
}

// answers notes what the answer says besides its status.
func (s step) answers(e *event.Event) {
	e.Attribution, e.ContentType, e.Size = s.whose, s.media, s.size
	if s.host != "" {
		e.Host = s.host
	}
	if s.location != "" {
		e.Header.Set("Location", s.location)
	}
	if s.answer != "" {
		e.Answer = []byte(s.answer)
	}
	if e.Size == 0 {
		e.Size = int64(len(s.answer))
	}
	if e.ContentType == "" && e.Size > 0 {
		e.ContentType = "text/html; charset=utf-8"
	}
}

// play shows the steps to a detector, one every gap, and returns the names of
// the scenarios that alert.
func play(d *Detector, gap time.Duration, steps ...step) []string {
	var names []string
	at := began
	for _, s := range steps {
		e := s.event(at)
		for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
			names = append(names, a.Scenario)
		}
		at = at.Add(gap)
	}
	return names
}

// times returns n steps.
func times(n int, next func(i int) step) []step {
	steps := make([]step, n)
	for i := range steps {
		steps[i] = next(i)
	}
	return steps
}

// same is a next of times that does the same each time.
func same(s step) func(int) step { return func(int) step { return s } }

// through is a next of times that goes through targets.
func through(status int, targets ...string) func(int) step {
	return func(i int) step { return step{target: targets[i%len(targets)], status: status} }
}

// guesses is a next of times that puts another password in the place of GUESS each
// time.
func guesses(s step) func(int) step {
	return func(i int) step {
		next := s
		next.body = strings.Replace(s.body, "GUESS", fmt.Sprint("guess", i), 1)
		return next
	}
}

// graphQL writes a document that tries n passwords.
func graphQL(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `a%d:login(user:\"admin\",pass:\"p%d\"){token} `, i, i)
	}
	return `{"query":"mutation {` + b.String() + `}"}`
}

func wpLogin(name, password string) string {
	return url.Values{"log": {name}, "pwd": {password}, "wp-submit": {"Log In"}, "testcookie": {"1"}}.Encode()
}

// xmlCall writes a call of XML-RPC.
func xmlCall(method string, params ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<?xml version=\"1.0\"?>\n<methodCall><methodName>%s</methodName><params>", method)
	for _, p := range params {
		fmt.Fprintf(&b, "<param><value>%s</value></param>", p)
	}
	return b.String() + "</params></methodCall>"
}

func xmlString(s string) string { return "<string>" + s + "</string>" }

// xmlBundle writes a call of n calls.
func xmlBundle(n int) string {
	var b strings.Builder
	b.WriteString("<array><data>")
	for i := range n {
		fmt.Fprintf(&b, "<value><struct><member><name>methodName</name><value><string>wp.getUsersBlogs</string></value></member>"+
			"<member><name>params</name><value><array><data><value><string>admin</string></value><value><string>pw%d</string></value>"+
			"</data></array></value></member></struct></value>", i)
	}
	return xmlCall("system.multicall", b.String()+"</data></array>")
}

// An attackRow says how far an attack gets.
type attackRow struct {
	scenario string // that alerts, without tocsin/
	attack   string
	least    int // requests that it takes
	next     func(i int) step
	also     []string // scenarios that may alert as well, without tocsin/
}

// attackRows are attacks on every built-in scenario.
func attackRows() []attackRow {
	return []attackRow{
		{"appsec-bans", "what the WAF bans, whatever it answers", 5, func(i int) step {
			return step{target: fmt.Sprint("/?id=", i), status: []int{403, 418}[i%2], matched: "|form|appsec:ban|"}
		}, nil},
		{"waf-attacks", "two different rules of the WAF", 2, func(i int) step {
			return step{target: "/?id=1", rule: fmt.Sprint("own/rule", i)}
		}, nil},
		{"waf-suspicion", "requests that may be attacks", 6, func(i int) step {
			return step{target: fmt.Sprint("/?id=", i), rule: "own/rule", likely: true}
		}, nil},
		{"appsec-slow", "what keeps the WAF busy", 5, func(i int) step {
			return step{target: fmt.Sprint("/?id=", i), status: 503, matched: "|form|appsec:slow|"}
		}, nil},
		{"http-login-bf", "wrong passwords for WordPress, answered by 200", 6, func(i int) step {
			return step{target: "/wp-login.php", body: wpLogin("admin", fmt.Sprint("guess", i))}
		}, nil},
		{"http-login-bf", "a script that sends name and password alone", 6, guesses(step{target: "/wp-login.php", body: "log=admin&pwd=GUESS"}), nil},
		{"http-login-unread", "nothing in the fields", 6, func(i int) step { return step{target: "/wp-login.php", body: fmt.Sprint("log=&pwd=&n=", i)} }, nil},
		{"http-login-bf", "a form in parts", 6, guesses(step{
			target: "/wp-login.php", form: "multipart/form-data; boundary=x",
			body: "--x\r\nContent-Disposition: form-data; name=\"log\"\r\n\r\nadmin\r\n--x\r\nContent-Disposition: form-data; name=\"pwd\"\r\n\r\nGUESS\r\n--x--\r\n",
		}), nil},
		{"http-login-bf", "field names in disguise", 6, guesses(step{target: "/wp-login.php", body: "%20l%6fg=admin&%70wd=GUESS"}), nil},
		{"http-login-bf", "a content type that only PHP understands", 6, guesses(step{
			target: "/wp-login.php", form: "Application/X-WWW-Form-Urlencoded, x; a=b; a=c", body: "log=admin&pwd=GUESS",
		}), nil},
		{"http-login-unread", "16 KiB of nothing before the password", 6, same(step{
			target: "/wp-login.php", body: "x=" + strings.Repeat("x", 16<<10-2), cut: true,
		}), nil},
		{"http-login-unread", "a body that was never read", 6, same(step{target: "/wp-login.php", method: "POST"}), nil},
		{"http-login-bf", "a cookie that is deleted", 6, guesses(step{
			target: "/wp-login.php", body: "log=admin&pwd=GUESS", cookie: "wordpress_logged_in_5f3e=%20; expires=Sun, 23-Nov-2025 20:00:00 GMT; Max-Age=0; path=/",
		}), nil},
		{"http-login-bf", "a cookie that has expired", 6, guesses(step{
			target: "/wp-login.php", body: "log=admin&pwd=GUESS", cookie: "wordpress_logged_in_5f3e=x; expires=Sun, 23 Nov 2025 20:00:00 GMT",
		}), nil},
		{"http-login-bf", "all ways to spell the script", 6, func(i int) step {
			return step{target: disguises[i%len(disguises)], body: fmt.Sprint("log=admin&pwd=x", i)}
		}, nil},
		{"http-login-bf", "the form of a shop", 6, guesses(step{
			target: "/my-account/", body: "username=admin&password=GUESS&woocommerce-login-nonce=1a2b&login=Log+in",
		}), nil},
		{"http-login-bf", "JSON, answered by 401", 6, guesses(step{
			target: "/api/session", form: "application/json; charset=utf-8", body: `{"user":{"email":"a@b.example","password":"GUESS"}}`, status: 401,
		}), nil},
		{"http-login-bf", "a form of any application, answered by 403", 6, guesses(step{target: "/users/sign_in", body: "user%5Bemail%5D=a&user%5Bpassword%5D=GUESS", status: 403}), nil},
		{"http-login-unread", "a form that nobody has read, answered by 401", 6, same(step{target: "/login", method: "POST", status: 401}), nil},
		{"http-basic-bf", "with POST", 6, func(i int) step {
			return step{target: "/api", method: "POST", auth: fmt.Sprint("admin:x", i), status: 401}
		}, nil},
		{"http-basic-bf", "application passwords of WordPress", 6, func(i int) step {
			return step{target: "/wp-json/wp/v2/posts", body: "title=x", auth: fmt.Sprint("admin:abcd-", i), status: 401}
		}, nil},
		{"http-digest-bf", "answers that are refused", 16, func(i int) step {
			return step{target: "/private/", auth: fmt.Sprintf(`Digest username="admin", nonce="n", response="%032x"`, i), status: 401}
		}, nil},
		{"http-proof-bf", "answers to a challenge", 10, func(i int) step {
			return step{target: "/login_sid.lua", body: "username=fritz1&response=" + fritzProof(i), status: 403}
		}, nil},
		{"http-proof-guard", "one answer to a challenge from each address", 16, func(i int) step {
			return step{target: "/login_sid.lua", body: "username=fritz1&response=" + fritzProof(i), status: 403, client: fmt.Sprintf("198.51.100.%d", i)}
		}, nil},
		{"http-proof-guard", "one answer by HTTP from each address", 16, func(i int) step {
			return step{target: "/private/", auth: fmt.Sprintf(`Digest username="admin", nonce="n", response="%032x"`, i), status: 401, client: fmt.Sprintf("198.51.100.%d", i)}
		}, nil},
		{"http-token-guessing", "tokens", 51, func(i int) step {
			return step{target: "/api/me", auth: fmt.Sprint("Bearer tok", i), status: 401}
		}, nil},
		{"http-token-guessing", "tokens as passwords", 51, func(i int) step {
			return step{target: "/o/r.git/info/refs", auth: fmt.Sprint("gitlab-ci-token:", i), status: 401}
		}, nil},
		{"http-code-guessing", "codes in JSON", 16, func(i int) step {
			return step{target: "/api/otp", form: mediaJSON, body: fmt.Sprintf(`{"code":"%06d"}`, i), status: 401}
		}, nil},
		{"http-code-guessing", "codes in the field of a password", 16, func(i int) step {
			return step{target: "/2fa", body: fmt.Sprintf("password=%06d", i), status: 403}
		}, nil},
		{"http-code-guard", "one code from each address", 21, func(i int) step {
			return step{target: "/2fa", body: fmt.Sprintf("otp=%06d", i), status: 401, client: fmt.Sprintf("198.51.100.%d", i)}
		}, nil},
		{"http-lookup-guessing", "vouchers of a shop", 31, func(i int) step {
			return step{target: "/cart", body: fmt.Sprintf("coupon=SUMMER%d", i), status: 422}
		}, nil},
		{"http-login-guessing", "an application that answers 200", 8, guesses(step{target: "/login", body: "username=bob&password=GUESS"}), nil},
		{"http-login-guessing", "a message of Socket.IO", 8, guesses(step{
			target: "/socket.io/?EIO=4", form: "text/plain", body: `420["login",{"username":"admin","password":"GUESS"}]`,
		}), nil},
		{"http-login-guessing", "a password without a name", 8, guesses(step{target: "/flow", form: mediaJSON, body: `{"password":"GUESS"}`}), nil},
		{"http-login-bundle", "one document of GraphQL", 1, same(step{target: "/graphql", form: mediaJSON, body: graphQL(50)}), nil},
		{"http-login-guard", "one try from each address", 16, func(i int) step {
			return step{target: "/wp-login.php", body: wpLogin(fmt.Sprint("user", i), "leaked"), client: fmt.Sprintf("198.51.100.%d", i)}
		}, nil},
		{"http-login-guard-user", "one name from many addresses, in many places", 16, func(i int) step {
			return step{target: fmt.Sprintf("/x%c/login", 'a'+i), status: 401, body: fmt.Sprint("username=bob&password=", i), client: fmt.Sprintf("198.51.100.%d", i)}
		}, nil},
		{"http-basic-bf", "different passwords", 6, func(i int) step {
			return step{target: "/private/", auth: fmt.Sprint("admin:x", i), status: 401}
		}, nil},
		{"wordpress-xmlrpc-bf", "bodies that were not kept", 21, same(step{target: "//xmlrpc.php/x.css", form: "text/plain"}), nil},
		{"wordpress-xmlrpc-bf", "what is no call", 21, same(step{target: "/xmlrpc.php", form: "text/xml", body: "<methodCall><oops"}), nil},
		{"wordpress-xmlrpc-bf", "pings", 21, same(step{
			target: "/xmlrpc.php", form: "text/xml", body: xmlCall("pingback.ping", xmlString("http://a.example/"), xmlString("http://blog.example/x")),
		}), nil},
		{"wordpress-xmlrpc-credentials", "the call that tells whether a password is right", 6, func(i int) step {
			return step{target: "/xmlrpc.php", form: "text/xml", body: xmlCall("wp.getUsersBlogs", xmlString("admin"), xmlString(fmt.Sprint("x", i)))}
		}, nil},
		{"wordpress-xmlrpc-credentials", "passwords in a call for something else", 6, func(i int) step {
			return step{target: "/xmlrpc.php", form: "text/xml", body: xmlCall("wp.getPosts", "<int>1</int>", xmlString("admin"), xmlString(fmt.Sprint("x", i)))}
		}, nil},
		{"wordpress-xmlrpc-multicall", "many passwords in one request", 1, same(step{target: "/xmlrpc.php", form: "text/xml", body: xmlBundle(5)}), nil},
		{"wordpress-user-enum", "?author=1 and so on", 16, func(i int) step {
			return step{target: fmt.Sprint("/?author=", i+1), status: []int{301, 404, 200}[i%3]}
		}, nil},
		{"wordpress-user-enum", "in all ways", 16, through(200,
			"/?author=1", "/?author=2", "/?author=3", "/?author=4", "/?author=5", "/?author=6", "/?author=7", "/?author=8", "/?author=9", "/?author={10",
			"/wp-json/wp/v2/users", "/?rest_route=%2Fwp%2Fv2%2Fusers&per_page=100", "/wp-json/wp/v2/USERS/1", "/wp-sitemap-users-1.xml",
			"/index.php?%61uthor=1&x=?", "/blog/?author%5B%5D=2",
		), nil},
		{"wordpress-scan", "files that tell versions", 5, through(200,
			"/readme.html", "/wp-includes/version.php", "/wp-includes/wlwmanifest.xml", "/wp-content/plugins/akismet/readme.txt", "/wp-admin/setup-config.php",
		), nil},
		{"wordpress-scan", "one file in many folders", 5, func(i int) step {
			return step{target: fmt.Sprintf("//site%d/wp-includes/wlwmanifest.xml", i), status: 404}
		}, nil},
		{"wordpress-ajax-probing", "actions in forms and queries", 6, func(i int) step {
			if i%2 == 0 {
				return step{target: "/wp-admin/admin-ajax.php", body: fmt.Sprint("action=plugin", i), status: 400}
			}
			return step{target: fmt.Sprint("/wp-admin/admin-ajax.php?action=plugin", i), status: 400}
		}, nil},
		{"http-probing", "missing paths", 10, func(i int) step { return step{target: fmt.Sprintf("/old/page%d.php?x=%d", i, i), status: 404} }, nil},
		{"http-probing", "missing paths that look like pictures", 10, func(i int) step {
			return step{target: fmt.Sprintf("/p%d.php/x.css", i), status: 404}
		}, nil},
		{"http-probing", "a site that refuses half of them", 10, func(i int) step {
			return step{target: fmt.Sprintf("/%cord", 'a'+i), status: []int{404, 403}[i%2]}
		}, nil},
		{"http-probing-slow", "a path every ten minutes", 23, func(i int) step {
			return step{target: fmt.Sprintf("/%cord", 'a'+i), status: 404}
		}, []string{"http-probing"}},
		{"http-probing-guard", "a new address each time", 26, func(i int) step {
			return step{target: fmt.Sprintf("/%cord", 'a'+i), status: 404, client: fmt.Sprintf("2001:db8:%x::1", i)}
		}, nil},
		{"http-scan-paths", "software, on a site that answers 200", 6, through(200,
			"/phpmyadmin/", "/jenkins", "/solr/", "/cgi-bin/luci", "/manager/html", "/server-status",
		), nil},
		{"http-api-fuzzing", "words in one folder", 10, through(404,
			"/api/users", "/api/admin", "/api/config", "/api/debug", "/api/env", "/api/keys", "/api/tokens", "/api/auth", "/api/internal", "/api/logs",
		), nil},
		{"http-api-fuzzing", "folders in one folder", 10, through(404,
			"/app/users/", "/app/Admin/", "/app/config/", "/app/debug/", "/app/env/", "/app/keys/", "/app/tokens/", "/app/auth/", "/app/internal/", "/app/logs/",
		), nil},
		{"http-enumeration-query", "invoices of others", 46, func(i int) step {
			return step{target: fmt.Sprint("/invoice.php?lang=de&invoice_id=", 1000+i), status: 403}
		}, nil},
		{"http-link-guessing", "links to set a new password", 31, func(i int) step {
			return step{target: fmt.Sprintf("/users/reset/%06x", i*7919), status: 404}
		}, nil},
		{"http-enumeration", "orders of others", 46, func(i int) step {
			return step{target: fmt.Sprint("/api/orders/", 1000+i), status: 403}
		}, nil},
		{"http-backup-files", "archives", 4, through(404, "/backup.zip", "/site.tar.gz", "/db/dump.sql.gz", "/blog.example.rar"), nil},
		{"http-secret-files", "whatever has secrets", 3, through(404, "/.env", "/.git/config", "/wp-config.php~"), nil},
		{"http-secret-files", "WordPress's own, which is there and empty", 3, func(i int) step {
			return step{target: fmt.Sprintf("/%d/wp-config.php", i)}
		}, nil},
		{"http-inner-files", "what some publish, and this site does not", 3, through(404, "/project/.git/HEAD", "/actuator/env", "/api/credentials.json"), nil},
		{"http-inner-files", "secrets two folders deep", 3, through(404, "/app/live/.env", "/srv/web/.ssh/id_rsa", "/srv/www/.aws/credentials"), nil},
		{"http-exposed-files", "secrets two folders deep, which are there", 3, through(200, "/app/config/.env", "/app/config/.env.production", "/srv/web/.ssh/id_rsa"), nil},
		{"http-exposed-files", "a repository in a folder, which is there", 3, through(200, "/shop/.git/config", "/shop/.git/index", "/shop/.git/logs/HEAD"), nil},
		{"http-inner-files", "repositories in folders", 3, through(404, "/shop/.git/config", "/blog/.git/config", "/api/.git/config"), nil},
		{"http-secret-files", "in disguise", 3, through(403, "/%2eenv", "//blog/.//.ENV.production", "/x/../.git%2fHEAD"), nil},
		{"http-secret-files", "copies that editors leave", 3, through(404, "/.wp-config.php.swp", "/config.php.bak", "/index.php~"), nil},
		{"http-secret-files", "keys", 3, through(404, "/.ssh/id_rsa", "/id_ed25519", "/.aws/credentials"), nil},
		{"http-backdoors", "shells", 2, through(404, "/c99.php", "/wp-content/uploads/2024/05/x.php"), nil},
		{"http-backdoors", "one shell in use", 2, func(i int) step {
			return step{target: "/images/../WSO.php", body: fmt.Sprint("a=FilesMan&c=", i)}
		}, nil},
		{"http-backdoors", "other shells", 2, through(404, "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php", "/.well-known/acme-challenge/x.php"), nil},
		{"http-path-traversal", "in the path", 4, through(404,
			"/cgi-bin/.%2e/.%2e/.%2e/bin/sh", "/static/..%2f..%2fetc%2fhosts", "/a/../../x", "/%c0%ae%c0%ae/x",
		), nil},
		{"http-path-traversal", "in a parameter", 4, through(200,
			"/?file=../../../../etc/passwd", "/?page=..%2F..%2Fwp-config.php", "/?file=php://filter/convert.base64-encode/resource=x", "/?doc=..%2f..%2fetc%2fshadow",
		), nil},
		{"http-path-traversal", "behind a search", 4, through(200,
			"/?q=x&file=../../../../etc/passwd", "/?file=../../wp-config.php&s=x", "/?file=..%2f..%2fetc%2fhosts?s=x", "/?search=/etc/hosts&page=..%5c..%5cwin.ini",
		), nil},
		{"http-path-traversal-again", "files of the system", 6, through(200,
			"/?file=/etc/passwd", "/?page=file:///etc/shadow", "/?doc=%2Fetc%2Fgroup", "/?f=/proc/self/environ", "/?q=x&path=/etc/hosts", "/?url=file:///etc/passwd",
		), nil},
		{"http-path-traversal-again", "one way, again and again", 6, same(step{target: "/?file=/etc/passwd"}), nil},
		{"http-scanner-agents", "a tool that says so", 1, same(step{target: "/", agent: "Mozilla/5.0 (compatible; Nikto/2.5.0)"}), nil},
		{"http-scanner-agents", "another", 1, same(step{target: "/", agent: "sqlmap/1.8#stable (https://sqlmap.org)"}), nil},
		{"http-odd-methods", "made-up methods", 4, func(i int) step { return step{target: "/", method: "JUNK" + letters(i)} }, nil},
		{"http-odd-methods", "an attack on the start page", 4, func(i int) step {
			return step{target: "/", method: []string{"TRACE", "PUT", "DELETE", "DEBUG"}[i%4], status: 405}
		}, nil},
		{"http-login-spray", "one password, many names", 11, func(i int) step {
			return step{target: "/wp-login.php", body: wpLogin(fmt.Sprint("user", i), "Summer2026")}
		}, []string{"http-login-bf"}},
		{"http-login-spray-slow", "one password, many names, in many places", 21, func(i int) step {
			return step{target: "/login", host: letters(i) + ".example", body: fmt.Sprintf("user=u%d&password=Summer2026", i), status: 401}
		}, []string{"http-login-bf", "http-login-spray"}},
		{"http-login-slow", "passwords without a name, in many places", 21, func(i int) step {
			return step{target: "/share/login", host: letters(i) + ".example", body: fmt.Sprint("password=p", i), status: 401}
		}, []string{"http-login-bf", "http-login-guessing"}},
		{"http-login-guard-slow", "one try from each address, again and again", 23, func(i int) step {
			return step{target: "/wp-login.php", body: wpLogin(fmt.Sprint("user", i), "x"), client: fmt.Sprintf("192.0.2.%d", i)}
		}, []string{"http-login-guard"}},
		{"http-login-bf-slow", "many passwords for one name", 16, func(i int) step {
			return step{target: "/wp-login.php", body: wpLogin([]string{"admin", "Admin"}[i%2], fmt.Sprint("guess", i))}
		}, []string{"http-login-bf", "http-login-guessing", "http-login-guard", "http-login-guard-user"}},
	}
}

// Every built-in scenario alerts when an attacker has come far enough, and not one
// request earlier.
func TestBuiltinAlertsAtItsThreshold(t *testing.T) {
	skipUnderRace(t)
	rows := attackRows()
	for _, row := range rows {
		t.Run(row.scenario+": "+row.attack, func(t *testing.T) {
			steps, scenario := times(row.least, row.next), "tocsin/"+row.scenario
			rules := builtinRules(t)
			if got := play(New(Config{Rules: rules}), 0, steps[:row.least-1]...); slices.Contains(got, scenario) {
				t.Errorf("%d requests: %q", row.least-1, got)
			}
			got := play(New(Config{Rules: rules}), 0, steps...)
			if !slices.Contains(got, scenario) {
				t.Errorf("%d requests: %q, want %s among them", row.least, got, scenario)
			}
			for _, name := range got {
				if name != scenario && !slices.Contains(row.also, strings.TrimPrefix(name, "tocsin/")) {
					t.Errorf("%s alerts, too", name)
				}
			}
		})
	}
	for _, name := range builtinRules(t).Names() {
		if !slices.ContainsFunc(rows, func(r attackRow) bool { return "tocsin/"+r.scenario == name }) {
			t.Errorf("%s has no attack", name)
		}
	}
}

// disguises are paths that all reach wp-login.php.
var disguises = []string{
	"//wp-login.php", "/./wp-login.php", "/wp-admin/../wp-login.php", "/%77p-login.php", "/wp-login%2ephp", "/wp-login.php/",
	"/wp-login.php/x.css", "/blog/wp-login.php?x=.css",
}

// The example for operators does what its comments say.
func TestExampleScenarios(t *testing.T) {
	rules, err := Load(LoadConfig{Paths: []string{"../examples/scenarios"}})
	if err != nil || len(rules.Skipped()) > 0 {
		t.Fatal(err, rules.Skipped())
	}
	for _, row := range []struct {
		name  string
		steps []step
		want  []string
	}{
		{"logins", times(6, same(step{target: "/account/login", body: "x=y", status: 422})), []string{"shop/login"}},
		{"one login less", times(5, same(step{target: "/account/login", body: "x=y", status: 422})), nil},
		{"vouchers", times(9, func(i int) step { return step{target: fmt.Sprint("/api/vouchers/", i), status: 404} }), []string{"shop/vouchers"}},
		{"one voucher", times(50, same(step{target: "/api/vouchers/1", status: 404})), nil},
		{"an old app", times(2, same(step{target: "/", agent: "ShopApp/1.2"})), []string{"shop/old-app"}},
		{"an old app of the monitoring", times(2, same(step{target: "/", agent: "ShopApp/1.2", client: "192.0.2.80"})), nil},
	} {
		if got := play(New(Config{Rules: rules}), 0, row.steps...); !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// PHP takes post for POST, and WordPress tries the password.
func TestAMethodInLowerCaseIsNoDisguise(t *testing.T) {
	rules, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	d := New(Config{Rules: rules})
	seen := map[string]bool{}
	for i := range 10 {
		e := get(float64(i), "/wp-login.php")
		e.Method, e.Status = "post", 200
		e.Request = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
		e.Body = fmt.Appendf(nil, "log=admin&pwd=%d", i)
		for _, a := range append(d.Request(e), d.Response(e)...) {
			seen[a.Scenario] = true
		}
	}
	if !seen["tocsin/http-login-bf"] {
		t.Errorf("seen only %v", seen)
	}
}
