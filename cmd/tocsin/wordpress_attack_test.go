//go:build linux

package main

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

const formEncoded = "application/x-www-form-urlencoded"

// login returns what the form of wp-login.php sends, with further fields.
func login(user, password string, more ...string) call {
	fields := url.Values{"log": {user}, "pwd": {password}, "wp-submit": {"Log In"}}
	for _, f := range more {
		name, value, _ := strings.Cut(f, "=")
		fields.Set(name, value)
	}
	return call{target: "/wp-login.php", contentType: formEncoded, body: fields.Encode()}
}

// wrong returns the i-th wrong login.
func wrong(i int) call { return login(wpUser, fmt.Sprint("wrong-", i)) }

func get(target string) call { return call{target: target} }

func getf(format string, n int) call { return get(fmt.Sprintf(format, n)) }

func refusedLogin(r reply) bool {
	return r.status == http.StatusOK && strings.Contains(r.body, `id="login_error"`)
}

func fiftyFaults(r reply) bool { return strings.Count(r.body, "<int>403</int>") == 50 }

func xmlrpc(method, params string) string {
	return `<?xml version="1.0"?><methodCall><methodName>` + method + `</methodName><params>` + params + `</params></methodCall>`
}

func xmlString(s string) string { return "<value><string>" + s + "</string></value>" }

// app returns the same call of xmlrpc.php a number of times.
func app(method string, times int, params ...string) []call {
	var text strings.Builder
	for _, p := range params {
		text.WriteString("<param>" + xmlString(p) + "</param>")
	}
	return slices.Repeat([]call{{target: "/xmlrpc.php", contentType: "text/xml", body: xmlrpc(method, text.String())}}, times)
}

// multicall returns a request with n wrong logins in it.
func multicall(n int) string {
	var calls strings.Builder
	for i := range n {
		fmt.Fprintf(&calls, `<value><struct><member><name>methodName</name>%s</member><member><name>params</name><value><array><data>%s%s</data></array></value></member></struct></value>`,
			xmlString("wp.getUsersBlogs"), xmlString(wpUser), xmlString(fmt.Sprint("wrong-", i)))
	}
	return xmlrpc("system.multicall", "<param><value><array><data>"+calls.String()+"</data></array></value></param>")
}

// An attack is a number of requests that the site answers, and after which the
// client is refused everything, or has to solve a challenge.
type attack struct {
	name     string
	calls    int
	call     func(i int) call
	answered func(reply) bool // the site has done what was asked: there is something to stop
	scenario string           // that alerts
	action   string           // which follows; default: captcha
}

// Plugins and pages that there are not. Names that differ in a number would be one
// place, and those of known software another scenario's.
var (
	plugins = []string{"akismet-pro", "revslider", "wp-file-manager", "duplicator", "backup-guard"}
	missing = []string{"anchor", "barley", "candle", "dagger", "engine-room", "falcon", "garden", "quarry", "xylophone", "zeppelin"}
)

