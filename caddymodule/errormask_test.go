package caddymodule

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// An errorSite says what of a stopped request gets to an upstream in error routes.
func errorSite(t *testing.T) (addr string) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Cache-Control", "public, max-age=600")
		say(w, "upstream has %s %s [%s%s]", r.Method, r.RequestURI, body, r.Header.Get("Content-Type"))
	}))
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// when returns error routes with something for the errors that expr is true for.
func when(expr, then string) string {
	return "handle_errors {\n@x {\nexpression " + expr + "\n}\nhandle @x {\n" + then + "}\n}"
}

func TestWhatErrorRoutesSeeOfAStoppedRequest(t *testing.T) {
	h := newHost(t)
	proxy := "reverse_proxy " + errorSite(t) + "\n"
	const (
		masked = "upstream has GET /tocsin/stopped []"
		whole  = "upstream has POST /secret.txt?a=1 []"
		files  = "root {DIR}\n"
		is404  = "@404 expression {err.status_code} == 404\n"
		is403  = "@403 expression {err.status_code} == 403\n"
	)
	for _, row := range []struct {
		name, errors string // what stands in the site
		status       int    // 0: 403
		want         string
	}{
		{"a proxy for all errors", "handle_errors {\n" + proxy + "}", 0, masked},
		{"a proxy for a class of errors", "handle_errors 4xx {\n" + proxy + "}", 0, masked},
		{"a proxy for all but one", "handle_errors {\n@x expression {err.status_code} != 404\nhandle @x {\n" + proxy + "}\n}", 0, masked},
		{"a proxy for whatever is not that error", "handle_errors {\n@x not expression {err.status_code} == 404\nhandle @x {\n" + proxy + "}\n}", 0, masked},
		{"a proxy behind a route that asks", "handle_errors {\n" + is403 + "header @403 X-Sorry yes\n" + proxy + "}", 0, masked},
		{"a proxy with the address it came with", "handle_errors {\nrewrite * {http.request.orig_uri}\n" + proxy + "}", 0, masked},
		{"a proxy with its method", "handle_errors {\nmethod {http.request.method}\n" + proxy + "}", 0, masked},
		{"a proxy with a path from a file matcher", "handle_errors {\n" + files + "try_files {path} /none\n" + proxy + "}", 0, masked},
		{"a proxy where one of two asks", when("{err.status_code} == 403 || true", proxy), 0, masked},
		{"a proxy where both ask", when("({err.status_code} == 403 && true) || {err.status_code} == 429 || 403 == {err.status_code}", proxy), 0, whole},
		{"a proxy for this status and another", "handle_errors 403 404 {\n" + proxy + "}", 0, masked},
		{"a proxy for this one or another", when("{err.status_code} == 403 || {err.status_code} == 404", proxy), 0, masked},
		{"a proxy from this status on", when("{err.status_code} >= 403", proxy), 0, masked},
		{"a proxy for all but this status, or not", when("{err.status_code} == 404 ? false : {err.status_code} != 429 || {err.status_code} == 403", proxy), 0, masked},
		{"a proxy for this status, as a variable", "handle_errors {\n@x vars {err.status_code} 403 429\nhandle @x {\n" + proxy + "}\n}", 0, whole},
		{"a proxy for this status as a variable, and another", "handle_errors {\n@x vars {err.status_code} 403 404\nhandle @x {\n" + proxy + "}\n}", 0, masked},
		{"a proxy for a decision that it compares", when("{http.tocsin.action} == \"ban\"", proxy), 0, whole},
		{"a proxy for whoever has no throttle", "handle_errors {\n@x not vars {http.tocsin.action} throttle\nhandle @x {\n" + proxy + "}\n}", 0, masked},
		{"files for this status and another", "handle_errors 403 404 {\n" + files + "file_server\n}", 0, ourPage},
		{"files that are tried by the decision", "handle_errors {\n" + files + "try_files /{http.tocsin.action}.html {path}\nfile_server\n}", 0, ourPage},
		{"files that are tried by the status", "handle_errors {\n" + files + "try_files /4{err.status_code}.html {path} /403.html\nfile_server\n}", 0, "page for 403"},
		{"a proxy for this status", "handle_errors 403 429 {\n" + proxy + "}", 0, whole},
		{"a proxy for another status that asks for the first", "handle_errors {\n@x vars {http.tocsin.action} ban\nhandle @x {\n" + proxy + "}\n}", 0, whole},
		{"a proxy for who is banned", "handle_errors {\n@x tocsin ban\nhandle @x {\n" + proxy + "}\n}", 0, whole},
		{"a proxy with an address of its own", "handle_errors {\nrewrite * /sorry\n" + proxy + "}", 0, "upstream has GET /sorry []"},
		{"a proxy with one for this status", "handle_errors {\n" + is403 + "rewrite @403 /sorry\n" + proxy + "}", 0, "upstream has GET /sorry []"},
		{"files", "handle_errors {\n" + files + "file_server\n}", 0, ourPage},
		{"files, and a page for another status", "handle_errors {\n" + files + is404 + "rewrite @404 /404.html\nfile_server\n}", 0, ourPage},
		{"files, and a page for this status", "handle_errors {\n" + files + is403 + "rewrite @403 /403.html\nfile_server\n}", 0, "page for 403"},
		{"files by the status", "handle_errors {\n" + files + "rewrite * /{err.status_code}.html\nfile_server\n}", 0, "page for 403"},
		{"files that are tried", "handle_errors {\n" + files + "try_files {path} /{err.status_code}.html\nfile_server\n}", 0, "page for 403"},
		{"templates", "handle_errors {\n" + files + "rewrite * /template.html\ntemplates\nfile_server\n}", 0, "template for ban"},
		{"an answer with another status", "handle_errors {\nrespond sorry 200\n}", 0, "sorry"},
		{"an answer with another status where it is asked for", "handle_errors 403 {\nrespond sorry 404\n}", 404, "sorry"},
		{"a redirection", "handle_errors {\nredir https://elsewhere.example\n}", 0, ""},
		{"a redirection of who is asked for", "handle_errors 403 {\nredir https://elsewhere.example\n}", 302, ""},
		{"encoded", "handle_errors {\nencode gzip\n" + proxy + "}", 0, masked},
	} {
		t.Run(row.name, func(t *testing.T) {
			h.t = t
			h.file("403.html", "page for 403")
			h.file("secret.txt", "the secret")
			h.file("template.html", "template for {{placeholder \"http.tocsin.action\"}}")
			h.load(h.withList() + "http://{ADDR} {\ntocsin\nrespond ok\n" + row.errors + "\n}")
			h.waitStopped(banned)
			for _, method := range []string{http.MethodPost, http.MethodGet} {
				r := h.request(method, banned, "/secret.txt?a=1")
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader("the body")), 8
				r.Header.Set("Content-Type", "text/plain")
				r.Header.Set("Range", "bytes=0-3")
				a, err := h.do(r)
				if err != nil {
					t.Fatal(err)
				}
				want := http.StatusForbidden
				if row.status != 0 {
					want = row.status
				}
				if a.status != want {
					t.Errorf("%s: status %d, want %d", method, a.status, want)
				}
				if text := strings.Replace(row.want, "POST", method, 1); !strings.Contains(a.body, text) || strings.Contains(a.body, "the secret") {
					t.Errorf("%s: got %q, want %q in it", method, a.body, text)
				}
				if cc := a.header.Values("Cache-Control"); len(cc) != 1 || cc[0] != "private, no-store" {
					t.Errorf("%s: Cache-Control %q: a shared cache could keep the answer", method, cc)
				}
			}
		})
	}
}

