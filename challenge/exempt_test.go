package challenge

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestWhatChallengesDoNotHoldFor(t *testing.T) {
	c := newClient(t, newGate(t, Config{}))
	for _, tt := range []struct {
		method, target string
		want           Verdict
	}{
		{"GET", "/robots.txt", Exempt},
		{"HEAD", "/robots.txt", Exempt},
		{"GET", "/favicon.ico", Exempt},
		{"GET", "/.well-known/acme-challenge/a-Z_0.9~", Exempt},
		{"GET", "/.well-known/", Exempt},
		{"GET", "/.well-known/matrix/", Exempt},
		{"GET", "/.well-known/pki-validation/a.txt", Exempt},

		{"GET", "/robots.txt?a=1", Due},
		{"GET", "/robots.txt?", Due},
		{"GET", "/favicon.ico?rest_route=/wp/v2/posts", Due},
		{"GET", "/.well-known/x?rest_route=/wp/v2/posts", Due},
		{"GET", "/.well-known/webfinger?resource=acct:a@b", Due},
		{"GET", "/.well-known/index.php/wp-json/wp/v2/posts", Due},
		{"GET", "/.well-known/a.b/c", Due},
		{"GET", "/favicon.ico/x", Due},
		{"GET", "/favicon.ico;x", Due},
		{"GET", "/robots.txt/..;/", Due},
		{"GET", "/robots.txt/%2e%2e/", Due},
		{"GET", "/robots.txt%00", Due},
		{"GET", "/robots.txt%3Fa=1", Due},
		{"GET", "/./robots.txt", Due},
		{"GET", "/.well-known/x%3Frest_route=", Due},
		{"POST", "/robots.txt", Due},
		{"DELETE", "/.well-known/x", Due},
		{"GET", "/", Due},
		{"GET", "//robots.txt", Due},
		{"GET", "/Robots.txt", Due},
		{"GET", "/robots.txt/", Due},
		{"GET", "/a/robots.txt", Due},
		{"GET", "/robots%2etxt", Due},
		{"GET", "/.well-known", Due},
		{"GET", "/.well-knownx/", Due},
		{"GET", "/x/.well-known/y", Due},
		{"GET", "/.well-known/../admin", Due},
		{"GET", "/.well-known/./x", Due},
		{"GET", "/.well-known//x", Due},
		{"GET", "/.well-known/x//", Due},
		{"GET", "/.well-known/..", Due},
		{"GET", "/.well-known/%2e%2e/admin", Due},
		{"GET", "/.well-known/..%2fadmin", Due},
		{"GET", "/.well-known/..%5cadmin", Due},
		{"GET", "/.well-known/..;/admin", Due},
		{"GET", "/.well-known/x;/../../admin", Due},
		{"GET", "/.well-known/%00", Due},
		{"GET", "/.well-known/%", Due},
	} {
		r := httptest.NewRequest(tt.method, "https://shop.example/", nil)
		u, err := url.ParseRequestURI(tt.target) // like a server
		if err != nil {
			u = &url.URL{Path: tt.target}
		}
		r.URL, r.RequestURI = u, tt.target
		if got := c.gate.Judge(r, c.visitor()); got != tt.want {
			t.Errorf("%s %s: the verdict is %d; want %d", tt.method, tt.target, got, tt.want)
		}
	}
}