func attacks() []attack {
	status := func(want ...int) func(reply) bool {
		return func(r reply) bool { return slices.Contains(want, r.status) }
	}
	const bf = "tocsin/http-login-bf"
	all := []attack{
		{"wrong passwords, each answered by 200", 6, wrong, refusedLogin, bf, ""},
		{"names that there are not", 6, func(i int) call { return login(fmt.Sprint("nobody", i), "x") }, refusedLogin, bf, ""},
		{"wrong passwords in another encoding", 6, func(i int) call {
			const part = "--x\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n"
			body := fmt.Sprintf(part+part+"--x--\r\n", "log", wpUser, "pwd", fmt.Sprint("wrong-", i))
			return call{target: "/wp-login.php", contentType: "multipart/form-data; boundary=x", body: body}
		}, refusedLogin, bf, ""},
		{"wrong passwords through XML-RPC", 6, func(i int) call {
			return app("wp.getUsersBlogs", 1, wpUser, fmt.Sprint("wrong-", i))[0]
		}, func(r reply) bool { return r.status == 200 && strings.Contains(r.body, "<int>403</int>") }, "tocsin/wordpress-xmlrpc-credentials", ""},
		{"fifty wrong passwords in one request", 1, func(int) call {
			return call{target: "/xmlrpc.php", contentType: "text/xml", body: multicall(50)}
		}, fiftyFaults, "tocsin/wordpress-xmlrpc-multicall", "ban"},
		{"fifty wrong passwords in disguise", 1, func(int) call {
			body := strings.Replace(multicall(50), "system.multicall", "<![CDATA[system]]>&#46;multicall", 1)
			return call{target: "//xmlrpc.php/x.css", contentType: "image/png", body: body}
		}, fiftyFaults, "tocsin/wordpress-xmlrpc-multicall", "ban"},
		{"names of users by their numbers", 16, func(i int) call { return getf("/?author=%d", i+1) }, status(200, 301, 404), "tocsin/wordpress-user-enum", ""},
		{"names of users from the API", 16, func(i int) call { return getf("/wp-json/wp/v2/users/%d", i+1) }, status(200, 401, 404), "tocsin/wordpress-user-enum", ""},
		{"names of users from the API by another way", 16, func(i int) call { return getf("/?rest_route=/wp/v2/users/%d", i+1) }, status(200, 401, 404), "tocsin/wordpress-user-enum", ""},
		{"plugins that are not there", 5, func(i int) call { return get("/wp-content/plugins/" + plugins[i] + "/") }, status(404), "tocsin/wordpress-scan", ""},
		{"pages that are not there", 10, func(i int) call { return get("/" + missing[i] + "/") }, status(404), "tocsin/http-probing", ""},
		{"files that hold secrets", 3, func(i int) call { return get([]string{"/.env", "/.git/config", "/wp-config.php.bak"}[i]) }, status(404), "tocsin/http-secret-files", ""},
		{"wrong passwords behind much else", 6, func(i int) call {
			return call{target: "/wp-login.php", contentType: formEncoded, body: "x=" + strings.Repeat("x", 100_000) + "&" + wrong(i).body}
		}, refusedLogin, "tocsin/http-login-unread", ""},
		{"a climb in a parameter", 4, func(i int) call { return getf("/?page=..%%2F..%%2F..%%2Fetc%%2Fpasswd&n=%d", i) }, status(200), "tocsin/http-path-traversal", "ban"},
		{"a scanner", 1, func(int) call { return call{target: "/hello-world/", agent: "sqlmap/1.7#stable (https://sqlmap.org)"} }, status(200), "tocsin/http-scanner-agents", "ban"},
	}
	for _, target := range []string{
		"//wp-login.php", "/./wp-login.php", "/wp-admin/../wp-login.php", "/%77p-login.php", "/wp-login%2ephp",
		"/wp-login.php/", "/wp-login.php/x.css", "/wp-login.php?x=1.css", "/wp-login.php?action[]=register",
	} {
		all = append(all, attack{"wrong passwords at " + target, 6, func(i int) call {
			return call{target: target, contentType: formEncoded, body: wrong(i).body}
		}, refusedLogin, bf, ""})
	}
	for name, disguise := range map[string]call{
		"behind a space":          {contentType: formEncoded, body: "+log=admin&+pwd=wrong-%d"},
		"before a zero":           {contentType: formEncoded, body: "log%%00x=admin&pwd%%00x=wrong-%d"},
		"as another type of form": {contentType: "Application/X-WWW-Form-URLencoded, x; charset=utf-16", body: "log=admin&pwd=wrong-%d"},
		"in parts without order":  {contentType: "multipart/form-data; boundary=x, y", body: "--x\ncontent-disposition:form-data;name=log\n\nadmin\n--x\ncontent-disposition:form-data;name='pwd'\n\nwrong-%d\n--x"},
	} {
		all = append(all, attack{"wrong passwords " + name, 6, func(i int) call {
			return call{target: "/wp-login.php", contentType: disguise.contentType, body: fmt.Sprintf(disguise.body, i)}
		}, refusedLogin, bf, ""})
	}
	return all
}

