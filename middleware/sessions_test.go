package middleware

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func newSessions(t *testing.T, cfg SessionsConfig) *Sessions {
	t.Helper()
	if cfg.Names == nil {
		cfg.Names = []string{"wordpress_logged_in_*", "sid"}
	}
	s, err := NewSessions(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var one, two = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")

func setting(cookies ...string) http.Header { return http.Header{"Set-Cookie": cookies} }

func having(cookie string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Cookie", cookie)
	return r
}

func TestSessionsKnowWhatTheSiteHasBegun(t *testing.T) {
	const set = "wordpress_logged_in_ab12=admin%7Csecret; Path=/; HttpOnly"
	for _, row := range []struct {
		name, set, cookie string
		want              bool
	}{
		{"the cookie that was set", set, "a=b; wordpress_logged_in_ab12=admin%7Csecret", true},
		{"a name in full", "sid=x", "sid=x", true},
		{"a forged value", set, "wordpress_logged_in_ab12=admin%7Cforged", false},
		{"another name with that value", set, "wordpress_logged_in_zz=admin%7Csecret", false},
		{"nothing was set", "", "wordpress_logged_in_ab12=admin%7Csecret", false},
		{"another cookie was set", "theme=dark", "theme=dark", false},
		{"a name that is only the beginning", "sidecar=x", "sidecar=x", false},
		{"a cookie that was taken back", "wordpress_logged_in_ab12=%20; Max-Age=0", "wordpress_logged_in_ab12=%20", false},
		{"an empty one", "sid=; Path=/", "sid=", false},
		{"one that is over", "sid=x; Expires=Thu, 01 Jan 1970 00:00:01 GMT", "sid=x", false},
		{"behind too many others", "sid=x", strings.Repeat("a=b; ", 64) + "sid=x", false},
		{"behind too many bytes", "sid=x", "a=" + strings.Repeat("b", 8192) + "; sid=x", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSessions(t, SessionsConfig{})
			if row.set != "" {
				s.Note(having(""), setting(row.set), one)
			}
			if got := s.Known(having(row.cookie), one); got != row.want {
				t.Errorf("known: %v, want %v", got, row.want)
			}
		})
	}
}

func TestSessionsEnd(t *testing.T) {
	for _, row := range []struct {
		name string
		then func(s *Sessions)
		want bool // it is known afterwards
	}{
		{"nothing", func(*Sessions) {}, true},
		{"logout: the cookie is taken back", func(s *Sessions) { s.Note(having("sid=x"), setting("sid=; Max-Age=0"), one) }, false},
		{"logout: it is over", func(s *Sessions) {
			s.Note(having("sid=x"), setting("sid=x; Expires=Thu, 01 Jan 1970 00:00:01 GMT"), one)
		}, false},
		{"logout: all cookies are cleared", func(s *Sessions) {
			s.Note(having("sid=x"), http.Header{"Clear-Site-Data": {`"cache", "cookies"`}}, one)
		}, false},
		{"logout: another takes its place", func(s *Sessions) { s.Note(having("sid=x"), setting("sid=y"), one) }, false},
		{"the logout of another session", func(s *Sessions) { s.Note(having("sid=y"), setting("sid=; Max-Age=0"), one) }, true},
		{"the logout of another client with its cookie", func(s *Sessions) { s.Note(having("sid=x"), setting("sid=; Max-Age=0"), two) }, true},
		{"another cookie is taken back", func(s *Sessions) { s.Note(having("sid=x; a=b"), setting("a=; Max-Age=0"), one) }, true},
		{"almost a day, in use", func(s *Sessions) {
			for range 23 {
				<-time.After(time.Hour)
				s.Known(having("sid=x"), one)
			}
		}, true},
		{"a day, in use", func(s *Sessions) {
			for range 24 {
				<-time.After(time.Hour)
				s.Known(having("sid=x"), one)
			}
		}, false},
		{"three days", func(*Sessions) { <-time.After(72 * time.Hour) }, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSessions(t, SessionsConfig{})
				s.Note(having(""), setting("sid=x"), one)
				row.then(s)
				if got := s.Known(having("sid=x"), one); got != row.want {
					t.Errorf("known: %v, want %v", got, row.want)
				}
			})
		})
	}
}

func TestASessionIsBoundToItsClient(t *testing.T) {
	s := newSessions(t, SessionsConfig{})
	s.Note(having(""), setting("sid=x"), one)
	s.Note(having(""), setting("sid=six"), netip.MustParseAddr("2001:db8::1"))
	if s.Known(having("sid=x"), two) {
		t.Error("a cookie is known at another address")
	}
	if !s.Known(having("sid=six"), netip.MustParseAddr("2001:db8::2")) {
		t.Error("a cookie is not known in the rest of its /64")
	}
}

func TestSessionsAreBounded(t *testing.T) {
	s := newSessions(t, SessionsConfig{Size: 1000})
	other := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
	for i := range 100_000 {
		s.Note(having(""), setting(fmt.Sprintf("sid=%d", i)), other(i))
	}
	if n := len(s.old) + len(s.young); n > 1000 {
		t.Errorf("%d are kept", n)
	}
	if !s.Known(having("sid=99999"), other(99_999)) {
		t.Error("the newest is forgotten")
	}
}

// A client that registers repeatedly does not displace the sessions of others.
func TestSessionsOfOneClientAreBounded(t *testing.T) {
	s := newSessions(t, SessionsConfig{Size: 1000})
	s.Note(having(""), setting("sid=x"), one)
	for i := range 10_000 {
		s.Note(having(""), setting(fmt.Sprintf("sid=%d", i)), two)
	}
	if n := len(s.old) + len(s.young); n != 11 {
		t.Errorf("%d are kept, want 10 of one client and 1 of the other", n)
	}
	if !s.Known(having("sid=x"), one) {
		t.Error("the session of another client is forgotten")
	}
}

// The response to a logout is seen although its request is not observed.
func TestALogoutIsSeen(t *testing.T) {
	s, watch := newSessions(t, SessionsConfig{}), &guard{}
	m := mustNew(t, Config{Lookup: nothing, Observe: watch, Sessions: s})
	h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/login":
			w.Header().Set("Set-Cookie", "sid=x")
		case "/logout":
			w.Header().Set("Set-Cookie", "sid=; Max-Age=0")
		}
	}))
	for _, path := range []string{"/login", "/a", "/logout", "/b"} {
		r := request("192.0.2.1:1", path)
		r.Header.Set("Cookie", "sid=x")
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	if want := []string{"GET /login", "GET /b"}; !slices.Equal(watch.seen, want) {
		t.Errorf("observed %q, want %q", watch.seen, want)
	}
}

func TestNewSessionsRefuses(t *testing.T) {
	for _, names := range [][]string{nil, {""}, {"*"}, {"sid", "**"}} {
		if _, err := NewSessions(SessionsConfig{Names: names}); err == nil {
			t.Errorf("%q: no error", names)
		}
	}
}