func TestOnlyPreflightsAreExemptAmongOptions(t *testing.T) {
	c := newClient(t, newGate(t, Config{}))
	for _, tt := range []struct {
		name    string
		method  string
		headers []string
		want    Verdict
	}{
		{"a preflight", "OPTIONS", []string{"Origin", "Access-Control-Request-Method"}, Exempt},
		{"one with more", "OPTIONS", []string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers", "Upgrade-Insecure-Requests"}, Exempt},
		{"one without an origin", "OPTIONS", []string{"Access-Control-Request-Method"}, Due},
		{"one without a method", "OPTIONS", []string{"Origin"}, Due},
		{"plain OPTIONS", "OPTIONS", nil, Due},
		{"a POST that looks like one", "POST", []string{"Origin", "Access-Control-Request-Method"}, Due},
	} {
		r := c.request(tt.method, "")
		for _, name := range tt.headers {
			r.Header.Set(name, "x")
		}
		if got := c.gate.Judge(r, c.visitor()); got != tt.want {
			t.Errorf("%s: the verdict is %d; want %d", tt.name, got, tt.want)
		}
	}
}

// With these, applications and proxies in front of them give a request another method
// or path.
func TestNothingIsExemptThatMayAskForSomethingElse(t *testing.T) {
	c := newClient(t, newGate(t, Config{}))
	exempt := map[string]func() *http.Request{
		"GET": func() *http.Request {
			r := c.request("GET", "")
			r.URL.Path, r.URL.RawQuery, r.RequestURI = "/robots.txt", "", "/robots.txt"
			return r
		},
		"OPTIONS": func() *http.Request {
			r := c.request("OPTIONS", "")
			r.Header.Set("Origin", "https://shop.example")
			r.Header.Set("Access-Control-Request-Method", "PUT")
			return r
		},
	}
	for name, change := range map[string]func(*http.Request){
		"X-HTTP-Method-Override": nil, "X-HTTP-Method": nil, "X-Method-Override": nil, "_method": nil, "X_HTTP_METHOD_OVERRIDE": nil,
		"X-Original-URL": nil, "X-Original-URI": nil, "X-Rewrite-URL": nil, "X-Override-URL": nil, "X-Forwarded-Uri": nil,
		"X-Forwarded-Path": nil, "X-Forwarded-Prefix": nil, "X-Envoy-Original-Path": nil, "X-Script-Name": nil, "Request-Uri": nil,
		"X-Invoke-Path": nil, "X-Middleware-Rewrite": nil, "Destination": nil, "Upgrade": nil, "Redirect": nil, "X-Now-Route-Matches": nil,
		"a body":                    func(r *http.Request) { r.ContentLength = 1 },
		"a body of no known length": func(r *http.Request) { r.ContentLength = -1 },
		"chunks":                    func(r *http.Request) { r.TransferEncoding = []string{"chunked"} },
	} {
		for method, request := range exempt {
			r := request()
			if got := c.gate.Judge(r, c.visitor()); got != Exempt {
				t.Fatalf("%s: the verdict is %d without anything", method, got)
			}
			if change == nil {
				r.Header[http.CanonicalHeaderKey(name)] = []string{"GET"}
			} else {
				change(r)
			}
			if got := c.gate.Judge(r, c.visitor()); got != Due {
				t.Errorf("%s with %s: the verdict is %d; want Due", method, name, got)
			}
		}
	}
	r := exempt["GET"]()
	r.RequestURI = "/index.php" // the URL was rewritten
	if got := c.gate.Judge(r, c.visitor()); got != Due {
		t.Errorf("what was rewritten: the verdict is %d; want Due", got)
	}
}

// The application is a front controller, which answers every path in its own way.
func TestWhatGetsThroughOfAnAnswerThatIsExempt(t *testing.T) {
	gate := newGate(t, Config{})
	type fields = map[string]string
	typed := func(media string) fields { return fields{"Content-Type": media} }
	allows := fields{"Access-Control-Allow-Origin": "*", "X-Secret": "1", "Content-Type": "text/html"}
	for _, tt := range []struct {
		name, method, path string
		status             int // of the application; 0: none
		header             fields
		body               string
		want               int // 0: the whole response is withheld
		wantBody           string
	}{
		{"text of robots.txt", "GET", robots, 200, typed("text/plain; charset=utf-8"), "User-agent: *", 200, "User-agent: *"},
		{"text without a type", "GET", robots, 0, nil, "User-agent: *", 200, "User-agent: *"},
		{"text without a type, with a status", "GET", robots, 200, nil, "User-agent: *", 200, "User-agent: *"},
		{"part of it", "GET", robots, 206, typed("text/plain"), "User", 206, "User"},
		{"nothing at all", "GET", robots, 0, nil, "", 200, ""},
		{"a page", "GET", robots, 200, typed("text/html"), "<p>content", 0, ""},
		{"a page without a type", "GET", robots, 0, nil, "<!doctype html><p>content", 0, ""},
		{"a page without a type, with a status", "GET", robots, 200, nil, "<!doctype html><p>content", 0, ""},
		{"a page of a broken type", "GET", robots, 200, typed("text/plain, text/html;;="), "<p>content", 0, ""},
		{"something packed without a type", "GET", robots, 0, fields{"Content-Encoding": "gzip"}, "content", 0, ""},
		{"JSON of robots.txt", "GET", robots, 200, typed("application/json"), "content", 0, ""},
		{"an icon", "GET", favicon, 200, typed("image/x-icon"), "icon", 200, "icon"},
		{"an icon that is a document", "GET", favicon, 200, typed("image/svg+xml"), "content", 0, ""},
		{"a page for an icon", "GET", favicon, 200, typed("text/html"), "content", 0, ""},
		{"JSON of well-known", "GET", "/.well-known/openid-configuration", 200, typed("application/json"), "{}", 200, "{}"},
		{"a kind of JSON", "GET", "/.well-known/nodeinfo", 200, typed("application/jrd+json"), "{}", 200, "{}"},
		{"a feed of well-known", "GET", "/.well-known/feed", 200, typed("application/rss+xml"), "content", 0, ""},
		{"a page that is not there", "GET", robots, 404, typed("text/html"), "content", 404, ""},
		{"JSON of an error", "GET", "/.well-known/x", 500, typed("application/json"), "content", 500, ""},
		{"a redirection", "GET", favicon, 302, fields{"Location": "/x.png"}, "content", 302, ""},
		{"another protocol", "GET", "/.well-known/x", 101, nil, "", 0, ""},
		{"a preflight that is granted", "OPTIONS", "/", 200, allows, "content", 204, ""},
		{"a preflight that is not", "OPTIONS", "/", 200, typed("text/html"), "content", 0, ""},
		{"a preflight that fails", "OPTIONS", "/", 404, allows, "content", 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			w.Header().Set("Server", "Caddy")
			e, _ := gate.Exempt(w, httptest.NewRequest(tt.method, tt.path, nil))
			for name, value := range tt.header {
				e.Header().Set(name, value)
			}
			e.Header().Set("Trailer", "X-Declared")
			e.WriteHeader(http.StatusEarlyHints)
			if tt.status != 0 {
				e.WriteHeader(tt.status)
			}
			e.Flush()
			if n, err := e.Write([]byte(tt.body)); n != len(tt.body) || err != nil {
				t.Errorf("the application is told %d, %v", n, err)
			}
			e.Header().Set(http.TrailerPrefix+"X-Late", "content")
			withheld := e.Close()
			if _, ok := w.Header()[http.TrailerPrefix+"X-Late"]; ok || w.Header().Get("Trailer") != "" {
				t.Errorf("trailers get through: %v", w.Header())
			}
			if withheld != (tt.want == 0) || w.Body.String() != tt.wantBody || !withheld && w.Code != tt.want {
				t.Errorf("withheld %v, status %d, %q", withheld, w.Code, w.Body)
			}
			if w.Header().Get("Server") == "" || w.Header().Get("X-Secret") != "" || withheld && len(w.Header()) > 1 {
				t.Errorf("the header is %v", w.Header())
			}
		})
	}
}

