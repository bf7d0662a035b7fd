package appsec

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
)

func TestWhatAppSecIsTold(t *testing.T) {
	f := newFake(t, nil)
	c := f.client(t, Config{})
	r := httptest.NewRequest("DELETE", "/rewritten", nil)
	r.Header.Set("User-Agent", "curl/8")
	r.Header.Set("Cookie", "a=b")
	r.Header.Set("Content-Encoding", "br")
	judge(t, c, r, inspect.Details{
		Client: netip.MustParseAddr("::ffff:192.0.2.7"), Ref: "REF1", Target: "/as/sent?x=%20y", Host: "Shop.example:8443",
	})
	s := f.Last(t, 1)
	want := map[string]string{
		keyHeader: testKey, ipHeader: "192.0.2.7", uriHeader: "/as/sent?x=%20y", verbHeader: "DELETE", hostHeader: "Shop.example:8443",
		agentHeader: "curl/8", protoHeader: "11", refHeader: "REF1", "User-Agent": "curl/8", "Cookie": "a=b", "Content-Encoding": "br",
		"Content-Length": "0",
	}
	for name, value := range want {
		if got := s.Header[name]; len(got) != 1 || got[0] != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	if s.Method != "GET" || len(s.Header) != len(want) {
		t.Errorf("%s, %d headers: %v", s.Method, len(s.Header), s.Header)
	}
}

func TestWhatTheRequestSaysIsTheDefault(t *testing.T) {
	f := newFake(t, nil)
	c := f.client(t, Config{})
	r := httptest.NewRequest("GET", "http://shop.example/a?b", nil)
	r.RequestURI = "/a?b"
	r.URL.Path = "/rewritten" // like a handler before this one
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0
	judge(t, c, r, inspect.Details{})
	s := f.Last(t, 1)
	if s.URI != "/a?b" || s.Header.Get(hostHeader) != "shop.example" || s.IP != "0.0.0.0" || s.Header.Get(protoHeader) != "20" {
		t.Errorf("%+v", s)
	}
	for _, name := range []string{agentHeader, refHeader, "User-Agent", "Content-Length"} {
		if got, ok := s.Header[name]; ok {
			t.Errorf("%s: %q", name, got)
		}
	}
	r.RequestURI = ""
	judge(t, c, r, inspect.Details{})
	if s := f.Last(t, 2); s.URI != "/rewritten?b" {
		t.Errorf("%+v", s)
	}
}

// A client must not send tocsin's own headers to AppSec, nor hide from the rules what
// the site sees.
func TestWhatTheClientMayNotSay(t *testing.T) {
	f := newFake(t, nil)
	c := f.client(t, Config{})
	r := httptest.NewRequest("GET", "/", nil)
	for name, value := range map[string]string{
		"X-Crowdsec-Appsec-Ip": "203.0.113.9", "x-crowdsec-appsec-verb": "HEAD", "X-Crowdsec-Appsec-Api-Key": "guessed",
		"X-Crowdsec-Something": "new", "Connection": "close, X-Payload", "Keep-Alive": "1", "Te": "trailers", "Trailer": "X",
		"Transfer-Encoding": "chunked", "Upgrade": "websocket", "Proxy-Authorization": "x", "Proxy-Connection": "x", "Expect": "100-continue",
		"Content-Length": "77", "Host": "other", "Bad Name": "x", "": "x", "X-Injected": "a\r\nX-Crowdsec-Appsec-Ip: 203.0.113.9\x00\x7f",
		"X-Payload": "${jndi:evil}",
	} {
		r.Header[name] = []string{value}
	}
	v := judge(t, c, r, inspect.Details{Client: visitor, Ref: "a\r\nX-Crowdsec-Appsec-Ip: 203.0.113.9"})
	if v.Action != lookup.Ban {
		t.Errorf("what Connection lists is hidden from rules: %+v", v)
	}
	s := f.Last(t, 1)
	var names []string
	for name := range s.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{
		keyHeader, hostHeader, protoHeader, ipHeader, refHeader, uriHeader, verbHeader, "X-Injected", "X-Payload",
	}
	if !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	if s.IP != "192.0.2.7" || s.Verb != "GET" {
		t.Errorf("%+v", s)
	}
}

func TestRulesSeeEveryUserAgent(t *testing.T) {
	f := newFake(t, nil)
	c := f.client(t, Config{})
	r := httptest.NewRequest("GET", "/", nil)
	r.Header["User-Agent"] = []string{"Mozilla/5.0", "evil"}
	judge(t, c, r, inspect.Details{})
	if got := f.Last(t, 1).Header.Get(agentHeader); got != "Mozilla/5.0, evil" {
		t.Errorf("%q", got)
	}
}

// AppSec answers a head over 1 MiB with an error, and an error may let a request pass.
func TestALargeHeadIsRefused(t *testing.T) {
	f := newFake(t, nil)
	c := f.client(t, Config{})
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Padding", strings.Repeat("x", 524_288-2000))
	if v := judge(t, c, r, inspect.Details{}); v.Action != lookup.None || f.Last(t, 1).Path != "/" {
		t.Errorf("%+v", v)
	}
	for name, r := range map[string]*http.Request{
		"one header": {Header: http.Header{"X-Padding": {strings.Repeat("x", 524_288)}}},
		"many":       {Header: http.Header{"X-Padding": slices.Repeat([]string{"xx"}, 524_288/10)}},
		"two agents": {Header: http.Header{"User-Agent": {strings.Repeat("x", 524_288/2)}}},
		"the target": {RequestURI: "/" + strings.Repeat("x", 524_288)},
	} {
		v := judge(t, c, r, inspect.Details{})
		if v.Action != lookup.Ban || v.Status != 431 || v.Answered {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if s := c.Stats(); s.Refused[LargeHead] != 4 || s.Asked != 1 {
		t.Errorf("%+v", s)
	}
}

// AppSec parses the target with url.Parse, servers with url.ParseRequestURI.
func TestAppSecReadsTheTargetAsTheServerDoes(t *testing.T) {
	f := newFake(t, nil)
	c := f.client(t, Config{})
	tests := []struct{ name, target, path, query string }{
		{"a path and a query", "/a%20b?x=1&y", "/a b", "x=1&y"},
		{"a query after a hash", "/a#?x=evil", "/a#", "x=evil"},
		{"a hash in the query", "/a?x=#evil", "/a", "x=%23evil"},
		{"two slashes", "//rpc2", "//rpc2", ""},
		{"two slashes, and what would be no host", "//x:y/rpc2", "//x:y/rpc2", ""},
		{"three slashes", "///a", "///a", ""},
		{"an absolute form", "http://other.example//rpc2?x#y", "//rpc2", "x%23y"},
		{"an absolute form without a path", "http://other.example?x", "/", "x"},
		{"a scheme, a path and no host", "foo:/rpc2", "/rpc2", ""},
		{"a scheme, a path and an empty host", "foo:////rpc2", "//rpc2", ""},
		{"a scheme and nothing else", "foo:", "/", ""},
		{"a scheme and no path", "foo:bar", "/foo:bar", ""},
		{"the target of CONNECT", "192.0.2.1:443", "/192.0.2.1:443", ""},
		{"that of OPTIONS", "*", "*", ""},
	}
	for i, tt := range tests {
		get(t, c, tt.target)
		if s := f.Last(t, i+1); s.Path != tt.path || s.Query != tt.query {
			t.Errorf("%s: AppSec reads %q ? %q, want %q ? %q", tt.name, s.Path, s.Query, tt.path, tt.query)
		}
	}
	if v := get(t, c, "/%zz"); v.Action != lookup.Ban || v.Status != 400 || c.Stats().Refused[BadTarget] != 1 {
		t.Errorf("%+v", v)
	}
}

func FuzzTarget(f *testing.F) {
	for _, s := range []string{"/", "/a#?x=1", "//x:y/z", "http://h/a?b#c", "*", "", "/%2f/..;a?%zz", "foo:bar", "/a\x7f", "A:", "foo:/rpc2", "foo:////x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		clean, path, err := originForm(target)
		server, no := url.ParseRequestURI(target)
		if no != nil || server.Opaque != "" {
			return // no server accepts it, or finds a path in it
		}
		if err != nil {
			t.Fatalf("%q: %v", target, err)
		}
		u, err := url.Parse(clean)
		if err != nil || u.Host != "" || u.Fragment != "" || u.Path != path {
			t.Fatalf("%q: %q, %v", target, clean, err)
		}
		want := server.Path
		if want == "" {
			want = "/"
		}
		if path != want || strings.ReplaceAll(server.RawQuery, "#", "%23") != u.RawQuery {
			t.Errorf("%q: AppSec reads %q ? %q, the server %q ? %q", target, path, u.RawQuery, want, server.RawQuery)
		}
	})
}

func TestOwns(t *testing.T) {
	c := newClient(t, Config{URL: "http://h"})
	for target, want := range map[string]bool{
		"/crowdsec-internal/challenge/submit":          true,
		"/crowdsec-internal/challenge/":                true,
		"/%63rowdsec-internal/challenge/pow-worker.js": true,
		"http://h/crowdsec-internal/challenge/x":       true,
		"/crowdsec-internal/challenge":                 false,
		"/a?/crowdsec-internal/challenge/":             false,
		"/%zz":                                         false,
	} {
		if got := c.Owns(target); got != want {
			t.Errorf("%s: %v", target, got)
		}
	}
}