// An application may take its address, its method and its user from headers: of a stopped
// request a route that does not ask gets none of these, and one that asks gets all.
func TestHeadersOfAStoppedRequestLeadAnErrorRouteNowhere(t *testing.T) {
	kept := fields("Accept", "text/html", "Accept-Language", "nl", "Sec-Fetch-Mode", "navigate", "Sec-Ch-Ua", "x", "User-Agent", "Firefox", "X-Request-Id", "7")
	lost := fields(
		"X-Original-Url", "/secret", "X-Rewrite-Url", "/secret", "X-Forwarded-Uri", "/secret", "X-Forwarded-Prefix", "/secret",
		"X-Http-Method-Override", "POST", "X-Http-Method", "POST", "X-Method-Override", "DELETE", "X-Waf-Path", "/secret",
		"Cookie", "session=1", "Authorization", "Basic eA==", "Destination", "/secret", "Referer", "/secret",
	)
	for name, errors := range map[string]string{
		"error routes that do not ask": "tocsin\nhandle_errors {\nreverse_proxy {APP}\n}",
		"an intercept around":          "intercept {\n@e status 403 429\nhandle_response @e {\nreverse_proxy {APP}\n}\n}\nhandle {\ntocsin\n}",
		"error routes that ask":        "tocsin\nhandle_errors 403 429 {\nreverse_proxy {APP}\n}",
	} {
		t.Run(name, func(t *testing.T) {
			h, app := newHost(t), newFrontController(t)
			h.load(h.withList() + "http://{ADDR} {\n" + strings.Replace(errors, "{APP}", app.Listener.Addr().String(), 1) + "\n}")
			wait(t, func() error {
				if a := h.get(banned, "/"); !strings.Contains(a.body, theContent) { // of the routes
					return fmt.Errorf("it gets %d: %q", a.status, a.body)
				}
				return nil
			})
			app.done()
			r := h.request(http.MethodPost, banned, "/page?_method=PUT")
			for _, all := range []http.Header{kept, lost} {
				maps.Copy(r.Header, all)
			}
			a, err := h.do(r)
			if err != nil {
				t.Fatal(err)
			}
			did, asks := app.done(), name == "error routes that ask"
			if (len(did) > 0) != asks || strings.Contains(a.body, theContent+" at /secret") != asks {
				t.Errorf("status %d, %q, and the site did %q", a.status, a.body, did)
			}
			for _, row := range []struct {
				sent http.Header
				want bool
			}{{kept, true}, {lost, asks}} {
				for name, values := range row.sent {
					if got := app.last().Get(name) == values[0]; got != row.want {
						t.Errorf("%s is handed on: %t, want %t", name, got, row.want)
					}
				}
			}
		})
	}
}

