package inspectors

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/internal/appsectest"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestTheBlockOfACaddyfile(t *testing.T) {
	for text, want := range map[string]string{
		"appsec http://127.0.0.1:1":                             `{"url":"http://127.0.0.1:1"}`,
		"appsec http://127.0.0.1:1 key":                         `{"url":"http://127.0.0.1:1","key":"key"}`,
		"appsec http://127.0.0.1:1 {\nbody_limit 64KiB\nh2c\n}": `{"url":"http://127.0.0.1:1","body_limit":65536,"h2c":true}`,
		"appsec https://a {\ntls cert key ca\n}":                `{"url":"https://a","tls_cert":"cert","tls_key":"key","tls_ca":"ca"}`,
		"appsec":                                                `tocsin: appsec: want a URL and perhaps a key, got 0 arguments, at Testfile:1`,
		"appsec a b c":                                          `tocsin: appsec: want a URL and perhaps a key, got 3 arguments, at Testfile:1`,
		"appsec a {\nfailure throttle\n}":                       `tocsin: appsec: failure: "throttle": want one of open, ban, captcha, at Testfile:2`,
	} {
		if got := parsed("tocsin.inspectors.appsec", text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// parsed returns the JSON that a module makes of its block in a Caddyfile, or the error.
func parsed(module, text string) string {
	d := caddyfile.NewTestDispenser(text)
	d.Next()
	m, err := caddyfile.UnmarshalModule(d, module)
	if err != nil {
		return err.Error()
	}
	words, err := json.Marshal(m)
	if err != nil {
		return err.Error()
	}
	return string(words)
}

// keyed is a source with a key.
type keyed struct {
	guest.Opened
	key string
}

func (k keyed) Key() string { return k.key }

func TestTheKey(t *testing.T) {
	t.Setenv("TOCSIN_TEST_KEY", "from the environment")
	name := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(name, []byte("from the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sources := []guest.Opened{keyed{key: ""}, keyed{key: "of the second source"}, keyed{key: "of the third"}}
	for key, want := range map[string]string{
		"":                         "of the second source",
		"own":                      "own",
		"{env.TOCSIN_TEST_KEY}":    "from the environment",
		"file:" + name:             "from the file",
		"file:" + name + ".none":   "key: open " + name + ".none: no such file or directory",
		"{env.TOCSIN_TEST_NO_KEY}": "key: ",
	} {
		s := &AppSec{URL: "http://127.0.0.1:1", Key: key}
		got := ""
		if err := s.Resolve(caddy.NewReplacer(), sources); err != nil {
			got = err.Error()
		} else {
			got = s.Key
		}
		if got != want && !(want == "key: " && strings.HasPrefix(got, want)) {
			t.Errorf("%q: got %q, want %q", key, got, want)
		}
	}
}

// The words of the module are those of the package.
func TestConfig(t *testing.T) {
	for _, row := range []struct {
		have AppSec
		is   func(appsec.Config) bool
	}{
		{AppSec{}, func(c appsec.Config) bool {
			return c.OnFailure == lookup.None && c.Fallback == lookup.None && c.BodyOver == lookup.None && c.MaxHTTPVersion == 0 && !c.PassOverload
		}},
		{AppSec{Failure: "open"}, func(c appsec.Config) bool { return c.OnFailure == lookup.None }},
		{AppSec{Failure: "captcha"}, func(c appsec.Config) bool { return c.OnFailure == lookup.Captcha }},
		{AppSec{Failure: "ban"}, func(c appsec.Config) bool { return c.OnFailure == lookup.Ban }},
		{AppSec{Fallback: "captcha"}, func(c appsec.Config) bool { return c.Fallback == lookup.Captcha }},
		{AppSec{BodyOver: "ban"}, func(c appsec.Config) bool { return c.BodyOver == lookup.Ban }},
		{AppSec{BodyOver: "pass"}, func(c appsec.Config) bool { return c.BodyOver == lookup.None }},
		{AppSec{Overload: "pass"}, func(c appsec.Config) bool { return c.PassOverload }},
		{AppSec{MaxHTTPVersion: "1.1"}, func(c appsec.Config) bool { return c.MaxHTTPVersion.String() == "HTTP/1.1" }},
		{AppSec{MaxHTTPVersion: "3"}, func(c appsec.Config) bool { return c.MaxHTTPVersion.String() == "HTTP/3" }},
		{AppSec{Timeout: caddy.Duration(time.Second), BodyMemory: 7}, func(c appsec.Config) bool { return c.Timeout == time.Second && c.BodyMemory == 7 }},
	} {
		cfg, err := row.have.config()
		if err != nil || !row.is(cfg) {
			t.Errorf("%+v: %+v, %v", row.have, cfg, err)
		}
	}
	for _, bad := range []AppSec{{Failure: "throttle"}, {Fallback: "nonsense"}, {BodyOver: "nonsense"}, {MaxHTTPVersion: "4"}} {
		if _, err := bad.config(); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

// open returns an open module that asks s.
func open(t *testing.T, s *appsectest.Server, m AppSec, l *zap.Logger) *client {
	t.Helper()
	m.URL, m.Key = s.URL, appsectest.Key
	if err := m.Resolve(caddy.NewReplacer(), nil); err != nil {
		t.Fatal(err)
	}
	opened, err := m.Open(l)
	if err != nil {
		t.Fatal(err)
	}
	c := opened.(*client)
	t.Cleanup(c.Close)
	return c
}

func TestAnOpenModuleAsksAppSec(t *testing.T) {
	s := appsectest.Start(t, nil)
	c := open(t, s, AppSec{Timeout: caddy.Duration(30 * time.Second), Failure: "captcha", Fallback: "captcha"}, zap.NewNop())
	r := httptest.NewRequest(http.MethodGet, "/page?a=1", nil)
	v, err := c.Inspect(r, inspect.Details{Client: netip.MustParseAddr("192.0.2.1")})
	if err != nil || v.Action != lookup.None {
		t.Errorf("%+v, %v", v, err)
	}
	if q := s.Last(t, 1); q.URI != "/page?a=1" || q.IP != "192.0.2.1" {
		t.Errorf("AppSec is asked about %s of %s", q.URI, q.IP)
	}
	if c.Name() != "appsec" || c.Target() != s.URL || c.Stats().Asked != 1 || !c.Owns("/crowdsec-internal/challenge/x") || c.Owns("/") {
		t.Errorf("%s, %s, %+v", c.Name(), c.Target(), c.Stats())
	}
	if asking := c.Captchas(); !slices.Equal(asking, []string{"failure of appsec", "fallback of appsec"}) {
		t.Errorf("captchas are asked for by %q", asking)
	}
}

// Rules that would refuse every visitor over HTTP/3 are named in the log, once. Nothing
// runs when stop has returned.
func TestStartChecksTheRules(t *testing.T) {
	for _, row := range []struct {
		version string
		knows   bool // the rules know HTTP/3
		want    int
	}{{"3", false, 1}, {"3", true, 0}, {"", false, 0}} {
		s := appsectest.Start(t, nil)
		s.Run(appsectest.Runner{Routines: 1, NoHTTP3: !row.knows})
		core, logs := observer.New(zap.WarnLevel)
		c := open(t, s, AppSec{MaxHTTPVersion: row.version, Timeout: caddy.Duration(30 * time.Second)}, zap.NewNop())
		stop := c.Start(zap.New(core))
		deadline := time.After(20 * time.Second)
		for want := row.want; logs.Len() < want; {
			select {
			case <-deadline:
				t.Fatal("no warning")
			case <-time.After(5 * time.Millisecond):
			}
		}
		stop()
		if n := logs.FilterMessageSnippet("max_http_version 3 does not fit the rules").Len(); n != row.want {
			t.Errorf("%+v: %d warnings", row, n)
		}
	}
}
