package middleware

import (
	"fmt"
	"net/http"
	"net/http/httptest"
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
		{"behind too many others", "sid=x", strings.Repeat("a=b; ", maxCookies) + "sid=x", false},
		{"behind too many bytes", "sid=x", "a=" + strings.Repeat("b", maxCookie) + "; sid=x", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSessions(t, SessionsConfig{})
			if row.set != "" {
				s.Note(setting(row.set))
			}
			if got := s.Known(having(row.cookie)); got != row.want {
				t.Errorf("known: %v, want %v", got, row.want)
			}
		})
	}
}

func TestSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(t, SessionsConfig{TTL: time.Hour})
		s.Note(setting("sid=used"))
		s.Note(setting("sid=idle"))
		for range 10 {
			<-time.After(30 * time.Minute)
			if !s.Known(having("sid=used")) {
				t.Fatal("one that is used is forgotten")
			}
		}
		if s.Known(having("sid=idle")) {
			t.Error("one that is not used is known for ever")
		}
		<-time.After(3 * time.Hour)
		if s.Known(having("sid=used")) {
			t.Error("known after a rest of three hours")
		}
	})
}

func TestSessionsAreBounded(t *testing.T) {
	s := newSessions(t, SessionsConfig{Size: 1000})
	for i := range 100_000 {
		s.Note(setting(fmt.Sprintf("sid=%d", i)))
	}
	if n := len(s.old) + len(s.young); n > 1000 {
		t.Errorf("%d are kept", n)
	}
	if !s.Known(having("sid=99999")) {
		t.Error("the newest is forgotten")
	}
}

func TestNewSessionsRefuses(t *testing.T) {
	for _, names := range [][]string{nil, {""}, {"*"}, {"sid", "**"}} {
		if _, err := NewSessions(SessionsConfig{Names: names}); err == nil {
			t.Errorf("%q: no error", names)
		}
	}
}