func TestWhatTheApplicationSeesOfAPreflight(t *testing.T) {
	gate := newGate(t, Config{})
	r := httptest.NewRequest("OPTIONS", "/wp-json/wp/v2/posts?_method=POST&title=x", nil)
	for name, value := range map[string]string{"Origin": "https://a.example", "Cookie": "a=b", "Authorization": "Basic eA=="} {
		r.Header.Set(name, value)
	}
	_, bare := gate.Exempt(httptest.NewRecorder(), r)
	if bare.URL.String() != "/wp-json/wp/v2/posts" || bare.RequestURI != "/wp-json/wp/v2/posts" || bare.Body != http.NoBody ||
		bare.Header.Get("Origin") == "" || len(bare.Header) != 1 {
		t.Errorf("%s, %s, %v", bare.URL, bare.RequestURI, bare.Header)
	}
	if r.URL.RawQuery == "" || r.Header.Get("Cookie") == "" {
		t.Error("the request itself was changed")
	}
}

// A verdict about the request itself stops the request, whoever sent it. So no
// exemption applies.
func TestNothingIsExemptFromAVerdictAboutTheRequest(t *testing.T) {
	c := newClient(t, newGate(t, Config{}))
	passing := c.solve()
	for _, target := range []string{"/robots.txt?id=1+union+select", "/favicon.ico", "/.well-known/x?rest_route=/wp/v2/users"} {
		for _, tt := range []struct {
			name string
			who  client
			want Verdict
		}{
			{"without a pass", c, Due},
			{"with one", passing, Passed},
		} {
			r := tt.who.request("GET", "")
			r.URL.Path, r.URL.RawQuery, _ = strings.Cut(target, "?")
			v := tt.who.visitor()
			v.Request = true
			if got := tt.who.gate.Judge(r, v); got != tt.want {
				t.Errorf("%s %s: the verdict is %d; want %d", target, tt.name, got, tt.want)
			}
		}
	}
	preflight := c.request("OPTIONS", "")
	preflight.Header.Set("Origin", "https://shop.example")
	preflight.Header.Set("Access-Control-Request-Method", "GET")
	v := c.visitor()
	v.Request = true
	if got := c.gate.Judge(preflight, v); got != Due {
		t.Errorf("a preflight: the verdict is %d; want Due", got)
	}
}
