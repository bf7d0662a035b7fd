package challenge

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestAConfigThatCannotBeIsRefused(t *testing.T) {
	keys := newKeys(t, secretA)
	for _, tt := range []struct {
		name string
		c    Config
		want string // in the error
	}{
		{"no keys", Config{}, "no keys"},
		{"a keyring that nothing was set in", Config{Keys: new(Keyring)}, "no keys"},
		{"an unknown level", Config{Keys: keys, Level: 4}, "level 4"},
		{"too short a time to live", Config{Keys: keys, TTL: 59 * time.Second}, "TTL 59s"},
		{"too long a time to live", Config{Keys: keys, TTL: 25 * time.Hour}, "TTL 25h0m0s"},
		{"a negative time to live", Config{Keys: keys, TTL: -1}, "TTL -1ns"},
		{"too short a wait", Config{Keys: keys, Wait: time.Second}, "wait 1s"},
		{"too long a wait", Config{Keys: keys, Wait: time.Hour}, "wait 1h0m0s"},
	} {
		if _, err := New(tt.c); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: the error is %v; want it to say %q", tt.name, err, tt.want)
		}
	}
}

func TestTheZeroConfigIsTheDocumentedOne(t *testing.T) {
	g := newGate(t, Config{})
	if g.rules != (rules{Medium, 5, 20}) || g.ttl != 30*time.Minute || g.wait != 0 || g.hosted != nil {
		t.Errorf("the defaults are %+v", g)
	}
}

func TestGatesMayShareCounters(t *testing.T) {
	counters := new(Counters)
	for range 2 {
		newClient(t, newGate(t, Config{Counters: counters})).solve()
	}
	if n := counters.Counts().Solved; n != 2 {
		t.Errorf("%d solved; want 2", n)
	}
}

func TestOnlyBrowsersGetChallenges(t *testing.T) {
	c := newClient(t, newGate(t, Config{Provider: &fakeProvider{}}))
	read := errors.New("the body was read")
	for _, navigation := range []bool{true, false} {
		r := c.request("GET", "")
		if navigation {
			r.Header.Set("Sec-Fetch-Mode", "navigate")
		} else {
			r = c.post("a=1")
			r.Header.Set("Sec-Fetch-Mode", "cors")
			r.Body = io.NopCloser(iotest.ErrReader(read))
		}
		before := c.gate.Counters().Counts().Issued
		w := newRecorder()
		c.gate.Challenge(w, r, c.visitor())
		if issued := c.gate.Counters().Counts().Issued > before; issued != navigation || w.Code != http.StatusForbidden {
			t.Errorf("navigation: %t: the status is %d, a challenge is issued: %t", navigation, w.Code, issued)
		}
		if _, err := io.ReadAll(r.Body); !navigation && !errors.Is(err, read) {
			t.Error("the body of a program's request was read")
		}
	}
}

// ALTCHA's own widget shows an error where the browser has no crypto API.
func TestAWidgetThatNeedsHTTPSIsNotShownWithout(t *testing.T) {
	g := newGate(t, Config{Provider: altcha{Widget{Puzzle: true, Class: "box", Field: "altcha"}}})
	for url, want := range map[string]kind{
		"https://shop.example/": boxed, "http://shop.example/": embedded, "http://127.0.0.1:8080/": boxed, "http://localhost/": boxed,
	} {
		c := newClient(t, g)
		c.url = url
		page := c.challenged()
		token, ok := parseToken(page.Token)
		if !ok || token.kind() != want || (page.Widget != nil) != (want == boxed) {
			t.Errorf("%s: kind %v, widget %v", url, token.kind(), page.Widget)
		}
	}
	if n := g.Counters().Counts().Fallback; n != 0 {
		t.Errorf("%d of them count as failures of the provider", n)
	}
}