// The first requests of an attack are answered, as those of an honest client would
// be; the last is stopped itself, or is what the client is refused for from then on.
func TestAttacksOnWordPressAreStopped(t *testing.T) {
	t.Parallel()
	w := newWordPress(t)
	p := newPost(t, "", w.directives())
	for i, row := range attacks() {
		t.Run(row.name, func(t *testing.T) {
			c := p.with(t).from(fmt.Sprint("198.51.100.", i+1))
			for i := range row.calls {
				r := c.send(row.call(i))
				if last := i == row.calls-1; !row.answered(r) && (!last || r.status != http.StatusForbidden) {
					t.Fatalf("request %d of %d: status %d\n%s", i+1, row.calls, r.status, r.body)
				}
			}
			c.refused()
			c.alarmed(row.scenario, row.calls, cmp.Or(row.action, "captcha"))
			if r := c.send(login(wpUser, wpPassword)); r.status != http.StatusForbidden || r.header.Get("Set-Cookie") != "" {
				t.Errorf("the right password afterwards: status %d, cookie %q", r.status, r.header.Get("Set-Cookie"))
			}
		})
	}
}

// A correct login succeeds, however WordPress answers it, and a few mistakes are no
// attack.
func TestHonestClientsOfWordPressAreLeftInPeace(t *testing.T) {
	t.Parallel()
	w := newWordPress(t)
	p := newPost(t, "", w.directives())
	loggedIn := func(r reply) bool {
		return strings.Contains(strings.Join(r.header.Values("Set-Cookie"), "\n"), "wordpress_logged_in_")
	}
	test := call{cookie: "wordpress_test_cookie=WP%20Cookie%20check"}
	honest := []struct {
		name   string
		calls  []call
		status int // of the last; 0: that depends
		in     bool
	}{
		{"many right logins", slices.Repeat([]call{login(wpUser, wpPassword, "testcookie=1").and(test)}, 12), 302, true},
		{"many right logins in a window over the page", slices.Repeat([]call{login(wpUser, wpPassword, "interim-login=1")}, 12), 200, true},
		{"many right logins without cookies", slices.Repeat([]call{login(wpUser, wpPassword, "testcookie=1")}, 12), 200, true},
		{"a mistyped password, and the right one", []call{wrong(0), login(wpUser, wpPassword)}, 302, true},
		{"five mistyped passwords", []call{wrong(0), wrong(1), wrong(2), wrong(3), wrong(4)}, 200, false},
		{"visits to the form", slices.Repeat([]call{get("/wp-login.php")}, 12), 200, false},
		{"visits without a session", slices.Repeat([]call{get("/wp-admin/")}, 12), 302, false},
		{"the same missing picture again and again", slices.Repeat([]call{get("/picture.jpg")}, 30), 404, false},
		{"an old tab that goes on saving", slices.Repeat([]call{{target: "/wp-json/wp/v2/posts/1/autosaves", contentType: "application/json", body: `{"title":"x"}`}}, 12), 401, false},
		{"passwords of a protected post", slices.Repeat([]call{{target: "/wp-login.php?action=postpass", contentType: formEncoded, body: "post_password=x&Submit=Enter"}}, 12), 200, false},
		{"the same comment again and again", slices.Repeat([]call{{target: "/wp-comments-post.php", contentType: formEncoded, body: "comment=hello&author=Ann&email=ann%40example.test&comment_post_ID=1"}}, 12), 0, false},
		{"an app that logs in and then works", slices.Concat(
			app("system.listMethods", 2), app("wp.getUsersBlogs", 2, wpUser, wpPassword), app("wp.getProfile", 1, "1", wpUser, wpPassword),
			app("wp.getPosts", 20, "1", wpUser, wpPassword)), 200, false},
		{"a search for an attack", []call{get("/?s=%27+OR+1%3D1+--+%3Cscript%3E+..%2F..%2Fetc%2Fpasswd")}, 200, false},
	}
	for i, row := range honest {
		c := p.from(fmt.Sprint("198.51.100.", i+1))
		var r reply
		for _, q := range row.calls {
			r = c.send(q)
		}
		if row.status != 0 && r.status != row.status || loggedIn(r) != row.in {
			t.Errorf("%s: status %d, %v", row.name, r.status, r.header)
		}
	}
	// Responses are judged in their order: with this one all are.
	bad := p.from("198.51.100.200")
	for i := range 6 {
		bad.send(wrong(i))
	}
	bad.refused()
	for i, row := range honest {
		c := p.from(fmt.Sprint("198.51.100.", i+1))
		if a := p.alarms(c.address); len(a) > 0 {
			t.Errorf("%s: alerts %+v", row.name, a)
		}
		if r := c.send(get("/")); r.status != http.StatusOK {
			t.Errorf("%s: status %d afterwards", row.name, r.status)
		}
	}
}
