//go:build linux

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// A provider is a service that tells people from programs, as far as a browser
// and a site see it: its widget finds everybody human.
type provider struct {
	*httptest.Server
	hostname string // that a response was made for, if it is asked
	down     bool   // it has no script
	failing  bool   // it cannot be asked
	secrets  chan url.Values
}

func newProvider(t testing.TB) *provider {
	p := &provider{hostname: "127.0.0.1", secrets: make(chan url.Values, 100)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api.js", func(w http.ResponseWriter, _ *http.Request) {
		if p.down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = fmt.Fprint(w, `for (const box of document.querySelectorAll(".human")) {
			const field = document.createElement("input");
			field.type = "hidden";
			field.name = "human-response";
			field.value = "response-for-" + box.dataset.sitekey;
			box.append(field);
		}`)
	})
	mux.HandleFunc("POST /verify", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || p.failing {
			http.Error(w, "failing", http.StatusInternalServerError)
			return
		}
		p.secrets <- r.PostForm
		_, _ = fmt.Fprintf(w, `{"success": true, "hostname": %q, "challenge_ts": %q}`, p.hostname, time.Now().UTC().Format(time.RFC3339))
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) options() string {
	return "challenge siteverify key-of-the-site secret-of-the-site {\nlevel low\nraise off\nclass human\nfield human-response\n" +
		"script_url " + p.URL + "/api.js\nverify_url " + p.URL + "/verify\n}"
}

func TestAProviderLetsAVisitorInInABrowser(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	s := newShop(t, shopConfig{challenge: p.options()})
	v := newVisitor(t, browserConfig{})
	v.Open(s.url("127.0.0.1", "/wanted?q=1"))
	if q := v.arrive(); q.URL != "/wanted?q=1" {
		t.Errorf("%+v", q)
	}
	if got, want := v.history(), "GET 403, POST 204, GET 200"; got != want {
		t.Errorf("requests: %s; want %s", got, want)
	}
	got := (<-p.secrets).Encode()
	if want := "response=response-for-key-of-the-site&secret=secret-of-the-site"; got != want {
		t.Errorf("the provider is told %s, want %s", got, want)
	}
}

// The provider's word is worth nothing while it cannot be asked. The visitor works
// instead.
func TestTheEmbeddedChallengeStandsInForAProviderInABrowser(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.failing = true
	s := newShop(t, shopConfig{challenge: p.options()})
	v := newVisitor(t, browserConfig{})
	v.Open(s.url("127.0.0.1", "/wanted"))
	v.arrive()
	if got, want := v.history(), "GET 403, POST 403, GET 403, POST 204, GET 200"; got != want {
		t.Errorf("requests: %s; want %s", got, want)
	}
}

func TestAProvidersNoIsTheEndInABrowser(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		hostname string
		down     bool
		text     string
		requests string
	}{
		{"a response for another site", "evil.example", false, "The check did not work.", "GET 403, POST 403, GET 403, POST 403, GET 403, POST 403"},
		{"a widget that does not come", "127.0.0.1", true, "The check could not be loaded. Perhaps something blocks it.", "GET 403"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t)
			p.hostname, p.down = row.hostname, row.down
			s := newShop(t, shopConfig{challenge: p.options()})
			v := newVisitor(t, browserConfig{})
			v.Open(s.url("127.0.0.1", "/wanted"))
			v.reads("#tocsin [role=status]", row.text)
			v.reads("#tocsin button", "Try again")
			v.heard() // why it does not come
			if got := v.history(); got != row.requests {
				t.Errorf("requests: %s; want %s", got, row.requests)
			}
		})
	}
}

// The widget is ALTCHA's own, from the file that TOCSIN_ALTCHA names:
// dist/main/altcha.min.js of the npm package altcha, version 3.2.2.
func TestALTCHAsWidgetInABrowser(t *testing.T) {
	t.Parallel()
	file := os.Getenv("TOCSIN_ALTCHA")
	if file == "" {
		t.Skip("TOCSIN_ALTCHA does not name the script of ALTCHA's widget")
	}
	for _, row := range []struct {
		name, host string
		tls        bool
	}{
		{"over HTTPS", "shop.example", true},
		{"over HTTP on this machine, which is as good", "127.0.0.1", false},
		{"over HTTP, where the embedded challenge stands in", "shop.example", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, shopConfig{tls: row.tls, challenge: "challenge altcha " + file + " {\nlevel low\nraise off\n}"})
			v := newVisitor(t, browserConfig{})
			v.Open(s.url(row.host, "/wanted?q=1"))
			if row.tls || row.host == "127.0.0.1" {
				v.shoot("altcha-" + strings.Fields(row.name)[1])
				v.click("altcha-widget input[type=checkbox]")
			}
			if q := v.arrive(); q.URL != "/wanted?q=1" {
				t.Errorf("%+v", q)
			}
			if got, want := v.history(), "GET 403, POST 204, GET 200"; got != want {
				t.Errorf("requests: %s; want %s", got, want)
			}
		})
	}
}