// waitStopped waits until the client with address from does not get the site.
func (h *host) waitStopped(from string) {
	h.t.Helper()
	wait(h.t, func() error {
		if a := h.get(from, "/"); a.status == http.StatusOK {
			return fmt.Errorf("%s gets %q", from, a.body)
		}
		return nil
	})
}

// Only JSON can nest error routes like this.
func TestErrorRoutesOfASubrouteSeeNothingOfAStoppedRequest(t *testing.T) {
	h := newHost(t)
	proxy := `{"handler":"reverse_proxy","upstreams":[{"dial":"` + errorSite(t) + `"}]}`
	nested := func(match, inner string) string {
		return `{"handler":"subroute","routes":[{` + match + `"handle":[{"handler":"subroute","routes":[{"handle":[` + inner + `]}]}]}]}`
	}
	const is403 = `"match":[{"expression":"{http.error.status_code} == 403"}],`
	for _, row := range []struct{ name, errors, want string }{
		{"nested", nested("", proxy), "upstream has GET /tocsin/stopped []"},
		{"nested in a route that asks", nested(is403, proxy), "upstream has GET /secret.txt []"},
		{"asked in one of two ways", nested(`"match":[{"expression":"{http.error.status_code} == 403"},{"host":["127.0.0.1"]}],`, proxy), "upstream has GET /tocsin/stopped []"},
	} {
		t.Run(row.name, func(t *testing.T) {
			h.t = t
			cfg := string(h.json(h.withList() + "http://{ADDR} {\nrespond ok\n}"))
			const ok = `{"body":"ok","handler":"static_response"}`
			cfg = strings.Replace(cfg, ok, `{"handler":"subroute","routes":[{"handle":[{"handler":"tocsin"}]}],`+
				`"errors":{"routes":[{"handle":[`+row.errors+`]}]}},`+ok, 1)
			if err := h.loadJSON([]byte(cfg)); err != nil {
				t.Fatal(err)
			}
			h.waitStatus(banned, http.StatusForbidden)
			if a := h.get(banned, "/secret.txt"); a.body != row.want || a.status != http.StatusForbidden {
				t.Errorf("got %d %q, want %q", a.status, a.body, row.want)
			}
		})
	}
}

