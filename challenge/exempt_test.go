package challenge

import (
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
		{"GET", "/robots.txt?a=1", Exempt},
		{"GET", "/favicon.ico", Exempt},
		{"GET", "/.well-known/acme-challenge/a-Z_0.9~", Exempt},
		{"GET", "/.well-known/", Exempt},
		{"GET", "/.well-known/matrix/", Exempt},
		{"GET", "/.well-known/webfinger?resource=acct:a@b", Exempt},

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
		u, err := url.ParseRequestURI(tt.target) // as a server does
		if err != nil {
			u = &url.URL{Path: tt.target}
		}
		r.URL = u
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

// Whatever a front controller makes of it: the request itself is what is wanted no
// part of, and not who has sent it.
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