func TestAThrottledRequestIsNotThatOfABan(t *testing.T) {
	h := newHost(t)
	h.list("throttled.txt", banned)
	h.load(globals("blocklist {DIR}/throttled.txt {\naction throttle\n}\nsnapshot off") +
		"http://{ADDR} {\ntocsin\nrespond ok\nhandle_errors 4xx {\n@403 expression {err.status_code} == 403\nrespond @403 {path} 200\nrespond {path} 200\n}\n}")
	h.waitStatus(banned, http.StatusTooManyRequests)
	if a := h.get(banned, "/x"); a.body != "/tocsin/stopped" || a.header.Get("Retry-After") == "" {
		t.Errorf("%+v", a)
	}
}

// The status 503 says as well that an upstream is down, and this is what error routes
// for it are about.
func TestWhatErrorRoutesSeeOfARequestThatIsStoppedWith503(t *testing.T) {
	h := newHost(t)
	proxy := "reverse_proxy " + errorSite(t) + "\n"
	down := "reverse_proxy 127.0.0.1:1\n"
	backup := "handle_errors 502 503 504 {\n" + proxy + "}"
	const (
		masked  = "upstream has GET /tocsin/stopped []"
		whole   = "upstream has POST /admin?id=1 []"
		came    = "upstream has POST /admin?id=1 [a=b]"
		appsec  = "appsec http://127.0.0.1:1 key {\nfailure ban\n}"
		unready = "startup closed"
	)
	for _, row := range []struct{ name, global, site, errors, want string }{
		{"AppSec that is down", appsec, "tocsin\nrespond ok\n", backup, masked},
		{"AppSec that is down, by the class", appsec, "tocsin\nrespond ok\n", "handle_errors 5xx {\n" + proxy + "}", masked},
		{"AppSec that is down, by the decision", appsec, "tocsin\nrespond ok\n", when("{http.tocsin.action} == \"ban\"", proxy), whole},
		{"AppSec that is down, by either", appsec, "tocsin\nrespond ok\n", when("{http.tocsin.action} == \"captcha\" || {err.status_code} == 503", proxy), masked},
		{"too early", unready, "tocsin\nrespond ok\n", backup, masked},
		{"too early, by the class", unready, "tocsin\nrespond ok\n", "handle_errors 5xx {\n" + proxy + "}", masked},
		{"too early, by no decision", unready, "tocsin\nrespond ok\n", when("{http.tocsin.action} != \"ban\"", proxy), masked},
		{"an upstream that is down", "", "tocsin\n" + down, backup, came},
		{"an upstream that is down, by the class", "", "tocsin\n" + down, "handle_errors 5xx {\n" + proxy + "}", came},
		{"an upstream that says 503", "", "tocsin\nerror 503\n", backup, came},
	} {
		t.Run(row.name, func(t *testing.T) {
			h.t = t
			list := "blocklist {DIR}/missing.txt\n"
			if row.global != unready {
				h.list("list.txt", banned)
				list = "blocklist {DIR}/list.txt\n"
			}
			h.load(globals(list+"snapshot off\n"+row.global) + "http://{ADDR} {\n" + row.site + row.errors + "\n}")
			if a := h.post(allowed, "/admin?id=1", "a=b"); a.body != row.want {
				t.Errorf("got %d %q, want %q", a.status, a.body, row.want)
			}
		})
	}
}
